"""One content-hashed name with other content: of all releases that are kept, each can be gone back to."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from release.static import store
from release.static.builds import from_folder
from release.static.content import CACHE_CONTROL
from release.static.errors import StaticReleaseError
from release.static.expire import expire
from release.static.manifest import Manifest
from release.static.source import Folder, Upstream
from tests.local.site_world import ONE, THREE, TWO, KilledError, World, build, make_world

LOGO = "assets/logo-BvX1aZ9k.png"
ORIGINAL, OPTIMISED = b"ORIGINAL-BYTES", b"optimised-byte"


@pytest.fixture
def world(site_endpoint: str) -> World:
    return make_world(site_endpoint, versioned=True)


def overwrite(world: World, body: bytes = OPTIMISED) -> None:
    """As a release did that knew only the active one: the right headers, and a checksum of S3."""
    world.s3.client.put_object(
        Bucket=world.site.bucket,
        Key=LOGO,
        Body=body,
        ContentType="image/png",
        CacheControl=CACHE_CONTROL["immutable"],
        ChecksumSHA256=store.checksum(hashlib.sha256(body).hexdigest()),
    )


@pytest.fixture
def first(world: World, tmp_path: Path) -> Manifest:
    """A release with the logo, followed by one without."""
    manifest = world.release(build(tmp_path / "a", ONE, **{LOGO: ORIGINAL}))
    world.release(build(tmp_path / "b", TWO))
    return manifest


def test_release_that_was_staged_and_never_active_counts(world: World, tmp_path: Path) -> None:
    staged = build(tmp_path / "a", ONE, **{LOGO: ORIGINAL})
    world.stage(from_folder(staged), Folder(path=staged))
    with pytest.raises(StaticReleaseError, match="has other content"):
        world.release(build(tmp_path / "b", TWO, **{LOGO: OPTIMISED}))


def test_staging_that_never_ended_reserves_no_name(world: World, tmp_path: Path) -> None:
    folder = build(tmp_path / "a", ONE, **{LOGO: ORIGINAL})
    world.s3.die_after = 6
    with pytest.raises(KilledError):
        world.stage(from_folder(folder), Folder(path=folder))
    world.s3.die_after = None
    other = build(tmp_path / "b", TWO, **{LOGO: OPTIMISED})
    world.release(other)
    world.assert_consists_of(other, {"environment": "dev"})
    with pytest.raises(StaticReleaseError, match="has other content"):
        world.release(folder)


def test_forgotten_release_frees_its_names(world: World, first: Manifest, tmp_path: Path) -> None:
    assert expire(s3=world.s3, site=world.site, say=print, keep=1).manifests == (first.digest,)
    folder = build(tmp_path / "c", THREE, **{LOGO: OPTIMISED})
    world.release(folder)
    world.assert_consists_of(folder, {"environment": "dev"})


def test_kept_manifest_that_was_changed_ends_going_back_with_what_to_do(
    world: World, first: Manifest, tmp_path: Path
) -> None:
    key = store.root(first.digest) + "manifest.json"
    world.s3.client.put_object(
        Bucket=world.site.records_bucket, Key=key, Body=from_folder(build(tmp_path, TWO)).to_json()
    )
    with pytest.raises(
        StaticReleaseError, match=r"is damaged, .*\n  to restore its earlier version:  aws s3api copy-object"
    ):
        world.activate(first)


def test_going_back_serves_what_was_proven_also_after_another_wrote_the_file(
    world: World, first: Manifest, tmp_path: Path
) -> None:
    overwrite(world)
    world.stage(first, Upstream(bucket=world.site.bucket, records_bucket=world.site.records_bucket))
    world.activate(first)
    assert f"{LOGO} restored from an earlier version of it" in world.said
    world.assert_consists_of(tmp_path / "a", {"environment": "dev"})
    assert world.get(f"/{LOGO}")[1] == ORIGINAL
    assert f"/{LOGO}" in world.invalidations()[-1]


def test_restoring_that_is_killed_is_no_finished_site(site_endpoint: str, world: World, first: Manifest) -> None:
    overwrite(world)
    world.s3.calls.clear()
    world.s3.die_after = 0
    while True:
        try:
            world.activate(first)
        except KilledError:
            world.s3.calls.clear()
            world.s3.die_after += 1
            head = world.s3.client.head_object(Bucket=world.site.bucket, Key=LOGO, ChecksumMode="ENABLED")
            marked = "unsettled.json" in world.keys(world.site.records_bucket)
            restored = head["ChecksumSHA256"] == store.checksum(hashlib.sha256(ORIGINAL).hexdigest())
            assert marked or not restored
        else:
            break
    assert world.s3.die_after > 6


def test_other_content_of_the_same_length_is_drift(world: World, tmp_path: Path) -> None:
    manifest = world.release(build(tmp_path, ONE, **{LOGO: ORIGINAL}))
    overwrite(world)
    assert world.look() == f"{manifest.digest} changed: {LOGO}"
    world.activate(manifest, rewrite=True)
    assert world.look() == manifest.digest
    assert world.get(f"/{LOGO}")[1] == ORIGINAL


def test_object_with_headers_and_metadata_of_a_release_and_no_checksum_is_not_believed(
    world: World, tmp_path: Path
) -> None:
    manifest = world.release(build(tmp_path / "a", ONE, **{LOGO: ORIGINAL}))
    world.s3.client.put_object(
        Bucket=world.site.bucket,
        Key=LOGO,
        Body=OPTIMISED,
        ContentType="image/png",
        CacheControl=CACHE_CONTROL["immutable"],
        Metadata={"sha256": hashlib.sha256(ORIGINAL).hexdigest()},
    )
    assert world.look() == f"{manifest.digest} changed: {LOGO}"
    second = build(tmp_path / "b", TWO, **{LOGO: ORIGINAL})
    world.release(second)
    world.assert_consists_of(second, {"environment": "dev"})


def test_next_environment_is_told_which_release_there_took_the_name(
    site_endpoint: str, world: World, first: Manifest, tmp_path: Path
) -> None:
    overwrite(world)
    other = from_folder(build(tmp_path / "c", THREE, **{LOGO: OPTIMISED}))
    key = store.root(other.digest) + "manifest.json"
    world.s3.client.put_object(Bucket=world.site.records_bucket, Key=key, Body=other.to_json())
    here = make_world(site_endpoint)
    with pytest.raises(StaticReleaseError, match=r"not that of 111111111111 .*, but that of 333333333333"):
        here.stage(first, Upstream(bucket=world.site.bucket, records_bucket=world.site.records_bucket))
    assert LOGO not in here.keys(here.site.bucket)


def test_next_environment_compares_with_what_it_keeps_itself(
    site_endpoint: str, world: World, first: Manifest, tmp_path: Path
) -> None:
    here = make_world(site_endpoint)
    here.release(build(tmp_path / "c", THREE, **{LOGO: OPTIMISED}))
    with pytest.raises(StaticReleaseError, match=rf"{LOGO} of 111111111111 .* than in 333333333333"):
        here.stage(first, Upstream(bucket=world.site.bucket, records_bucket=world.site.records_bucket))

"""Static releases against S3 and CloudFront of an emulator of their own."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from release.static import store
from release.static.builds import from_folder
from release.static.errors import StaticReleaseError
from release.static.expire import expire
from release.static.source import Folder, Upstream
from tests.local.site_world import ONE, TWO, KilledError, World, build, make_world


@pytest.fixture
def world(site_endpoint: str) -> World:
    return make_world(site_endpoint)


def test_first_release_serves_every_file(world: World, tmp_path: Path) -> None:
    folder = build(tmp_path, ONE)
    world.release(folder, {"environment": "impl"})
    world.assert_consists_of(folder, {"environment": "impl"})


def test_second_release_brings_only_what_is_new(world: World, tmp_path: Path) -> None:
    world.release(build(tmp_path / "one", ONE))
    world.s3.calls.clear()
    folder = build(tmp_path / "two", TWO)
    manifest = from_folder(folder)
    assert world.stage(manifest, Folder(path=folder)) == 3
    assert len(world.s3.calls) == 8, "three to read, two to write, and three files"
    done = world.activate(manifest)
    assert done.written == ("index.html", "version.json")
    assert world.invalidations()[1:] == [["/", "/index.html", "/version.json"]]
    world.assert_consists_of(folder, {"environment": "dev"})
    assert world.get("/assets/index-1111Xy_9.js")[0] == 200, "a page that is open may still ask for it"


def test_asset_that_somebody_deleted_is_brought_by_the_next_version(world: World, tmp_path: Path) -> None:
    kept = {"assets/shared-3333Xy_9.js": b"shared"}
    world.release(build(tmp_path / "one", ONE, **kept))
    world.s3.delete_object(Bucket=world.site.bucket, Key="assets/shared-3333Xy_9.js")
    folder = build(tmp_path / "two", TWO, **kept)
    world.release(folder)
    world.assert_consists_of(folder, {"environment": "dev"})


def test_nothing_changed_is_two_requests(world: World, tmp_path: Path) -> None:
    folder = build(tmp_path, ONE)
    world.release(folder)
    world.s3.calls.clear()
    world.cloudfront.calls.clear()
    world.release(folder)
    assert world.s3.calls == ["get_object static/active.json"] * 2
    assert world.cloudfront.calls == []


def test_staging_changes_nothing_that_is_served(world: World, tmp_path: Path) -> None:
    one = build(tmp_path / "one", ONE)
    world.release(one)
    two = build(tmp_path / "two", TWO, **{"new.html": b"new"})
    world.stage(from_folder(two), Folder(path=two))
    world.assert_consists_of(one, {"environment": "dev"})
    assert world.get("/new.html")[0] != 200
    assert world.get("/assets/index-2222Xy_9.js")[0] == 200


def test_change_of_settings_alone_switches_config_json(world: World, tmp_path: Path) -> None:
    folder = build(tmp_path, ONE)
    manifest = world.release(folder, {"environment": "dev"})
    done = world.activate(manifest, {"environment": "dev", "banner": "Grüße"})
    assert done.written == ("config.json",)
    assert world.invalidations()[-1] == ["/config.json"]
    world.assert_consists_of(folder, {"environment": "dev", "banner": "Grüße"})


def test_going_back_needs_no_build(world: World, tmp_path: Path) -> None:
    one = build(tmp_path / "one", ONE)
    world.release(one)
    world.release(build(tmp_path / "two", TWO))
    world.activate(from_folder(one))
    world.assert_consists_of(one, {"environment": "dev"})
    assert len(world.invalidations()) == 3


def test_next_environment_copies_without_a_build(site_endpoint: str, tmp_path: Path) -> None:
    dev, impl = make_world(site_endpoint), make_world(site_endpoint)
    one, two = build(tmp_path / "one", ONE), build(tmp_path / "two", TWO)
    for folder in (one, two):
        digest = dev.release(folder).digest
        upstream = Upstream(bucket=dev.site.bucket, records_bucket=dev.site.records_bucket)
        manifest = store.load(s3=impl.s3, records_bucket=upstream.records_bucket, digest=digest)
        impl.stage(manifest, upstream)
        impl.activate(manifest, {"environment": "impl"})
        impl.assert_consists_of(folder, {"environment": "impl"})


def test_object_that_was_changed_in_the_environment_before_is_not_copied(site_endpoint: str, tmp_path: Path) -> None:
    dev, impl = make_world(site_endpoint), make_world(site_endpoint)
    manifest = dev.release(build(tmp_path, ONE))
    dev.s3.client.put_object(Bucket=dev.site.bucket, Key="assets/vendor-D3adB33f.js", Body=b"tamper")
    with pytest.raises(StaticReleaseError, match=r"is not the assets/vendor-D3adB33f\.js that the manifest names"):
        impl.stage(manifest, Upstream(bucket=dev.site.bucket, records_bucket=dev.site.records_bucket))
    with pytest.raises(StaticReleaseError, match="was not staged to its end"):
        impl.activate(manifest)
    with pytest.raises(StaticReleaseError):
        impl.stage(manifest, Upstream(bucket=dev.site.bucket, records_bucket=dev.site.records_bucket))


def test_stored_manifest_that_was_changed_is_refused(world: World, tmp_path: Path) -> None:
    manifest = world.release(build(tmp_path, ONE))
    key = store.root(manifest.digest) + "manifest.json"
    other = from_folder(build(tmp_path, TWO))
    world.s3.client.put_object(Bucket=world.site.records_bucket, Key=key, Body=other.to_json())
    with pytest.raises(StaticReleaseError, match="is damaged, no release wrote it so: its digest is"):
        store.load(s3=world.s3, records_bucket=world.site.records_bucket, digest=manifest.digest)


def test_file_that_changes_after_the_manifest_is_not_released(world: World, tmp_path: Path) -> None:
    folder = build(tmp_path, ONE)
    manifest = from_folder(folder)
    (folder / "assets/vendor-D3adB33f.js").write_bytes(b"VENDOR")
    with pytest.raises(StaticReleaseError, match=r"vendor-D3adB33f.js changed while it was being released"):
        world.stage(manifest, Folder(path=folder))


def test_large_file_arrives_whole(world: World, tmp_path: Path) -> None:
    folder = build(tmp_path, ONE, **{"assets/video-aB3dE6gH.mp4": os.urandom(100 * 1024 * 1024)})
    manifest = from_folder(folder)
    world.stage(manifest, Folder(path=folder))
    world.activate(manifest)
    world.assert_consists_of(folder, {"environment": "dev"})


def test_release_killed_after_any_request_is_completed_by_the_next(site_endpoint: str, tmp_path: Path) -> None:
    one, two = build(tmp_path / "one", ONE), build(tmp_path / "two", TWO)
    died_at = 0
    while True:
        world = make_world(site_endpoint)
        world.release(one)
        world.s3.calls.clear()
        world.s3.die_after = died_at
        try:
            world.release(two)
        except KilledError:
            assert world.get("/")[0] == 200
        else:
            break
        world.s3.die_after = None
        world.release(two)
        world.assert_consists_of(two, {"environment": "dev"})
        died_at += 1
    assert died_at > 18


def test_object_that_no_release_wrote_is_not_trusted(world: World, tmp_path: Path) -> None:
    world.s3.client.put_object(Bucket=world.site.bucket, Key="assets/vendor-D3adB33f.js", Body=b"VENDOR")
    folder = build(tmp_path, ONE)
    time.sleep(3)  # the times of a listing are compared in seconds
    world.s3.die_after = 3
    with pytest.raises(KilledError):
        world.stage(from_folder(folder), Folder(path=folder))
    world.s3.die_after = None
    world.release(folder)
    world.assert_consists_of(folder, {"environment": "dev"})


def test_site_that_serves_something_else_is_not_proven(world: World, tmp_path: Path) -> None:
    world.release(build(tmp_path / "one", ONE))
    folder = build(tmp_path / "two", TWO)
    manifest = from_folder(folder)
    world.stage(manifest, Folder(path=folder))
    kept = store.blob(next(file.sha256 for file in manifest.files if file.path == "version.json"))
    world.s3.client.copy_object(
        Bucket=world.site.records_bucket,
        Key=kept,
        CopySource={"Bucket": world.site.bucket, "Key": "version.json"},
    )
    with pytest.raises(StaticReleaseError, match=r"is not the version\.json that the manifest names|does not serve"):
        world.activate(manifest, read_back_deadline_s=0)
    active = store.active(s3=world.s3, records_bucket=world.site.records_bucket)
    assert active is not None
    assert active.manifest == from_folder(tmp_path / "one").digest
    assert "unsettled.json" in world.keys(world.site.records_bucket)


def test_site_that_an_earlier_program_left_mixed_is_written_whole(world: World, tmp_path: Path) -> None:
    folder = build(tmp_path, ONE)
    manifest = world.release(folder)
    active = store.active(s3=world.s3, records_bucket=world.site.records_bucket)
    assert active is not None
    left = replace(active, unsettled="sha256:" + "9" * 64).to_json()
    world.s3.client.put_object(Bucket=world.site.records_bucket, Key=store.ACTIVE, Body=left)
    world.s3.client.put_object(Bucket=world.site.bucket, Key="index.html", Body=b"of another release")
    world.activate(manifest)
    world.assert_consists_of(folder, {"environment": "dev"})


def test_missing_distribution_is_named(site_endpoint: str, tmp_path: Path) -> None:
    world = make_world(site_endpoint, distribution=False)
    with pytest.raises(StaticReleaseError, match="could not invalidate 7 paths of the distribution none: NoSuch"):
        world.release(build(tmp_path, ONE))


def test_missing_bucket_is_named(site_endpoint: str, tmp_path: Path) -> None:
    world = make_world(site_endpoint, distribution=False)
    world.s3.client.delete_bucket(Bucket=world.site.bucket)
    with pytest.raises(StaticReleaseError, match=r"NoSuchBucket.*is that its name, and has it been created\?"):
        world.release(build(tmp_path, ONE))


def forget(world: World, keep: int, *named: str) -> tuple[str, ...]:
    return expire(s3=world.s3, site=world.site, say=world.said.append, keep=keep, named=named).manifests


def test_expiry_keeps_the_last_releases_and_every_file_that_they_name(world: World, tmp_path: Path) -> None:
    world.s3.client.put_object(Bucket=world.site.bucket, Key="from-elsewhere.txt", Body=b"")
    folders = [build(tmp_path / name, name * 40) for name in "123"]
    manifests = []
    for folder in folders:
        manifests.append(world.release(folder))
    staging = build(tmp_path / "4", "4" * 40)
    world.s3.die_after = len(world.s3.calls) + 6
    with pytest.raises(KilledError):
        world.stage(from_folder(staging), Folder(path=staging))
    world.s3.die_after = None

    assert forget(world, 3) == ()
    assert forget(world, 2, manifests[0].digest) == ()
    assert forget(world, 2) == (manifests[0].digest,)
    assert forget(world, 2) == ()
    keys = world.keys(world.site.bucket)
    assert "assets/index-1111Xy_9.js" not in keys
    assert {"assets/index-2222Xy_9.js", "assets/vendor-D3adB33f.js", "from-elsewhere.txt", "config.json"} <= set(keys)
    assert not [key for key in world.keys(world.site.records_bucket) if key.startswith(store.root(manifests[0].digest))]
    world.activate(manifests[1])
    world.assert_consists_of(folders[1], {"environment": "dev"})
    world.release(staging)
    world.assert_consists_of(staging, {"environment": "dev"})
    world.release(folders[0])
    world.assert_consists_of(folders[0], {"environment": "dev"})

"""A site that was changed by hand: seen by name, and written again, against S3 and CloudFront of an emulator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from release.static.errors import StaticReleaseError
from release.static.manifest import Manifest
from release.static.source import Folder, Upstream
from tests.local.site_world import ONE, TWO, World, build, make_world

VENDOR = "assets/vendor-D3adB33f.js"


@pytest.fixture
def world(site_endpoint: str) -> World:
    return make_world(site_endpoint, versioned=True)


def by_hand(world: World, key: str, **arguments: Any) -> None:
    """What somebody does with the console."""
    world.s3.client.put_object(Bucket=world.site.bucket, Key=key, **arguments)


def delete(world: World, key: str) -> None:
    world.s3.client.delete_object(Bucket=world.site.bucket, Key=key)


def test_site_that_was_never_released_has_no_manifest(world: World) -> None:
    assert world.look() is None


def test_nothing_differs_after_releases_and_what_they_left_does_not_count(world: World, tmp_path: Path) -> None:
    world.release(build(tmp_path / "one", ONE))
    manifest = world.release(build(tmp_path / "two", TWO))
    assert world.look() == manifest.digest


def test_each_file_that_was_changed_by_hand_is_named(world: World, tmp_path: Path) -> None:
    manifest = world.release(build(tmp_path, ONE))
    by_hand(world, "index.html", Body=b"<h1>We are back soon</h1>", ContentType="text/html", CacheControl="no-cache")
    by_hand(world, "config.json", Body=b"{}")
    by_hand(world, VENDOR, Body=b"vendor, and more")
    delete(world, "robots.txt")
    delete(world, "assets/style-Ab12-_zZ.css")
    same_size = (tmp_path / "version.json").read_bytes().replace(b"1", b"2")
    by_hand(world, "version.json", Body=same_size, ContentType="application/json", CacheControl="no-cache")
    assert world.look() == (
        f"{manifest.digest} changed: {VENDOR}, config.json, index.html, version.json; "
        "missing: assets/style-Ab12-_zZ.css, robots.txt"
    )


def test_file_with_the_same_bytes_and_other_headers_is_named(world: World, tmp_path: Path) -> None:
    manifest = world.release(build(tmp_path, ONE))
    place = {"Bucket": world.site.bucket, "Key": "index.html"}
    head = world.s3.client.head_object(**place)
    world.s3.client.copy_object(
        **place,
        CopySource=place,
        MetadataDirective="REPLACE",
        ContentType=head["ContentType"],
        CacheControl="max-age=86400",
        ChecksumAlgorithm="SHA256",
    )
    assert world.look() == f"{manifest.digest} changed: index.html"


def test_many_files_are_counted(world: World, tmp_path: Path) -> None:
    manifest = world.release(build(tmp_path, ONE, **{f"page-{number}.html": b"x" for number in range(9)}))
    for number in range(9):
        delete(world, f"page-{number}.html")
    names = ", ".join(f"page-{number}.html" for number in range(5))
    assert world.look() == f"{manifest.digest} missing: {names} and 4 more"


def test_looking_asks_once_for_each_file(world: World, tmp_path: Path) -> None:
    manifest = world.release(build(tmp_path, ONE))
    world.s3.calls.clear()
    world.look()
    # active.json, the catalog, the manifest, listings of the site and of what is kept, and config.json beside them
    assert len(world.s3.calls) == 6 + len(manifest.files)
    assert {call.split()[0] for call in world.s3.calls} == {"get_object", "head_object", "list"}


def test_site_changed_by_hand_is_written_again(world: World, tmp_path: Path) -> None:
    manifest = world.release(build(tmp_path, ONE))
    by_hand(world, "index.html", Body=b"<h1>We are back soon</h1>", ContentType="text/html")
    by_hand(world, "config.json", Body=b"{}")
    by_hand(world, VENDOR, Body=b"vendor, and more")
    delete(world, "robots.txt")
    delete(world, "assets/style-Ab12-_zZ.css")
    world.activate(manifest)
    assert world.look() != manifest.digest  # not unless it is asked for: that would cost a request for every file

    done = world.activate(manifest, rewrite=True)

    assert world.look() == manifest.digest
    world.assert_consists_of(tmp_path, {"environment": "dev"})
    assert {"index.html", "config.json", "robots.txt", VENDOR, "assets/style-Ab12-_zZ.css"} <= set(done.written)
    assert {"/", "/index.html", f"/{VENDOR}"} <= set(world.invalidations()[-1])


def test_asset_comes_back_before_the_page_that_points_at_it(world: World, tmp_path: Path) -> None:
    manifest = world.release(build(tmp_path, ONE))
    delete(world, VENDOR)
    delete(world, "index.html")
    world.s3.calls.clear()
    world.activate(manifest, rewrite=True)
    assert world.s3.calls.index(f"copy_object {VENDOR}") < world.s3.calls.index("copy_object index.html")


def without_versions(world: World, key: str) -> None:
    """Delete an object for good."""
    listed = world.s3.client.list_object_versions(Bucket=world.site.bucket, Prefix=key)
    for entry in [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]:
        world.s3.client.delete_object(Bucket=world.site.bucket, Key=key, VersionId=entry["VersionId"])


def test_asset_without_a_version_comes_from_the_build(world: World, tmp_path: Path) -> None:
    manifest = world.release(build(tmp_path, ONE))
    without_versions(world, VENDOR)
    world.activate(manifest, rewrite=True, source=Folder(path=tmp_path))
    assert f"{VENDOR} restored from {tmp_path}" in world.said
    world.assert_consists_of(tmp_path, {"environment": "dev"})


def test_asset_without_a_version_comes_from_the_environment_before(
    world: World, site_endpoint: str, tmp_path: Path
) -> None:
    upstream = make_world(site_endpoint)
    manifest = upstream.release(build(tmp_path, ONE))
    source = Upstream(bucket=upstream.site.bucket, records_bucket=upstream.site.records_bucket)
    world.stage(manifest, source)
    world.activate(manifest)
    without_versions(world, VENDOR)
    world.activate(manifest, rewrite=True, source=source)
    world.assert_consists_of(tmp_path, {"environment": "dev"})


@pytest.mark.parametrize("source", ["none", "folder"])
def test_asset_that_is_nowhere_is_named_and_nothing_is_written(world: World, tmp_path: Path, source: str) -> None:
    manifest: Manifest = world.release(build(tmp_path / "one", ONE))
    without_versions(world, VENDOR)
    given = Folder(path=tmp_path / "empty") if source == "folder" else None
    with pytest.raises(StaticReleaseError, match=rf"{VENDOR} of 111111111111 was deleted .* build 111111111111 again"):
        world.activate(manifest, rewrite=True, source=given)
    assert world.look() == f"{manifest.digest} missing: {VENDOR}"
    world.activate(manifest, rewrite=True, source=Folder(path=tmp_path / "one"))
    world.assert_consists_of(tmp_path / "one", {"environment": "dev"})

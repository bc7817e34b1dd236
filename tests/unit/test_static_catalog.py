"""Where the catalog, or the record of the active release, does not say what the buckets have: what is done then."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from release.static import drift, store
from release.static.catalog import MAX_PLAIN, Catalog
from release.static.content import Cache
from release.static.errors import StaticReleaseError
from release.static.manifest import Manifest
from release.static.records import CATALOG
from release.static.source import Folder
from tests.unit.static_sites import Environment, Tree, manifest, one_environment
from tests.unit.test_static_trees import NEW, OLD, THIRD, KilledError, assert_is

ASSET = next(path for path in OLD if path.startswith("assets/"))


dev = pytest.fixture(one_environment)


def as_another_program(files: Tree, *, content_type: str = "", cache: Cache = "immutable") -> Manifest:
    """The manifest of a program with other rules for the type of `ASSET`, or for content-hashed names."""
    listed = [
        dataclasses.replace(file, content_type=content_type or file.content_type, cache=cache)
        if file.path == ASSET
        else file
        for file in manifest(files).files
    ]
    return Manifest(version=content_type.replace("/", "-") or cache, files=tuple(listed))


def publish(site: Environment, built: Manifest, folder: Path) -> None:
    site.stage(built, Folder(path=folder))
    site.switch(built.digest)
    assert drift.look(s3=site.s3, site=site.site) == built.digest


def test_drift_says_what_is_not_kept_to_go_back_to(dev: Environment, tmp_path: Path) -> None:
    built = dev.publish(NEW, tmp_path)
    lost = built.mutable[0]
    del dev.records.objects[store.blob(lost.sha256)]
    dev.records.objects[store.blob(built.mutable[1].sha256)] = b""
    seen = drift.look(s3=dev.s3, site=dev.site)
    assert seen == f"{built.digest} not kept to go back to: {lost.path}, {built.mutable[1].path}"
    dev.switch(built.digest, rewrite=True, source=Folder(path=tmp_path))
    assert drift.look(s3=dev.s3, site=dev.site) == built.digest


@pytest.mark.parametrize(
    "other", [as_another_program(OLD, content_type="text/x-other"), as_another_program(OLD, cache="no-cache")]
)
def test_asset_gets_its_headers_again_after_another_release_gave_the_same_bytes_others(
    dev: Environment, tmp_path: Path, other: Manifest
) -> None:
    first = dev.publish(OLD, tmp_path)
    publish(dev, other, tmp_path)
    for digest in (first.digest, other.digest, first.digest):
        dev.switch(digest)
        assert drift.look(s3=dev.s3, site=dev.site) == digest


def test_asset_of_two_interrupted_stagings_with_the_same_name_and_size_is_the_right_one(
    dev: Environment, tmp_path: Path
) -> None:
    path = manifest(NEW).immutable[0].path
    other = {**NEW, path: NEW[path].swapcase()}

    def dies(operation: str, key: str) -> None:
        if (operation, key) == ("put", path):
            raise KilledError

    def goes_on(_operation: str, _key: str) -> None: ...

    dev.s3.before = dies
    with pytest.raises(KilledError):
        dev.publish(NEW, tmp_path / "one")
    dev.s3.before, dev.s3.after = goes_on, dies
    with pytest.raises(KilledError):
        dev.publish(other, tmp_path / "other")
    dev.s3.after = goes_on
    dev.publish(NEW, tmp_path / "one")
    assert_is(dev, NEW)


def test_a_release_with_very_many_plain_files_that_look_hashed_is_known_by_its_manifest() -> None:
    def staged(count: int) -> Catalog:
        built = manifest({f"img-{number:08x}.png": b"" for number in range(count)})
        return Catalog.from_json(Catalog().add(built, etags={}, staged_at="t").to_json())

    assert len(staged(MAX_PLAIN).staged[0].plain or ()) == MAX_PLAIN
    assert staged(MAX_PLAIN + 1).staged[0].plain is None


def test_catalog_that_is_older_than_the_site_ends_everything_before_a_change(dev: Environment, tmp_path: Path) -> None:
    """By it, expiry would delete what only the active release has, and nothing could be gone back to."""
    shared = {"assets/shared-1a2b3c4d.js": b"of all but one"}
    dev.publish(THIRD | shared, tmp_path / "1")
    first = dev.publish(OLD, tmp_path / "2")
    catalog = dev.records.objects[CATALOG]
    dev.publish(NEW | shared, tmp_path / "3")
    dev.s3.put_object(Bucket=dev.site.records_bucket, Key=CATALOG, Body=catalog)
    for change in (lambda: dev.expire(1), lambda: dev.switch(first.digest), lambda: dev.publish(THIRD, tmp_path / "4")):
        with pytest.raises(StaticReleaseError, match=r"catalog\.json is older .*\n  to restore it:  .*'Versions\[1\]"):
            change()
    assert_is(dev, NEW | shared)


def test_config_of_a_release_replaces_that_of_a_build_and_stays(dev: Environment, tmp_path: Path) -> None:
    """The site was published alone first, where a build may have a config.json of its own."""
    dev.publish(OLD | {"config.json": b"{}"}, tmp_path / "1")
    found = dev.publish(NEW, tmp_path / "2", config={"environment": "dev"}, begins=lambda: None)
    assert b"dev" in dev.served()["config.json"]
    assert drift.look(s3=dev.s3, site=dev.site) == found.digest


def test_manifest_of_the_active_release_that_was_deleted_is_said_with_how_to_restore_it(
    dev: Environment, tmp_path: Path
) -> None:
    found = dev.publish(OLD, tmp_path / "1")
    key = store.root(found.digest) + "manifest.json"
    dev.s3.delete_object(Bucket=dev.site.records_bucket, Key=key)
    with pytest.raises(StaticReleaseError, match=rf"if it was deleted:  aws s3api copy-object .* --key {key}"):
        dev.publish(NEW, tmp_path / "2")

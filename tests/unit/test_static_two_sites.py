"""Two sites of an environment that share its records bucket."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from release.static import drift, purge
from release.static.errors import StaticReleaseError
from release.static.records import Records
from release.static.source import Upstream
from release.static.store import Site
from tests.unit.fake_s3 import MAX_KEYS, FakeS3
from tests.unit.static_sites import Environment, manifest, tree

PREFIX = "sites/admin/"


@dataclasses.dataclass
class Admin(Environment):
    """The second site."""

    @property
    def site(self) -> Site:
        return dataclasses.replace(super().site, bucket=f"{self.prefix}admin", prefix=PREFIX)

    @property
    def source(self) -> Upstream:
        return dataclasses.replace(super().source, prefix=PREFIX)


@pytest.fixture
def s3() -> FakeS3:
    return FakeS3("site", "records", "admin", "next-site", "next-records", "next-admin", page=MAX_KEYS)


def of_admin(s3: FakeS3) -> set[str]:
    return {key for key in s3.buckets["records"].objects if key.startswith(PREFIX)}


def test_each_has_its_own_releases_and_expiry_of_one_leaves_the_other(s3: FakeS3, tmp_path: Path) -> None:
    site, admin = Environment(s3), Admin(s3)
    builds = [tree(number, secret_html=b"x") for number in range(3)]
    for number, files in enumerate(builds):
        site.publish(files, tmp_path / f"site{number}")
    before = dict(s3.buckets["records"].objects)
    for number, files in enumerate(builds):
        admin.publish(files, tmp_path / f"admin{number}")
    assert {key: body for key, body in s3.buckets["records"].objects.items() if key in before} == before
    assert set(s3.buckets["records"].objects) == before.keys() | of_admin(s3)
    assert {key.removeprefix(PREFIX) for key in of_admin(s3)} == before.keys()
    assert len(admin.expire(1).manifests) == 2
    assert {key: body for key, body in s3.buckets["records"].objects.items() if key in before} == before
    site.switch(manifest(builds[0]).digest)
    assert (site.served(), admin.served()) == (builds[0], builds[2])
    with pytest.raises(StaticReleaseError, match="records/sites/admin/static/"):
        admin.switch(manifest(builds[0]).digest)


def test_it_is_promoted_from_the_same_site_of_the_environment_before(s3: FakeS3, tmp_path: Path) -> None:
    dev, impl = Admin(s3), Admin(s3, "next-")
    files = tree(1, assets__a_js=b"a")
    dev.publish(files, tmp_path)
    impl.stage(manifest(files), dev.source)
    impl.switch(manifest(files).digest)
    assert impl.served() == files
    assert drift.look(s3=s3, site=impl.site) == manifest(files).digest
    assert all(key.startswith(PREFIX) for key in s3.buckets["next-records"].objects)


def test_a_purge_of_one_leaves_the_other(s3: FakeS3, tmp_path: Path) -> None:
    site, admin = Environment(s3), Admin(s3)
    files = tree(1, **{"list.txt": b"names"})
    site.publish(files, tmp_path / "site")
    admin.publish(files, tmp_path / "admin")
    before = {key: body for key, body in s3.buckets["records"].objects.items() if not key.startswith(PREFIX)}
    purge.purge(s3=s3, cloudfront=None, site=admin.site, paths=["list.txt"], by="me", reason="", say=print)
    assert "list.txt" not in admin.served()
    assert "list.txt" in site.served()
    assert {key: body for key, body in s3.buckets["records"].objects.items() if key in before} == before
    assert [one.path for one in Records(s3, "records", PREFIX).catalog().purged] == ["list.txt"]

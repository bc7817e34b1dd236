"""What is kept of static releases: after an earlier program, between two runs at once, and after somebody's hand."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from release.static import activate, publish, store
from release.static.catalog import Catalog
from release.static.content import CACHE_CONTROL
from release.static.errors import StaticReleaseError
from release.static.manifest import Manifest
from release.static.records import ABANDONED_S, CATALOG, Records
from release.static.source import Folder
from tests.unit.static_sites import Environment, Tree, manifest, one_environment, tree, two_environments
from tests.unit.test_static_trees import NEW, OLD, THIRD, assert_is, assert_only, at_every_request, killed, watched

GONE = "old.html"


dev = pytest.fixture(one_environment)


def by_earlier_program(site: Environment, *builds: Tree) -> list[Manifest]:
    """What releases of the program before this one left: each with its files, what was removed still in the site."""
    found = []
    for number, files in enumerate(builds):
        one = manifest(files)
        root, records = store.root(one.digest), site.site.records_bucket
        site.s3.put_object(Bucket=records, Key=root + "manifest.json", Body=one.to_json())
        for file in one.files:
            headers = {"ContentType": file.content_type, "CacheControl": CACHE_CONTROL[file.cache]}
            given: dict[str, Any] = {**headers, "Body": files[file.path], "ChecksumSHA256": store.checksum(file.sha256)}
            site.s3.put_object(Bucket=site.site.bucket, Key=file.path, **given)
            if file.cache != "immutable":
                site.s3.put_object(Bucket=records, Key=f"{root}files/{file.path}", **given)
        staged = {"manifest": one.digest, "version": one.version, "stagedAt": f"2026-11-2{number}T12:00:00.000+00:00"}
        site.s3.put_object(Bucket=records, Key=root + "staged.json", Body=json.dumps(staged).encode())
        found.append(one)
    history = [one.digest for one in reversed(found)]
    active = {"manifest": history[0], "configSha256": "", "activatedAt": "2026-11-22", "history": history}
    site.s3.put_object(Bucket=site.site.records_bucket, Key=store.ACTIVE, Body=json.dumps(active).encode())
    return found


def test_release_after_an_earlier_program_goes_on_and_removes_what_that_left(dev: Environment, tmp_path: Path) -> None:
    first, second = by_earlier_program(dev, OLD, THIRD)
    assert "a.html" in dev.served(), "a page of the first release only"
    dev.s3.calls.clear()
    third = dev.publish(NEW, tmp_path)
    uploaded = [key for operation, key in dev.s3.calls if operation == "PutObject" and key.startswith("assets/")]
    assert len(uploaded) == 1, "an asset of an earlier release is not uploaded again"
    assert_is(dev, NEW)
    dev.switch(first.digest)
    assert_is(dev, OLD)
    dev.switch(second.digest)
    assert_is(dev, THIRD)
    dev.switch(third.digest)
    assert set(dev.expire(1).manifests) == {first.digest, second.digest}
    assert_is(dev, NEW)


def test_after_one_release_assets_of_an_earlier_program_are_not_asked_for_one_by_one(
    dev: Environment, tmp_path: Path
) -> None:
    by_earlier_program(dev, OLD)
    dev.publish(NEW, tmp_path / "1")
    dev.s3.calls.clear()
    dev.publish({**NEW, "version.json": b"4"}, tmp_path / "2")
    assert [operation for operation, _ in dev.s3.calls if operation == "HeadObject"] == []


def test_upgrade_killed_at_any_request_is_continued(tmp_path: Path) -> None:
    def work(at: int, arrives: bool) -> bool:
        dev = one_environment()
        first, _ = by_earlier_program(dev, OLD, THIRD)
        with killed(dev, at, arrives=arrives) as died:
            dev.publish(NEW, tmp_path)
        with watched(dev):
            dev.publish(NEW, tmp_path)
        assert_is(dev, NEW)
        dev.switch(first.digest)
        assert_is(dev, OLD)
        return bool(died)

    assert at_every_request(work) > 40


def test_promotion_from_an_environment_that_an_earlier_program_released(tmp_path: Path) -> None:
    _, dev, impl = two_environments()
    (first,) = by_earlier_program(dev, OLD)
    impl.promote(first, dev)
    assert_is(impl, OLD)
    assert CATALOG not in dev.records.objects, "the other environment is only read"


def test_expiry_removes_all_that_an_earlier_program_kept_of_a_release(dev: Environment, tmp_path: Path) -> None:
    first, second = by_earlier_program(dev, OLD, THIRD)
    third = dev.publish(NEW, tmp_path)
    assert set(dev.expire(1).manifests) == {first.digest, second.digest}
    assert_only(dev, third)
    assert {key for key in dev.records.objects if "/files/" in key or "staged.json" in key} == set()


def test_path_that_a_kept_release_has_as_an_ordinary_file_is_not_deleted(dev: Environment, tmp_path: Path) -> None:
    """The rule for content-hashed names may change between two programs."""
    name = manifest(OLD).immutable[0].path
    dev.publish(OLD, tmp_path)
    files = {**NEW, name: OLD[name]}
    listed = [
        file if file.path != name else dataclasses.replace(file, cache="no-cache") for file in manifest(files).files
    ]
    plain = Manifest(version="5", files=tuple(listed))
    dev.write(files, tmp_path)
    dev.stage(plain, Folder(path=tmp_path))
    dev.switch(plain.digest)
    dev.expire(1)
    assert dev.served().items() >= files.items()


def test_expiry_that_an_earlier_program_began_is_completed(dev: Environment, tmp_path: Path) -> None:
    first, _ = by_earlier_program(dev, OLD, THIRD)
    root = store.root(first.digest)
    dev.s3.put_object(Bucket=dev.site.records_bucket, Key=root + "expiring.json", Body=b"{}")
    dev.s3.delete_object(Bucket=dev.site.records_bucket, Key=root + "staged.json")
    third = dev.publish(NEW, tmp_path)
    dev.expire(1)
    assert_only(dev, third)


def test_catalog_that_somebody_else_wrote_meanwhile_ends_a_staging_and_nothing_is_switched(
    dev: Environment, tmp_path: Path
) -> None:
    dev.publish(OLD, tmp_path / "1")
    records = Records(dev.s3, dev.site.records_bucket)
    records.catalog()
    dev.expire(1)
    dev.publish(THIRD, tmp_path / "2")
    dev.write(NEW, tmp_path / "3")
    with pytest.raises(StaticReleaseError, match=r"static/catalog\.json was written by somebody else"):
        dev.stage(manifest(NEW), Folder(path=tmp_path / "3"), records)
    assert_is(dev, THIRD)
    dev.publish(NEW, tmp_path / "3")
    assert_is(dev, NEW)


def test_write_whose_answer_was_lost_is_not_taken_for_somebody_elses(dev: Environment, tmp_path: Path) -> None:
    put = dev.s3.put_object

    def twice(**asked: Any) -> dict[str, Any]:
        """As botocore repeats a request whose answer did not arrive."""
        if "IfMatch" in asked or "IfNoneMatch" in asked:
            put(**asked)
        return put(**asked)

    dev.s3.put_object = twice  # type: ignore[method-assign] # of this one
    dev.publish(OLD, tmp_path)
    dev.publish(NEW, tmp_path)
    assert_is(dev, NEW)


def test_switch_after_somebody_else_switched_changes_nothing(dev: Environment, tmp_path: Path) -> None:
    first = dev.publish(OLD, tmp_path / "1")
    dev.publish(THIRD, tmp_path / "2")
    records = Records(dev.s3, dev.site.records_bucket)
    records.active()
    dev.publish(NEW, tmp_path / "3")
    with pytest.raises(StaticReleaseError, match=r"static/active\.json was written by somebody else"):
        dev.switch(first.digest, records)
    assert_is(dev, NEW)


def unfinished(site: Environment, folder: Path) -> None:
    """A publish of NEW that died amid its switch, on a site of OLD."""
    site.publish(OLD, folder / "old")
    site.write(NEW, folder / "new")
    site.stage(manifest(NEW), Folder(path=folder / "new"))
    with killed(site, 8, arrives=True):
        site.switch(manifest(NEW).digest)
    assert json.loads(site.records.objects[store.ACTIVE])["unsettled"] == manifest(NEW).digest


def test_switch_that_has_not_ended_refuses_another_release_and_says_whose_it_is(
    dev: Environment, tmp_path: Path
) -> None:
    unfinished(dev, tmp_path)
    before = dev.served()
    with pytest.raises(
        StaticReleaseError, match=r"is being switched to sha256:\w+ by somebody since 2\S+, and whether"
    ):
        dev.switch(manifest(OLD).digest)
    assert dev.served() == before
    dev.switch(manifest(OLD).digest, take_over=True)
    assert_is(dev, OLD)


def test_switch_that_has_not_ended_is_redone_by_the_same_release(dev: Environment, tmp_path: Path) -> None:
    unfinished(dev, tmp_path)
    dev.publish(NEW, tmp_path / "new")
    assert_is(dev, NEW)


def test_switch_that_began_long_ago_is_taken_for_dead(
    dev: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unfinished(dev, tmp_path)
    active = json.loads(dev.records.objects[store.ACTIVE])
    year, rest = active["unsettledAt"].split("-", 1)
    active["unsettledAt"] = f"{int(year) - 1}-{rest}"
    dev.records.objects[store.ACTIVE] = json.dumps(active).encode()
    dev.publish(OLD, tmp_path / "old")
    assert_is(dev, OLD)
    assert ABANDONED_S >= 2 * 15 * 60, "both clocks may be a quarter of an hour wrong"


def test_same_hashed_name_with_other_bytes_is_refused_against_any_kept_release(
    dev: Environment, tmp_path: Path
) -> None:
    name = next(path for path in OLD if path.startswith("assets/"))
    dev.publish(OLD, tmp_path / "1")
    dev.publish(THIRD, tmp_path / "2")
    before = dict(dev.served()), dict(dev.records.objects)
    old, new = manifest(OLD).version[:12], manifest({**NEW, name: b"other"}).version[:12]
    with pytest.raises(StaticReleaseError, match=rf"{name} of {new} .* has other content .* than in {old}"):
        dev.publish({**NEW, name: b"other"}, tmp_path / "3")
    as_plain = Manifest(
        version=new, files=(dataclasses.replace(manifest({name: b"other"}).files[0], cache="no-cache"),)
    )
    with pytest.raises(StaticReleaseError, match=f"{name} of .* has other content .* than in {old}"):
        dev.stage(as_plain, Folder(path=tmp_path / "3"))
    assert (dict(dev.served()), dict(dev.records.objects)) == before


def overwritten(site: Environment, path: str) -> None:
    """Something else has put another object in place of an asset."""
    site.s3.put_object(Bucket=site.site.bucket, Key=path, Body=b"by hand", ContentType="text/javascript")


def test_asset_that_is_another_one_is_restored_on_activation_from_the_buckets_versions(
    dev: Environment, tmp_path: Path
) -> None:
    first = dev.publish(OLD, tmp_path / "1")
    dev.publish(THIRD, tmp_path / "2")
    overwritten(dev, first.immutable[0].path)
    dev.s3.delete_object(Bucket=dev.site.bucket, Key=first.immutable[1].path)
    with watched(dev):
        dev.switch(first.digest)
    assert_is(dev, OLD)


def test_asset_that_is_nowhere_is_refused_before_anything_changes(dev: Environment, tmp_path: Path) -> None:
    first = dev.publish(OLD, tmp_path / "1")
    dev.publish(THIRD, tmp_path / "2")
    lost = first.immutable[0].path
    del dev.bucket.objects[lost], dev.bucket.history[lost]
    before = dict(dev.records.objects)
    with pytest.raises(StaticReleaseError, match=f"{lost} of .* was deleted or rewritten"):
        dev.switch(first.digest)
    assert_is(dev, THIRD)
    assert dev.records.objects == before


def test_kept_content_that_somebody_deleted_or_changed_comes_from_the_build(dev: Environment, tmp_path: Path) -> None:
    dev.write(NEW, tmp_path)
    dev.stage(manifest(NEW), Folder(path=tmp_path))
    files = {file.path: store.blob(file.sha256) for file in manifest(NEW).mutable}
    del dev.records.objects[files["a.html"]]
    dev.s3.put_object(Bucket=dev.site.records_bucket, Key=files["b/index.html"], Body=b"by hand")
    with pytest.raises(StaticReleaseError, match=r"a\.html of .* was deleted"):
        dev.switch(manifest(NEW).digest)
    dev.switch(manifest(NEW).digest, source=Folder(path=tmp_path))
    assert_is(dev, NEW)


@pytest.mark.parametrize("of_earlier_program", [False, True])
def test_kept_content_that_is_nowhere_is_refused_before_anything_changes(
    dev: Environment, tmp_path: Path, of_earlier_program: bool
) -> None:
    first = by_earlier_program(dev, OLD)[0] if of_earlier_program else dev.publish(OLD, tmp_path / "1")
    dev.publish(NEW, tmp_path / "2")
    lost = next(
        key for key in dev.records.objects if key.endswith(("files/r.txt", store.blob(sha256_of(first, "r.txt"))))
    )
    del dev.records.objects[lost]
    before = dict(dev.records.objects)
    own = dev.source
    for change in (
        lambda: dev.switch(first.digest),
        lambda: dev.stage(first, own),
        lambda: dev.switch(first.digest, source=own),
    ):
        with pytest.raises(StaticReleaseError, match=rf"r\.txt of .*: s3://records/{lost} was deleted"):
            change()
    assert_is(dev, NEW)
    assert dev.records.objects == before


def sha256_of(of: Manifest, path: str) -> str:
    return next(file.sha256 for file in of.files if file.path == path)


def test_interrupted_staging_does_not_bring_again_what_arrived(dev: Environment, tmp_path: Path) -> None:
    many = {**NEW, **{f"assets/{number}.js": b"%d" % number for number in range(40)}}
    many |= {f"p/{number}.html": b'{"links": [], "p": %d}' % number for number in range(40)}
    with killed(dev, 70, arrives=True):
        dev.publish(many, tmp_path)
    dev.s3.calls.clear()
    dev.publish(many, tmp_path)
    assert len([key for operation, key in dev.s3.calls if operation == "PutObject"]) < 40
    assert_is(dev, many)


def test_what_no_release_wrote_is_not_taken_for_what_an_interrupted_staging_brought(
    dev: Environment, tmp_path: Path
) -> None:
    path = manifest(NEW).immutable[0].path
    dev.s3.put_object(Bucket=dev.site.bucket, Key=path, Body=b"x" * len(NEW[path]))
    dev.s3.advance(3)
    with killed(dev, 1, arrives=True):  # a request that is refused does not count
        dev.publish(NEW, tmp_path)
    assert [key for key in dev.records.objects if key.endswith("/manifest.json")]
    assert path not in [key for _, key in dev.s3.calls[1:]], "no other file had arrived"
    dev.publish(NEW, tmp_path)
    assert_is(dev, NEW)


def test_records_of_another_bucket_end_a_release_before_anything_is_brought(dev: Environment, tmp_path: Path) -> None:
    first = dev.publish(OLD, tmp_path / "1")
    dev.write(NEW, tmp_path / "2")
    other = dataclasses.replace(dev.site, bucket="next-site")
    before = dict(dev.records.objects)
    folder = Folder(path=tmp_path / "2")
    for change in (
        lambda: publish.stage(s3=dev.s3, manifest=manifest(NEW), source=folder, site=other, say=print),
        lambda: publish.stage(s3=dev.s3, manifest=first, source=folder, site=other, say=print),
        lambda: activate.activate(
            s3=dev.s3,
            cloudfront=None,
            manifest=first.digest,
            site=other,
            config={},
            say=print,
            begins=lambda: None,
            rewrite=True,
        ),
    ):
        with pytest.raises(StaticReleaseError, match=r"s3://site, and s3://next-site was named"):
            change()
    assert dev.records.objects == before
    assert dev.s3.buckets["next-site"].objects == {}


def test_catalog_that_somebody_deleted_is_no_new_environment(dev: Environment, tmp_path: Path) -> None:
    first = dev.publish(OLD, tmp_path / "1")
    dev.publish(THIRD, tmp_path / "2")
    dev.s3.delete_object(Bucket=dev.site.records_bucket, Key=CATALOG)
    for change in (lambda: dev.switch(first.digest), lambda: dev.publish(NEW, tmp_path / "3"), lambda: dev.expire(1)):
        with pytest.raises(
            StaticReleaseError, match=r"catalog\.json was deleted\n  to restore it:  aws s3api copy-object"
        ):
            change()
    assert_is(dev, THIRD)


def test_after_somebody_deleted_what_the_site_is_the_next_release_removes_what_others_left(
    dev: Environment, tmp_path: Path
) -> None:
    dev.publish({**OLD, GONE: b'{"links": []}'}, tmp_path / "1")
    dev.s3.delete_object(Bucket=dev.site.records_bucket, Key=store.ACTIVE)
    dev.publish(NEW, tmp_path / "2")
    assert_is(dev, NEW)


def test_catalog_that_could_not_be_read_again_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.strict_json.MAX_BYTES", 100)
    with pytest.raises(StaticReleaseError, match="keep fewer releases"):
        Catalog().add(manifest(NEW), etags={}, staged_at="t").to_json()


def test_config_is_left_alone_by_a_publish_without_one(dev: Environment, tmp_path: Path) -> None:
    dev.publish(OLD, tmp_path / "1", config={"environment": "dev"}, begins=lambda: None)
    config = dev.served()["config.json"]
    dev.publish(NEW, tmp_path / "2")
    assert dev.served()["config.json"] == config
    active = store.active(s3=dev.s3, records_bucket=dev.site.records_bucket)
    assert active is not None
    assert active.config_sha256 == hashlib.sha256(config).hexdigest()


def test_build_of_another_kind_than_the_site_is_refused_before_anything_is_brought(
    dev: Environment, tmp_path: Path
) -> None:
    files = tree(1)
    dev.write(files, tmp_path)
    built = dataclasses.replace(manifest(files), pages="multi")
    site = dataclasses.replace(dev.site, pages="single")
    before = dev.served(), dict(dev.records.objects)
    with pytest.raises(StaticReleaseError, match="pages: multi, and the site here has pages: single"):
        publish.stage(s3=dev.s3, manifest=built, source=Folder(path=tmp_path), site=site, say=dev.said.append)
    assert (dev.served(), dict(dev.records.objects)) == before


def test_config_is_the_json_of_the_setting_with_its_numbers_as_they_were_set(dev: Environment, tmp_path: Path) -> None:
    setting = {"flags": {"beta": True, "limits": [1, 2.5, 1e300]}, "retries": 3, "none": None, "word": "größe"}
    as_inputs = {"flags": {"beta": True, "limits": [1.0, 2.5, 1e300]}, "retries": 3.0, "none": None, "word": "größe"}
    one = dev.publish(tree(1), tmp_path, config=as_inputs)
    written = dev.served()["config.json"]
    assert json.loads(written) == setting
    assert b'"retries": 3,' in written
    assert dev.switch(one.digest, config=setting).written == (), "it is the same"

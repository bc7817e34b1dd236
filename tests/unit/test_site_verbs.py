"""`python -m release site`: a site alone, with S3 in memory."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import Any

import pytest

from cli.errors import UsageError
from release import http
from release.static.errors import StaticReleaseError
from release.static.records import Records
from tests.unit.fake_key_value_store import ARN
from tests.unit.fake_s3 import Bucket
from tests.unit.site_world import BUCKETS, ONE, THREE, TWO, World, refuse, site_in

world = pytest.fixture(site_in)


def test_the_last_line_of_a_publish_is_the_verdict(world: World) -> None:
    first = world.publish(ONE)
    assert first[0] == f"{world.folder / ONE}: 4 files, version 111111111111"
    assert first[-1] == "The site is 111111111111: 3 of 4 files written, 0 removed"
    assert world.title() == ONE

    second = world.publish(TWO, **{"old.html": "old"})
    assert second[-1] == "The site is 222222222222: 3 of 5 files written, 0 removed"
    assert world.publish(THREE)[-1] == "The site is 333333333333: 2 of 4 files written, 1 removed"
    assert "old.html" not in world.site


def test_the_store_of_the_paths_follows_publishes_and_restores(world: World) -> None:
    own = {"/", "config.json", "index.html", "robots.txt", "version.json"}
    world.publish(ONE, "--routes", ARN, LICENSE="MIT")
    world.publish(TWO, "--routes", ARN, "--dry-run")
    assert set(world.routes.items) == {*own, "LICENSE"}
    world.publish(TWO, "--routes", ARN)
    assert set(world.routes.items) == own
    assert world.run("restore", ONE, "--routes", ARN) == 0
    assert set(world.routes.items) == {*own, "LICENSE"}
    world.publish(TWO)
    assert set(world.routes.items) == {*own, "LICENSE"}, "nobody said where it is"
    world.routes.calls.clear()
    world.publish(TWO, "--routes", ARN)
    assert set(world.routes.items) == own
    assert world.routes.calls == ["list", "describe", "update"]


def test_site_of_many_pages_is_published_and_restored_as_that(world: World) -> None:
    world.publish(ONE, "--routes", ARN)
    world.publish(TWO, "--routes", ARN, "--pages", "multi", **{"404.html": "<p>none", "about.html": "<p>about"})
    assert world.routes.items["/"] == "/404.html"
    assert world.run("restore", ONE, "--routes", ARN) == 0
    assert world.routes.items["/"] == "/index.html"
    assert world.run("restore", TWO, "--routes", ARN) == 0
    assert world.routes.items["/"] == "/404.html"


def test_the_same_files_as_a_site_of_many_pages_are_another_release(world: World) -> None:
    world.publish(ONE, "--routes", ARN)
    assert world.publish(ONE, "--routes", ARN, "--pages", "multi")[-1].startswith("The site is 111111111111: 0 of 4")
    assert world.routes.items["/"] == "none"


def test_only_hashed_names_below_the_globs_are_cached_for_a_year(world: World) -> None:
    files = {"_app/entry.Ab12Xy_9.js": "entry", "_app/logo.svg": "<svg/>"}
    world.publish(ONE, "--hashed", "_app/*", "--hashed", "assets/*", **files)
    (record,) = (body for key, body in world.stored()[1].items() if key.endswith("manifest.json"))
    immutable = {file["path"] for file in json.loads(record)["files"] if file["cache"] == "immutable"}
    assert immutable == {"_app/entry.Ab12Xy_9.js", "assets/app-Ab12Xy_9.js"}


@pytest.mark.parametrize("by_earlier_program", [False, True])
def test_a_hashed_name_that_a_kept_release_has_with_other_content_for_a_file_that_keeps_its_name_is_refused(
    world: World, by_earlier_program: bool
) -> None:
    asset = "assets/app-DiwrgTda.js"
    world.publish(ONE, "--hashed", "none/**", **{asset: "old"})
    world.publish(TWO)
    if by_earlier_program:
        records = world.s3.buckets["records"].objects
        catalog = json.loads(records["static/catalog.json"])
        for staged in catalog["staged"]:
            del staged["plain"]
        records["static/catalog.json"] = json.dumps(catalog).encode()
    before = world.stored()
    with pytest.raises(StaticReleaseError, match=rf"{asset} of 3{{12}} .* has other content .* than in 1{{12}}"):
        world.run("publish", "--dist", world.build(THREE, **{asset: "new"}))
    assert world.stored() == before

    other = {"assets/b-DiwrgTda.js": "b"}
    world.publish("4" * 40, **other)
    world.s3.calls.clear()
    world.publish("5" * 40, **other, **{"assets/c-DiwrgTda.js": "c"})
    read = [key for operation, key in world.s3.calls if operation == "GetObject" and key.endswith("manifest.json")]
    assert len(read) == 1, "only that of the release that is active"


def test_pages_may_name_what_another_origin_serves(world: World) -> None:
    page = {"page.html": "<img src=/media/logo.png><script src=/v2/app.js></script>"}
    with pytest.raises(StaticReleaseError, match=r"page\.html names /media/logo\.png .*--other-origin"):
        world.run("publish", "--dist", world.build(ONE, **page))
    with pytest.raises(StaticReleaseError, match=r"page\.html names /v2/app\.js"):
        world.run("publish", "--dist", world.build(ONE), "--other-origin", "/media/*")
    words = ("--other-origin", "/media/*", "--other-origin", "v?/*")
    assert world.publish(ONE, *words)[-1] == "The site is 111111111111: 4 of 5 files written, 0 removed"


def test_the_command_that_goes_back_names_the_other_origins(world: World) -> None:
    world.publish(ONE)
    world.s3.before = lambda operation, key: refuse() if (operation, key) == ("copy", "index.html") else None
    with pytest.raises(StaticReleaseError, match=r" --other-origin '/media/\*'"):
        world.run("publish", "--dist", world.build(TWO), "--other-origin", "/media/*")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--pages", "multi"), "--pages multi needs --routes: the edge knows only from that store what a miss gets"),
        (("--hashed", "_app/"), "hashed names _app/: a folder is written _app/**"),
        (("--hashed", "/_app/*"), "hashed names /_app/*: expected a path in the build, such as assets/**"),
        (("--hashed", ""), "hashed names '': expected a path in the build"),
        (("--other-origin", "/a b"), "'/a b' is no path pattern of CloudFront: expected one such as /media/*"),
        (("--other-origin", ""), "'' is no path pattern of CloudFront"),
    ],
)
def test_what_a_site_cannot_be_is_wrong_usage(world: World, words: tuple[str, ...], says: str) -> None:
    folder, before = world.build(ONE), world.stored()
    with pytest.raises(SystemExit) as ended:
        world.run("publish", "--dist", folder, *words)
    assert ended.value.code == 2
    assert says in world.capsys.readouterr().err
    assert world.stored() == before


def test_a_publish_without_a_change_is_one_request(world: World) -> None:
    world.publish(ONE)
    before = world.stored()
    world.s3.calls.clear()

    assert world.publish(ONE)[-1] == "The site is 111111111111 already: nothing was changed, 4 files"

    assert world.s3.calls == [("GetObject", "static/active.json")]
    assert world.stored() == before


def test_another_version_of_the_same_files_is_a_release_of_its_own(world: World) -> None:
    folder = world.build(ONE)
    assert world.run("publish", "--dist", folder, "--version", "one") == 0
    assert world.run("publish", "--dist", folder, "--version", "two") == 0
    assert world.said()[-1] == "The site is two: 0 of 4 files written, 0 removed"
    assert world.document("publish", "--dist", folder, "--version", "two")["changed"] is False


def test_without_distribution_and_address_it_says_what_is_not_done(world: World) -> None:
    said = world.publish(ONE)
    assert any("no distribution was given" in line for line in said)
    assert any("no address of the site was given" in line for line in said)
    assert world.cloudfront.paths == []

    world.publish(TWO, "--distribution", "E1")
    assert world.cloudfront.paths == [["/", "/index.html", "/version.json"]]


def test_a_version_can_be_named_where_the_build_does_not(world: World) -> None:
    folder = world.build(ONE)
    Path(folder, "version.json").unlink()
    with pytest.raises(SystemExit):
        world.run("publish", "--dist", folder)
    assert "say what it was built from with --version" in world.capsys.readouterr().err

    assert world.run("publish", "--dist", folder, "--version", "2026-11-29.build-7") == 0
    assert world.said()[-1] == "The site is 2026-11-29.build-7: 2 of 3 files written, 0 removed"
    assert world.run("restore", "2026-11-29.build-7") == 0


def test_a_dry_run_says_what_would_be_and_writes_nothing(world: World) -> None:
    world.publish(ONE, **{"old.html": "old"})
    before = world.stored()

    said = world.publish(
        TWO, "--dry-run", "--distribution", "E1", "--url", "http://127.0.0.1:9", **{"assets/b-Ab12Xy_9.js": "b"}
    )

    assert said[1:] == [
        "would upload 3 files",
        "would write index.html, version.json",
        "would remove old.html",
        "The site would be 222222222222: 2 of 5 files would be written, 1 would be removed",
    ]
    assert (world.stored(), world.cloudfront.paths) == (before, [])
    assert world.publish(TWO)[-1] == "The site is 222222222222: 2 of 5 files written, 1 removed"


def test_a_dry_run_refuses_what_a_publish_refuses(world: World) -> None:
    world.publish(ONE)
    folder = world.build(TWO, **{"assets/app-Ab12Xy_9.js": "other"})
    before = world.stored()
    for words in ((), ("--dry-run",)):
        with pytest.raises(StaticReleaseError, match=r"assets/app-Ab12Xy_9\.js of .* has other content .* --hashed"):
            world.run("publish", "--dist", folder, *words)
        assert world.stored() == before


def test_a_dry_run_counts_what_an_interrupted_one_left(world: World) -> None:
    world.publish(ONE)
    folder = world.build(TWO, **{"a.txt": "a", "b.txt": "b"})
    world.s3.before = lambda operation, key: refuse() if (operation, key) == ("put", "static/catalog.json") else None
    with pytest.raises(StaticReleaseError, match="nothing that visitors get was changed"):
        world.run("publish", "--dist", folder)
    world.s3.before = lambda _operation, _key: None

    assert world.run("publish", "--dist", folder, "--dry-run") == 0

    assert "would upload 0 files" in world.said()


def test_a_release_is_restored_by_its_version_in_short_without_a_folder(world: World) -> None:
    world.publish(ONE)
    world.publish(TWO)
    assert world.run("restore", "1111") == 0
    assert world.said()[-1] == "The site is 111111111111: 2 of 4 files written, 0 removed"
    assert world.title() == ONE


def test_to_restore_what_the_site_is_brings_back_what_was_changed_by_hand(world: World) -> None:
    world.publish(ONE)
    world.site["index.html"] = b"by hand"
    del world.site["robots.txt"]
    assert world.run("restore", ONE) == 0
    assert world.title() == ONE
    assert "robots.txt" in world.site


@pytest.mark.parametrize("has_versions", [True, False])
def test_a_site_that_somebody_emptied_is_written_anew_from_its_build(world: World, has_versions: bool) -> None:
    world.publish(ONE)
    whole = dict(world.site)
    world.site.clear()
    if not has_versions:
        world.s3.buckets["site"].history.clear()
        with pytest.raises(StaticReleaseError, match=r"site publish --rewrite --dist DIR "):
            world.run("restore", ONE)
    already = world.publish(ONE)[-2:]
    assert already[-1] == "The site is 111111111111 already: nothing was changed, 4 files"
    assert world.publish(ONE, "--rewrite")[-1] == "The site is 111111111111: 4 of 4 files written, 0 removed"
    assert world.site == whole
    world.s3.calls.clear()
    world.publish(ONE)
    assert world.s3.calls == [("GetObject", "static/active.json")]


def test_status_without_a_record_of_what_the_site_is_says_so(world: World) -> None:
    world.publish(ONE)
    del world.s3.buckets["records"].objects["static/active.json"]
    assert world.run("status") == 1
    assert (
        world.said()[0] == "nothing says what the site is: s3://records/static/active.json is not there; publish again"
    )


def test_what_never_ran_or_is_ambiguous_is_not_restored(world: World) -> None:
    with pytest.raises(UsageError, match="none, nothing was published yet"):
        world.run("restore", ONE)
    world.publish(ONE)
    world.publish("1111" + "2" * 36)
    before = world.stored()
    with pytest.raises(UsageError, match=r"1111 is short for 2 versions that ran\. Name one: 1{40}, "):
        world.run("restore", "1111")
    with pytest.raises(UsageError, match=f"no release {THREE} is kept here. There are: 111122222222, 111111111111"):
        world.run("restore", THREE)
    assert world.stored() == before


def test_a_version_that_was_published_with_other_files_is_restored_by_its_manifest(world: World) -> None:
    world.publish(ONE)
    world.publish(ONE, **{"more.txt": "more"})
    with pytest.raises(UsageError, match=f"{ONE} was published 2 times") as caught:
        world.run("restore", ONE)
    manifests = [word for word in str(caught.value).split() if word.startswith("sha256:")]
    assert world.run("restore", manifests[1]) == 0
    assert "more.txt" not in world.site


def test_a_failed_switch_says_what_is_left_and_the_command_that_goes_back_works(world: World) -> None:
    world.publish(ONE, "--distribution", "E1")
    world.s3.before = lambda operation, key: refuse() if (operation, key) == ("copy", "index.html") else None
    with pytest.raises(StaticReleaseError) as caught:
        world.run("publish", "--dist", world.build(TWO), "--distribution", "E1")
    world.s3.before = lambda _operation, _key: None
    world.said()
    message = str(caught.value)
    assert "AccessDenied" in message
    command = message.partition("or to go back:  python -m release site restore ")[2].split()
    assert command == [ONE, *BUCKETS, "--distribution", "E1"]

    assert world.run("status") == 1
    said = "\n".join(world.said())
    assert re.search("a switch to 222222222222 began .* and failed: the site may have", said)
    assert f"  to end it:      python -m release site restore {TWO} {' '.join(BUCKETS)}" in said
    assert "to restore the one before" not in said

    assert world.run("restore", command[0], *command[5:]) == 0
    assert world.title() == ONE
    assert world.run("status") == 0


def test_what_is_published_again_after_a_failed_switch_ends_it(world: World) -> None:
    world.publish(ONE)
    world.s3.before = lambda operation, key: refuse() if (operation, key) == ("copy", "index.html") else None
    folder = world.build(TWO)
    with pytest.raises(StaticReleaseError):
        world.run("publish", "--dist", folder)
    world.s3.before = lambda _operation, _key: None
    assert world.run("publish", "--dist", folder) == 0
    assert (world.title(), world.run("status")) == (TWO, 0)


def test_status_says_what_can_be_restored_and_how(world: World) -> None:
    assert world.run("status") == 1
    assert world.said() == ["nothing was published here yet"]
    world.publish(ONE)
    assert world.run("status") == 0
    assert world.said()[1] == "1 release is kept and can be restored:"
    world.publish(TWO)
    assert world.run("status") == 0
    said = world.said()
    assert said[0].startswith("The site is 222222222222, since ")
    assert said[1] == "2 releases are kept and can be restored:"
    assert said[2].startswith(f"  {TWO}  published ")
    assert said[2].endswith("  now")
    assert said[-1] == f"  python -m release site restore {ONE} {' '.join(BUCKETS)}"


def test_status_proposes_what_was_published_before_the_site_and_never_what_was_gone_back_from(world: World) -> None:
    for version in (ONE, TWO, THREE):
        world.publish(version)
    assert world.run("restore", TWO) == 0
    world.said()
    assert world.run("status") == 0
    assert world.said()[-1] == f"  python -m release site restore {ONE} {' '.join(BUCKETS)}"
    assert world.run("restore", ONE) == 0
    world.said()
    assert world.run("status") == 0
    assert not any("site restore" in line for line in world.said())


def test_old_releases_are_forgotten_as_many_as_are_not_kept(world: World) -> None:
    for version in (ONE, TWO, THREE):
        world.publish(version, "--keep", "2")
    catalog = Records(world.s3, "records").catalog()
    assert [each.version for each in catalog.staged] == [THREE, TWO]


def test_one_file_is_not_called_files(world: World) -> None:
    folder = world.build(ONE)
    for name in ("version.json", "robots.txt", "assets/app-Ab12Xy_9.js"):
        Path(folder, name).unlink()
    for expected in ("written, 0 removed", "already"):
        assert world.run("publish", "--dist", folder, "--version", "1") == 0
        said = world.said()
        assert expected in said[-1]
        assert not any("1 files" in line or "1 paths" in line for line in said)


def test_the_site_of_an_environment_is_left_alone(world: World) -> None:
    active = {"manifest": f"sha256:{'1' * 64}", "configSha256": "1" * 64, "activatedAt": "", "history": []}
    world.s3.buckets["records"].objects["static/active.json"] = json.dumps(active).encode()
    before = world.stored()
    for words in (("publish", "--dist", world.build(ONE)), ("purge", "robots.txt")):
        with pytest.raises(StaticReleaseError, match="is of an environment"):
            world.run(*words)
    assert world.stored() == before


def test_records_of_one_bucket_are_refused_for_another_before_anything_is_written(world: World) -> None:
    world.s3.buckets["other"] = Bucket()
    world.publish(ONE)
    before = world.stored()
    for bucket in ("other", "typo-bucket"):
        for words in (
            ("publish", "--dist", world.build(ONE)),
            ("publish", "--dist", world.build(TWO)),
            ("publish", "--dist", world.build(TWO), "--dry-run"),
            ("restore", ONE),
            ("purge", "robots.txt"),
            ("status",),
        ):
            with pytest.raises(StaticReleaseError, match=rf"s3://records/static/active\.json .* s3://site, .*{bucket}"):
                world.run(*words, "--bucket", bucket)
    assert (world.stored(), world.s3.buckets["other"].objects) == (before, {})


def test_records_that_an_earlier_program_wrote_are_of_the_bucket_of_the_next_publish(world: World) -> None:
    world.publish(ONE)
    records = world.s3.buckets["records"].objects
    active = json.loads(records["static/active.json"])
    del active["bucket"]
    records["static/active.json"] = json.dumps(active).encode()
    assert world.publish(ONE)[-1].endswith("nothing was changed, 4 files")
    assert world.run("status") == 0
    world.publish(TWO)
    assert json.loads(records["static/active.json"])["bucket"] == "site"


def test_documents_are_as_the_schema_has_them(world: World) -> None:
    assert world.document("status")["active"] is None
    first = world.document("publish", "--dist", world.build(ONE, **{"old.txt": "old"}))
    assert (first["version"], first["files"], first["uploaded"], first["removed"]) == (ONE, 5, 5, [])
    assert world.document("publish", "--dist", world.build(TWO), "--dry-run")["dryRun"] is True
    second = world.document("publish", "--dist", world.build(TWO))
    assert (second["written"], second["removed"]) == (["index.html", "version.json"], ["old.txt"])
    assert world.document("restore", ONE)["written"] == ["index.html", "old.txt", "version.json"]
    assert world.document("purge", "old.txt")["versions"] == 4
    found = world.document("status")
    assert (found["good"], found["active"]["version"], len(found["restorable"])) == (True, ONE, 2)
    assert [each["path"] for each in found["purged"]] == ["old.txt"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--url", "www.example.gov"), "--url 'www.example.gov' is not an http:// or https:// URL with a host"),
        (("--bucket", "s3://site"), "--bucket 's3://site' is no name of a bucket"),
        (("--records-bucket", ""), "--records-bucket '' is no name of a bucket"),
        (("--distribution", "https://d1.cloudfront.net"), "--distribution 'https://d1.cloudfront.net' is no ID of a "),
        (("--routes", "example"), "--routes 'example' is no ARN of a key value store"),
    ],
)
def test_an_option_that_cannot_be_is_refused_before_anything_is_written(
    world: World, words: tuple[str, str], says: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        world.run("publish", "--dist", world.build(ONE), *words)
    assert ended.value.code == 2
    assert says in world.capsys.readouterr().err
    assert world.s3.calls == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--distribution", "E9"), "could not look for the distribution E9: NoSuchDistribution"),
        (("--url", "https://site.invalid"), "site.invalid does not resolve: .* the address of the site"),
    ],
)
def test_a_distribution_or_an_address_that_is_not_there_is_refused_before_anything_is_written(
    world: World, words: tuple[str, str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get(url: str, **_: Any) -> http.Response:
        raise http.UnknownNameError(f"{url.removeprefix('https://')} does not resolve: Name or service not known")

    monkeypatch.setattr(http, "get", get)
    world.publish(ONE)
    before = world.stored()
    two = ("publish", "--dist", world.build(TWO))
    for verb in (two, (*two, "--dry-run"), ("restore", ONE), ("restore", ONE, "--dry-run")):
        with pytest.raises(StaticReleaseError, match=says) as caught:
            world.run(*verb, *words)
        assert "nothing that visitors get was changed" in str(caught.value)
    assert world.stored() == before


def test_a_site_that_does_not_answer_yet_is_published(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def get(url: str, **_: Any) -> http.Response:
        raise http.HttpError(f"{url} refused the connection")

    monkeypatch.setattr(http, "get", get)
    assert world.run("publish", "--dist", world.build(ONE), "--url", "https://site.invalid", "--dry-run") == 0


def test_both_buckets_must_not_be_one(world: World) -> None:
    with pytest.raises(SystemExit) as ended:
        world.run("status", "--records-bucket", "site")
    assert ended.value.code == 2
    assert "expected one that visitors cannot read" in world.capsys.readouterr().err


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({".env": "SECRET=1"}, r"\.env"),
        ({"page.html": "<script src=/missing.js></script>"}, "missing.js"),
    ],
)
def test_a_folder_that_is_no_site_is_refused_before_anything_is_written(
    world: World, files: dict[str, str], says: str
) -> None:
    with pytest.raises(StaticReleaseError, match=says):
        world.run("publish", "--dist", world.build(ONE, **files))
    assert world.stored() == ({}, {})


def test_a_folder_that_is_not_there_is_named(world: World) -> None:
    with pytest.raises(StaticReleaseError, match="nowhere is not a folder"):
        world.run("publish", "--dist", str(world.folder / "nowhere"))
    assert world.s3.calls == []


def test_catalog_and_active_manifest_are_read_side_by_side(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.publish(ONE)
    both, read = threading.Barrier(2), world.s3.get_object

    def get_object(**asked: Any) -> dict[str, Any]:
        if asked["Key"].endswith(("catalog.json", "manifest.json")):
            both.wait(timeout=5)  # raises where the other one is not asked for meanwhile
        return read(**asked)

    monkeypatch.setattr(world.s3, "get_object", get_object)
    world.publish(TWO)
    assert world.title() == TWO

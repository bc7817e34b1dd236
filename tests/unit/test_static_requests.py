"""How many requests a release of static files takes: what changed, and a few, whatever the site and its past are."""

import threading
from collections import Counter
from pathlib import Path

import pytest

from release.static import repair
from release.static.expire import Expired
from tests.unit.static_sites import Environment, manifest, one_environment, tree, two_environments

COUNT = 2000
CHANGED = COUNT // 100


def hashed(build: int) -> dict[str, bytes]:
    """Content-hashed files, 1 % of which have another name and content in each build."""
    files = {
        f"assets/chunk-{number}-{build if number < CHANGED else 0}.js": f"{number} {build}".encode()
        for number in range(COUNT)
    }
    kept = {path: path.encode() for path in files}
    return {**tree(build), **kept}


def pages(build: int) -> dict[str, bytes]:
    """Pages that keep their names, 1 % of which have other content in each build."""
    return {
        **tree(build),
        **{f"docs/{number}.html": f"{number} {build if number < CHANGED else 0}".encode() for number in range(COUNT)},
    }


dev = pytest.fixture(one_environment)


def requests(site: Environment) -> int:
    count = len(site.s3.calls)
    site.s3.calls.clear()
    return count


def test_cold_release_of_hashed_files_is_one_request_for_each_and_a_few(dev: Environment, tmp_path: Path) -> None:
    dev.publish(hashed(0), tmp_path)
    # Index and version are stored and copied; the listing of 2,000 takes two.
    assert requests(dev) <= COUNT + 2 * 2 + 10


def test_cold_release_of_pages_is_two_requests_for_each_and_a_few(dev: Environment, tmp_path: Path) -> None:
    dev.publish(pages(0), tmp_path)
    assert requests(dev) <= 2 * (COUNT + 2) + 10


@pytest.mark.parametrize("build", [hashed, pages])
def test_unchanged_release_is_one_request(dev: Environment, tmp_path: Path, build: object) -> None:
    assert callable(build)
    dev.publish(build(0), tmp_path)
    requests(dev)
    dev.publish(build(0), tmp_path)
    assert dev.s3.calls == [("GetObject", "static/active.json")]


@pytest.mark.parametrize("lists_ahead", [False, True])
def test_one_percent_of_hashed_files_is_what_changed_and_twelve(
    dev: Environment, tmp_path: Path, lists_ahead: bool
) -> None:
    dev.lists_ahead = lists_ahead
    for build in range(2):
        dev.publish(hashed(build), tmp_path)
        count = requests(dev)
    assert count <= CHANGED + 2 + 12


def test_one_percent_of_pages_is_twice_what_changed_and_twelve(dev: Environment, tmp_path: Path) -> None:
    for build in range(2):
        dev.publish(pages(build), tmp_path)
        count = requests(dev)
    assert count <= 2 * (CHANGED + 2) + 12


@pytest.mark.parametrize("build", [hashed, pages])
def test_promotion_is_by_the_same_rules_and_one_request_more(tmp_path: Path, build: object) -> None:
    assert callable(build)
    s3, dev, impl = two_environments()
    for number in range(2):
        found = dev.publish(build(number), tmp_path)
        requests(dev)
        impl.promote(found, dev)
        count = requests(impl)
    assert count <= 2 * (CHANGED + 2) + 13
    assert impl.served().items() >= build(1).items()
    assert not [key for operation, key in s3.calls if operation == "PutObject" and key.startswith("assets/")]


@pytest.mark.parametrize("build", [hashed, pages])
def test_expiry_asks_for_no_manifest_of_a_release_that_was_staged_later(
    dev: Environment, tmp_path: Path, build: object
) -> None:
    assert callable(build)
    found = [dev.publish(build(number), tmp_path) for number in range(3)]
    requests(dev)
    assert dev.expire(2) == Expired(manifests=(found[0].digest,), objects=CHANGED if build is hashed else 0)
    assert Counter(operation for operation, _ in dev.s3.calls) == {
        "GetObject": 2,
        "PutObject": 2,
        "ListObjectsV2": 1,
        "DeleteObjects": 3 if build is hashed else 2,
    }


def test_going_back_is_what_changed_and_a_few(dev: Environment, tmp_path: Path) -> None:
    first = dev.publish(pages(0), tmp_path)
    dev.publish(pages(1), tmp_path)
    requests(dev)
    dev.switch(first.digest)
    assert requests(dev) <= CHANGED + 2 + 10
    assert manifest(dev.served()).digest == first.digest


def test_the_site_is_listed_beside_the_uploads(dev: Environment, tmp_path: Path) -> None:
    dev.publish(hashed(0), tmp_path)
    dev.lists_ahead = True
    listed, late = threading.Event(), []

    def before(operation: str, key: str) -> None:
        if operation == "list" and key == "assets/chunk-":
            listed.set()
        if operation == "put" and key.startswith("assets/") and not listed.wait(10):
            late.append(key)

    dev.s3.before = before
    dev.publish(hashed(1), tmp_path)
    assert (listed.is_set(), late) == (True, [])


def test_an_asset_that_is_deleted_during_long_uploads_is_restored(
    dev: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dev.publish(hashed(0), tmp_path)
    kept = f"assets/chunk-{COUNT - 1}-0.js"

    def before(operation: str, key: str) -> None:
        if (operation, key) == ("put", "static/catalog.json"):
            dev.bucket.objects.pop(kept, None)

    dev.s3.before, dev.lists_ahead = before, True
    monkeypatch.setattr(repair, "MAX_AGE_S", 0)
    dev.publish(hashed(1), tmp_path)
    assert kept in dev.served()

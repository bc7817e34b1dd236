"""Any two builds: after a release the site is the new one, after going back the old one, and nothing breaks between."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from release.static.manifest import Manifest
from tests.unit.static_sites import Environment, Tree, manifest, one_environment, two_environments

PAGES = ("a.html", "b/index.html", "c.html", "d/e.html")


class KilledError(BaseException):
    """The end of the process: nothing may catch it."""


def asset(number: int) -> tuple[str, bytes]:
    body = f"asset {number}".encode()
    return f"assets/a-{hashlib.sha256(body).hexdigest()[:8]}.js", body


@st.composite
def trees(draw: st.DrawFn) -> dict[str, bytes]:
    """A build whose pages name assets and link to pages, all of which it has."""
    assets = dict(asset(number) for number in draw(st.sets(st.integers(0, 4))))
    pages = ["index.html", *sorted(draw(st.sets(st.sampled_from(PAGES))))]
    other = {f"{name}.txt": draw(st.sampled_from([b"", b"x", b"y"])) for name in draw(st.sets(st.sampled_from("rst")))}
    links = st.sets(st.sampled_from(sorted((*assets, *pages, *other)))).map(sorted)
    body = {page: json.dumps({"links": draw(links), "text": draw(st.integers(0, 1))}).encode() for page in pages}
    return {**assets, **body, **other, "version.json": draw(st.sampled_from([b"1", b"2"]))}


def assert_whole(site: Environment) -> None:
    """No page names an asset that is not there, and none that a visitor can reach links to what is not there."""
    served = site.served()
    for path, body in served.items():
        if path.endswith(".html"):
            lacking = [link for link in json.loads(body)["links"] if link.startswith("assets/") and link not in served]
            assert lacking == [], path
    reached, left = set[str](), ["index.html"] if "index.html" in served else []
    while left:
        path = left.pop()
        assert path in served, f"a page that can be reached links to {path}"
        if path not in reached and path.endswith(".html"):
            left += json.loads(served[path])["links"]
        reached.add(path)


def assert_is(site: Environment, files: Tree) -> None:
    """The site has every file as it was built, with the right headers, and nothing else that keeps its name."""
    served = site.served()
    assert served.items() >= files.items()
    assert {path for path in served if not path.startswith("assets/")} == {
        path for path in files if not path.startswith("assets/")
    }
    for file in manifest(files).files:
        headers = site.bucket.written[file.path].headers
        expected = "public, max-age=31536000, immutable" if file.cache == "immutable" else "no-cache"
        assert headers == {"ContentType": file.content_type, "CacheControl": expected}, file.path
    active = json.loads(site.records.objects["static/active.json"])
    assert (active["manifest"], active["unsettled"]) == (manifest(files).digest, None)


@contextmanager
def watched(site: Environment) -> Iterator[None]:
    """Looks at the site as visitors do, after every request."""
    site.s3.after = lambda _operation, _key: assert_whole(site)
    yield
    site.s3.after = lambda _operation, _key: None


@contextmanager
def killed(site: Environment, at: int, *, arrives: bool) -> Iterator[list[int]]:
    """The process dies with a request, which has arrived or not; the list has one item if it came to that."""
    left, died = [at], list[int]()

    def count(*_: str) -> None:
        left[0] -= 1
        if left[0] < 0:
            died[:] = [at]
            raise KilledError

    hook = "after" if arrives else "before"
    setattr(site.s3, hook, count)
    with suppress(KilledError):
        yield died
    setattr(site.s3, hook, lambda _operation, _key: None)


def at_every_request(work: Callable[[int, bool], bool]) -> int:
    """Calls `work` with every number of a request at which it dies, both ways; returns how many there were."""
    count = 0
    for arrives in (False, True):
        at = 0
        while work(at, arrives):
            at += 1
        count += at
    return count


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(old=trees(), new=trees())
def test_after_a_release_the_site_is_the_new_build_and_after_going_back_the_old_one(old: Tree, new: Tree) -> None:
    _, dev, impl = two_environments()
    with tempfile.TemporaryDirectory() as folder, watched(dev):
        first = dev.publish(old, Path(folder))
        assert_is(dev, old)
        dev.publish(new, Path(folder))
        assert_is(dev, new)
        dev.switch(first.digest)
        assert_is(dev, old)
    impl.promote(first, dev)
    impl.promote(manifest(new), dev)
    assert_is(impl, new)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(runs=st.lists(st.tuples(trees(), st.integers(0, 30), st.booleans()), min_size=2, max_size=5), last=trees())
def test_any_number_of_killed_releases_leaves_a_site_that_works_and_that_the_next_one_completes(
    runs: list[tuple[Tree, int, bool]], last: Tree
) -> None:
    dev = one_environment()
    with tempfile.TemporaryDirectory() as folder:
        for number, (files, at, arrives) in enumerate(runs):
            with killed(dev, at, arrives=arrives):
                dev.publish(files, Path(folder) / str(number), take_over=True)
            assert_whole(dev)
        with watched(dev):
            dev.publish(last, Path(folder) / "last", take_over=True)
        assert_is(dev, last)


OLD: dict[str, bytes] = {
    **dict([asset(0), asset(1)]),
    "a.html": b'{"links": ["assets/%s"]}' % asset(0)[0].removeprefix("assets/").encode(),
    "c.html": b'{"links": ["a.html"]}',
    "index.html": json.dumps({"links": [asset(1)[0], "c.html", "r.txt"]}).encode(),
    "r.txt": b"x",
    "version.json": b"1",
}
NEW: dict[str, bytes] = {
    **dict([asset(1), asset(2)]),
    "a.html": json.dumps({"links": [asset(2)[0], "b/index.html"]}).encode(),
    "b/index.html": json.dumps({"links": ["a.html"]}).encode(),
    "index.html": json.dumps({"links": [asset(1)[0], "a.html"]}).encode(),
    "s.txt": b"",
    "version.json": b"2",
}
THIRD: dict[str, bytes] = {
    **dict([asset(3)]),
    "b/index.html": json.dumps({"links": [asset(3)[0], "c.html"]}).encode(),
    "c.html": b'{"links": []}',
    "index.html": json.dumps({"links": ["b/index.html"]}).encode(),
    "version.json": b"3",
}


@dataclass(frozen=True)
class Cut:
    """A change that is killed, and the one after it."""

    before: tuple[Tree, ...]
    """What was published before it."""
    change: Callable[[Environment, Environment, Path], object]
    """Of dev, in which all of that is, or of impl, in which the first of it is."""
    then: Tree = field(default_factory=lambda: NEW)
    """What the site is afterwards."""
    again: Callable[[Environment, Environment, Path], object] | None = None
    """Where another change comes after it."""
    of_impl: bool = False


def publishes(files: Tree) -> Callable[[Environment, Environment, Path], object]:
    return lambda dev, _, folder: dev.publish(files, folder / manifest(files).version, take_over=True)


CUTS = {
    "release, then the same": Cut((OLD,), publishes(NEW)),
    "release, then the one before": Cut((OLD,), publishes(NEW), OLD, publishes(OLD)),
    "release, then another": Cut((OLD,), publishes(NEW), THIRD, publishes(THIRD)),
    "first release": Cut((), publishes(NEW)),
    "promotion": Cut((OLD, NEW), lambda dev, impl, _: impl.promote(manifest(NEW), dev), of_impl=True),
    "going back": Cut((OLD, NEW), lambda dev, *_: dev.switch(manifest(OLD).digest), OLD),
}


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
def test_change_killed_at_any_request_is_continued(tmp_path: Path, cut: Cut) -> None:
    def work(at: int, arrives: bool) -> bool:
        _, dev, impl = two_environments()
        for files in cut.before:
            publishes(files)(dev, impl, tmp_path)
        if cut.of_impl:
            impl.promote(manifest(OLD), dev)
        site = impl if cut.of_impl else dev
        with killed(site, at, arrives=arrives) as died:
            cut.change(dev, impl, tmp_path)
        assert_whole(site)
        with watched(site):
            (cut.again or cut.change)(dev, impl, tmp_path)
        assert_is(site, cut.then)
        return bool(died)

    assert at_every_request(work) > 20


def test_expiry_killed_at_any_request_is_completed_and_what_is_kept_can_be_gone_back_to(tmp_path: Path) -> None:
    def work(at: int, arrives: bool) -> bool:
        dev = one_environment()
        _, second, third = (
            dev.publish(files, tmp_path / str(number)) for number, files in enumerate((OLD, NEW, THIRD))
        )
        with killed(dev, at, arrives=arrives) as died:
            dev.expire(1, second.digest)
        dev.expire(1, second.digest)
        assert_only(dev, second, third)
        dev.switch(second.digest)
        assert_is(dev, NEW)
        return bool(died)

    assert at_every_request(work) > 12


def assert_only(site: Environment, *kept: Manifest) -> None:
    """The buckets have what these releases need, and nothing else."""
    assets = {file.path for each in kept for file in each.immutable}
    assert {path for path in site.bucket.objects if path.startswith("assets/")} == assets
    blobs = {file.sha256 for each in kept for file in each.mutable}
    assert {key.removeprefix("static/blobs/") for key in site.records.objects if "/blobs/" in key} == blobs
    there = {key.split("/")[1] for key in site.records.objects if key.endswith("/manifest.json")}
    assert there == {each.digest.removeprefix("sha256:") for each in kept}
    catalog: Any = json.loads(site.records.objects["static/catalog.json"])
    assert (set(catalog["assets"]), set(catalog["blobs"])) == (assets, blobs)


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(builds=st.lists(trees(), min_size=2, max_size=6), keep=st.integers(1, 3), data=st.data())
def test_expiry_leaves_what_the_kept_releases_name_and_nothing_else(
    builds: list[Tree], keep: int, data: st.DataObject
) -> None:
    dev = one_environment()
    with tempfile.TemporaryDirectory() as folder:
        for number, files in enumerate(builds):
            dev.publish(files, Path(folder) / str(number))
        named = data.draw(st.sets(st.sampled_from([manifest(files).digest for files in builds])))
        dev.expire(keep, *named)
    by_digest = {manifest(files).digest: files for files in builds}
    catalog = json.loads(dev.records.objects["static/catalog.json"])
    kept = [each["manifest"] for each in catalog["staged"]]
    assert named <= set(kept)
    assert_only(dev, *(manifest(by_digest[digest]) for digest in kept))
    for digest in kept:
        dev.switch(digest)
        assert_is(dev, by_digest[digest])

import hashlib
import json
import re
import threading
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from release import http
from release.static import readback, store
from release.static.content import cache_class, content_type
from release.static.errors import StaticReleaseError
from release.static.manifest import File, Manifest
from release.static.parallel import in_parallel

DIGEST = "sha256:" + "a" * 64


def pool(size: int) -> Any:
    return SimpleNamespace(meta=SimpleNamespace(config=SimpleNamespace(max_pool_connections=size)))


def test_work_is_done_for_each_item_and_not_more_at_a_time_than_the_pool_holds() -> None:
    lock, now, most, done = threading.Lock(), 0, 0, []

    def work(item: int) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.002)
        with lock:
            now -= 1
            done.append(item)

    assert in_parallel(pool(3), work, range(100)) == 100
    assert sorted(done) == list(range(100))
    assert most <= 3


def test_waiting_work_is_bounded() -> None:
    drawn = 0
    gate = threading.Event()

    def items() -> Any:
        nonlocal drawn
        for number in range(100_000):
            drawn = number
            yield number

    def work(item: int) -> None:
        if item == 0:
            gate.wait(5)
            raise ValueError(item)

    threading.Timer(0.2, gate.set).start()
    with pytest.raises(ValueError, match="0"):
        in_parallel(pool(1), work, items())
    assert drawn < 100


def test_first_failure_ends_the_work() -> None:
    done: list[int] = []

    def work(item: int) -> None:
        if item == 5:
            raise StaticReleaseError("five")
        time.sleep(0.001)
        done.append(item)

    with pytest.raises(StaticReleaseError, match="five"):
        in_parallel(pool(2), work, range(1000))
    assert len(done) < 100


class Holding:
    """An S3 that holds one object, or refuses."""

    def __init__(self, content: bytes | None, code: str = "NoSuchKey") -> None:
        self.content = content
        self.code = code

    def get_object(self, **_: object) -> dict[str, Any]:
        if self.content is None:
            raise ClientError({"Error": {"Code": self.code, "Message": "no"}}, "GetObject")
        content = self.content
        return {"Body": SimpleNamespace(read=lambda: content)}


def active(content: object) -> store.Active | None:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return store.active(s3=Holding(body), records_bucket="records")


def test_active_comes_back_as_it_was_written() -> None:
    before = store.Active(manifest=DIGEST, config_sha256="c", activated_at="t", history=(DIGEST,), unsettled=DIGEST)
    assert active(before.to_json()) == before
    first = store.Active(manifest=None, config_sha256="", activated_at="", history=(), unsettled=DIGEST)
    assert active(first.to_json()) == first


def test_no_active_release_is_none() -> None:
    assert store.active(s3=Holding(None), records_bucket="records") is None


@pytest.mark.parametrize("content", [b"", b"[]", {}, {"manifest": "x"}])
def test_active_that_no_release_wrote_is_refused(content: object) -> None:
    with pytest.raises(StaticReleaseError, match=r"s3://records/static/active\.json is damaged"):
        active(content)


def test_refusal_says_what_was_done_and_which_permission_is_meant() -> None:
    with pytest.raises(StaticReleaseError, match=r"could not read s3://records/static/active\.json: AccessDenied: no;"):
        store.active(s3=Holding(None, "AccessDenied"), records_bucket="records")


def test_manifest_that_was_never_staged_is_named() -> None:
    with pytest.raises(StaticReleaseError, match=f"{DIGEST} was never staged: s3://records/static/aaa"):
        store.load(s3=Holding(None), records_bucket="records", digest=DIGEST)


PAGE = (
    b'<!doctype html><link rel=icon href="/i%20con.svg?1"><script src=/assets/app.js></script><img src=/not/there.png>'
)
APP, ICON = b"app()", b"<svg/>"
STAMP = b'{"version":"' + b"1" * 40 + b'"}'
SITE = store.Site(bucket="b", records_bucket="r", distribution_id="E1", url="https://site.example/")
MANIFEST = Manifest(
    version="1" * 40,
    files=tuple(
        File(
            path=path,
            size=len(body),
            sha256=hashlib.sha256(body).hexdigest(),
            content_type=content_type(path),
            cache=cache_class(path),
        )
        for path, body in (
            ("assets/app.js", APP),
            ("i con.svg", ICON),
            ("index.html", PAGE),
            ("other.js", b""),
            ("version.json", STAMP),
        )
    ),
)


def answered(status: int, body: bytes, content_type: str = "") -> http.Response:
    return http.Response(status=status, headers={"content-type": content_type}, body=body)


GOOD = {
    "/version.json": answered(200, STAMP),
    "/": answered(200, PAGE),
    "/assets/app.js": answered(200, APP, "text/javascript"),
    "/i%20con.svg": answered(200, ICON, "image/svg+xml; charset=utf-8"),
}


def read_back(answers: dict[str, http.Response], asked: list[str] | None = None) -> list[str]:
    said: list[str] = []

    def fetch(method: str, url: str) -> http.Response:
        path = url.removeprefix("https://site.example")
        if asked is not None:
            asked.append(f"{method} {path}")
        return answers[path]

    readback.read_back(site=SITE, manifest=MANIFEST, say=said.append, deadline_s=0, fetch=fetch)
    return said


def test_proof_says_that_it_is_one_edge() -> None:
    assert read_back(GOOD) == ["https://site.example/ serves 111111111111 (one edge of the CDN was asked)"]


@pytest.mark.parametrize(
    ("path", "answer", "reason"),
    [
        ("/version.json", answered(200, b'{"version":"2"}'), "/version.json says 2"),
        ("/version.json", answered(200, b"<html>"), "/version.json says b'<html>'"),
        ("/version.json", answered(403, b""), "/version.json answered 403"),
        ("/", answered(200, b"stale"), "/ is another page than the index.html of this release"),
        ("/", answered(503, b""), "/ answered 503"),
        ("/assets/app.js", answered(403, b""), "/assets/app.js, which the page needs, answered 403"),
        (
            "/assets/app.js",
            answered(200, PAGE, "text/html"),
            "/assets/app.js is text/html, expected text/javascript; ch",
        ),
        ("/assets/app.js", answered(200, APP), "/assets/app.js is of no type, expected text/javascript"),
        (
            "/assets/app.js",
            answered(200, b"app(2)", "text/javascript"),
            "/assets/app.js has other content than in this",
        ),
        ("/i%20con.svg", answered(404, b""), "/i%20con.svg, which the page needs, answered 404"),
    ],
)
def test_anything_else_is_no_proof(path: str, answer: http.Response, reason: str) -> None:
    with pytest.raises(StaticReleaseError, match="does not serve 111111111111 after 0 s: " + re.escape(reason)):
        read_back(GOOD | {path: answer})


def test_what_the_page_does_not_need_is_not_asked_for_and_of_large_files_only_the_head(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(readback, "MAX_BODY_BYTES", len(APP))
    asked: list[str] = []
    read_back(GOOD | {"/i%20con.svg": answered(200, b"", "image/svg+xml")}, asked)
    assert asked[:2] == ["GET /version.json", "GET /"]
    assert sorted(asked[2:]) == ["GET /assets/app.js", "HEAD /i%20con.svg"]


def test_what_another_origin_serves_is_not_held_against_the_build() -> None:
    asked: list[str] = []
    site = replace(SITE, other_origins=("/assets/*",))
    answers = GOOD | {"/assets/app.js": answered(404, b"")}

    def fetch(_method: str, url: str) -> http.Response:
        asked.append(url.removeprefix("https://site.example"))
        return answers[asked[-1]]

    readback.read_back(site=site, manifest=MANIFEST, say=lambda _: None, deadline_s=0, fetch=fetch)
    assert asked == ["/version.json", "/", "/i%20con.svg"]


NOT_FOUND = b"<p>no such page"
MANY = replace(
    MANIFEST,
    pages="multi",
    files=tuple(
        sorted(
            (
                *MANIFEST.files,
                replace(MANIFEST.files[2], path="404.html", sha256=hashlib.sha256(NOT_FOUND).hexdigest()),
            ),
            key=lambda file: file.path,
        )
    ),
)


def read_back_many(answer: http.Response, manifest: Manifest = MANY, site: store.Site = SITE) -> str:
    """What it says at its end."""
    said: list[str] = []

    def fetch(_method: str, url: str) -> http.Response:
        return GOOD.get(url.removeprefix("https://site.example"), answer)

    readback.read_back(site=site, manifest=manifest, say=said.append, deadline_s=0, fetch=fetch)
    return said[-1]


def test_site_of_many_pages_is_proven_by_a_miss_as_well() -> None:
    routed = replace(SITE, routes="arn:store")
    assert "404.html" not in read_back_many(answered(404, NOT_FOUND), site=routed)
    said = read_back_many(answered(404, b"<Error>"), replace(MANIFEST, pages="multi"), routed)
    assert said.endswith("; the build has no 404.html, so a path that is no page gets the bucket's 404")
    for answer, reason in (
        (answered(200, NOT_FOUND), "which is no page, answered 200, expected 404"),
        (answered(200, PAGE), "which is no page, answered 200, expected 404"),
        (answered(404, b"<Error>"), "which is no page, got another answer than the 404.html of this release"),
    ):
        with pytest.raises(StaticReleaseError, match=re.escape(reason)):
            read_back_many(answer, site=routed)
    read_back_many(answered(200, PAGE))  # the edge knows no paths
    read_back_many(answered(200, PAGE), MANIFEST, routed)


def test_build_that_says_no_version_is_proven_by_its_page() -> None:
    asked: list[str] = []
    files = tuple(file for file in MANIFEST.files if file.path != "version.json")

    def fetch(_method: str, url: str) -> http.Response:
        asked.append(url.removeprefix("https://site.example"))
        return GOOD[asked[-1]]

    manifest = Manifest(version="v1.2", files=files)
    readback.read_back(site=SITE, manifest=manifest, say=lambda _: None, deadline_s=0, fetch=fetch)
    assert asked[0] == "/"
    assert "/version.json" not in asked


def test_site_that_is_not_there_yet_is_told_with_the_time_that_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readback, "READ_BACK_INTERVAL_S", 0.0)
    said: list[str] = []
    misses = [answered(403, b"")] * 3

    def fetch(_method: str, url: str) -> http.Response:
        return misses.pop() if misses else GOOD[url.removeprefix("https://site.example")]

    readback.read_back(site=SITE, manifest=MANIFEST, say=said.append, deadline_s=60, fetch=fetch)
    assert said[:-1] == ["not yet served: /version.json answered 403; gives up in 60 s"]

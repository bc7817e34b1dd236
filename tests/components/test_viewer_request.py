"""The function at the edge, run by Node as CloudFront runs it: with a key value store, and nothing else."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence

import pytest

from components.viewer_request import CODE

RUNNER = """
const given = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const fail = () => { throw new Error('the store does not answer'); };
// get() of a key that is not there is an error: "Helper methods for key value stores", CloudFront Developer Guide.
const kvs = {
  exists: async key => given.keys === null ? fail() : Object.hasOwn(given.keys, key),
  get: async key => given.keys !== null && Object.hasOwn(given.keys, key) ? given.keys[key] : fail(),
};
const cf = {kvs: () => kvs};
const handler = new Function('cf', given.code + '; return handler;')(cf);
(async () => {
  const answers = [];
  for (const request of given.requests) answers.push((await handler({request})).uri);
  console.log(JSON.stringify(answers));
})();
"""
FILES = (
    "index.html",
    "version.json",
    "LICENSE",
    ".well-known/apple-app-site-association",
    "docs/index.html",
    "docs/guide.html",
    "assets/photo.jpg",
    "assets/gallery/index.html",
    "100%25.txt",
    "images/%C3%9Cbersicht%20mit%20Leerzeichen.txt",
    "a'(b),c;d@e&f=g$h!i~j*.txt",
    "what?.txt",
)
STORE = {**dict.fromkeys(FILES, "1"), "/": "/index.html"}
BROWSER = {"sec-fetch-dest": "document", "accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def uris(
    *asked: str, store: Mapping[str, str] | None = STORE, headers: Mapping[str, str] | None = None
) -> Sequence[str]:
    fields = {name: {"value": value} for name, value in (headers or {}).items()}
    first, _, code = CODE.partition("\n")
    assert first == "import cf from 'cloudfront';"
    given = {"code": code, "keys": store, "requests": [{"uri": uri, "headers": fields} for uri in asked]}
    done = subprocess.run(["node", "-e", RUNNER], input=json.dumps(given), capture_output=True, text=True, check=True)
    answers: list[str] = json.loads(done.stdout)
    return answers


@pytest.mark.parametrize("headers", [{}, BROWSER])
def test_a_file_of_the_site_is_served_as_it_is(headers: Mapping[str, str]) -> None:
    asked = (
        "/LICENSE",
        "/.well-known/apple-app-site-association",
        "/docs/guide.html",
        "/docs/index.html",
        "/version.json",
        "/100%25.txt",
        "/images/%C3%9Cbersicht%20mit%20Leerzeichen.txt",
        "/images/%c3%9cbersicht%20mit%20%4Ceerzeichen.txt",
        "/a'(b),c;d@e&f=g$h!i~j*.txt",
        "/a%27%28b%29%2Cc%3Bd%40e%26f%3Dg%24h%21i%7Ej%2A.txt",
        "/what%3F.txt",
    )
    assert uris(*asked, headers=headers) == list(asked)


def test_a_folder_is_its_index_page() -> None:
    assert uris("/", "/docs/", "/docs", "/assets/gallery/") == [
        "/index.html",
        "/docs/index.html",
        "/docs/index.html",
        "/assets/gallery/index.html",
    ]


@pytest.mark.parametrize("headers", [{}, BROWSER, {"accept": "*/*"}])
def test_everything_else_is_the_application(headers: Mapping[str, str]) -> None:
    asked = ("/users/jane.doe", "/v1.2.3", "/report.pdf", "/settings", "/settings/", "/docs/none", "/assets", "/%C3%A9")
    assert set(uris(*asked, headers=headers)) == {"/index.html"}


def test_under_the_content_hashed_folder_a_miss_stays_one() -> None:
    asked = ("/assets/index-Ab12-_zZ.js", "/assets/photo.jpg", "/assets/gone", "/assets/gone/", "/assets/")
    assert uris(*asked) == list(asked)
    assert uris(*asked, store={}) == list(asked)


def test_a_part_of_a_page_is_never_a_page() -> None:
    for kind in ("script", "style", "image", "empty"):
        headers = {"sec-fetch-dest": kind, "accept": "*/*"}
        assert uris("/theme.css", "/settings", headers=headers) == ["/theme.css", "/index.html"], kind
    fetched = {"sec-fetch-dest": "empty", "accept": "text/html"}
    assert uris("/users/jane.doe", headers=fetched) == ["/index.html"]


@pytest.mark.parametrize("store", [{}, {"docs": "1"}, None])
def test_without_a_store_it_goes_by_the_name(store: Mapping[str, str] | None) -> None:
    asked = ("/", "/robots.txt", "/settings", "/docs/", "/users/jane.doe")
    assert uris(*asked, store=store) == ["/index.html", "/robots.txt", "/index.html", "/index.html", "/users/jane.doe"]


def test_what_no_store_can_have_goes_by_the_name() -> None:
    long = "/" + "x" * 600
    assert uris(long, long + ".txt", "/%E0%A4%A", "/%ff.txt") == [
        "/index.html",
        f"{long}.txt",
        "/index.html",
        "/%ff.txt",
    ]


def test_what_other_paths_get_is_what_the_store_says() -> None:
    assert uris("/none", store={"/": "/404.html"}) == ["/404.html"]


def test_it_is_as_small_as_cloudfront_demands() -> None:
    assert len(CODE.encode()) <= 10_240

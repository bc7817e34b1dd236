"""The functions at the edge, run by Node as CloudFront runs them: with a key value store, and nothing else."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from components.viewer_request import CODE, RESPONSE_CODE

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
  for (const event of given.events) answers.push(await handler(event));
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


def run(code: str, events: Sequence[Any], store: Mapping[str, str] | None) -> list[Any]:
    first, _, rest = code.partition("\n")
    assert first == "import cf from 'cloudfront';"
    given = {"code": rest, "keys": store, "events": events}
    done = subprocess.run(["node", "-e", RUNNER], input=json.dumps(given), capture_output=True, text=True, check=True)
    answers: list[Any] = json.loads(done.stdout)
    return answers


def request(uri: str, headers: Mapping[str, str] | None = None, **querystring: Any) -> dict[str, Any]:
    fields = {name: {"value": value} for name, value in (headers or {}).items()}
    return {"uri": uri, "headers": fields, "querystring": querystring}


def uris(
    *asked: str, store: Mapping[str, str] | None = STORE, headers: Mapping[str, str] | None = None
) -> Sequence[str]:
    return [answer["uri"] for answer in run(CODE, [{"request": request(uri, headers)} for uri in asked], store)]


def served(*asked: str, store: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Sequence[str]:
    """Paths of files; of a redirect its status and location."""
    answers = run(CODE, [{"request": request(uri, headers)} for uri in asked], store)
    return [
        answer["uri"] if "uri" in answer else f"{answer['statusCode']} {answer['headers']['location']['value']}"
        for answer in answers
    ]


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


MANY = {
    **dict.fromkeys(("index.html", "404.html", "about/index.html", "team.html", "both.html", "both/index.html"), "1"),
    **dict.fromkeys(("blog.html", "blog/first.html", "LICENSE", "gr%C3%BC%C3%9Fe/index.html", "/_astro/"), "1"),
    "/": "/404.html",
}
WITHOUT_PAGE = {**MANY, "/": "none"}


@pytest.mark.parametrize("headers", [{}, BROWSER])
def test_each_page_of_many_has_one_address_at_which_its_relative_links_are_right(headers: Mapping[str, str]) -> None:
    asked = {
        "/": "/index.html",
        "/about/": "/about/index.html",
        "/about": "302 /about/",
        "/team": "/team.html",
        "/team/": "302 /team",
        "/team.html": "/team.html",
        "/both": "/both.html",
        "/both/": "/both/index.html",
        "/blog": "/blog.html",
        "/blog/": "302 /blog",
        "/blog/first": "/blog/first.html",
        "/LICENSE": "/LICENSE",
        "/gr%c3%bc%C3%9Fe": "302 /gr%C3%BC%C3%9Fe/",
    }
    assert dict(zip(asked, served(*asked, store=MANY, headers=headers), strict=True)) == asked


@pytest.mark.parametrize("headers", [{}, BROWSER, {"accept": "*/*"}])
def test_a_miss_of_many_pages_is_never_the_application(headers: Mapping[str, str]) -> None:
    asked = ("/none", "/none/", "/about/none", "/none.pdf", "/users/jane.doe", "/" + "x" * 600, "/%E0%A4%A", "//about")
    assert set(served(*asked, store=MANY, headers=headers)) == {"/404.html"}
    assert served(*asked, store=WITHOUT_PAGE, headers=headers) == list(asked), "the bucket answers 404"


def test_a_redirect_keeps_the_query_and_leads_to_this_site() -> None:
    query: dict[str, Any] = {
        "a": {"value": "1"},
        "b": {"value": "2", "multiValue": [{"value": "2"}, {"value": "x%20y"}]},
    }
    event = {"request": request("/about", None, **query, c={"value": ""})}
    (answer,) = run(CODE, [event], MANY)
    assert answer["headers"] == {
        "location": {"value": "/about/?a=1&b=2&b=x%20y&c"},
        "cache-control": {"value": "no-cache"},
    }
    asked = ("//evil.example", "/%2Fevil.example", "//about", "/\\about", "//about/", "/%2F", "/%2F_astro%2F")
    assert not [answer for answer in served(*asked, store=MANY) if answer.startswith("302")]


def test_a_hashed_file_of_a_release_before_is_asked_of_the_bucket_where_it_was() -> None:
    old = "/_astro/index.0ldHash1.css"
    assert served(old, "/_astro/page", "/other/index.0ldHash1.css", store={**STORE, "/_astro/": "1"}) == [
        old,
        "/index.html",
        "/index.html",
    ]
    assert served(old, "/_astro/page", store=MANY) == [old, "/404.html"]


def statuses(*asked: str, store: Mapping[str, str] | None, status: int = 200, of_type: str = "text/html") -> list[int]:
    answered = {"statusCode": status, "headers": {"content-type": {"value": of_type}}}
    events = [{"request": request(uri), "response": answered} for uri in asked]
    return [answer["statusCode"] for answer in run(RESPONSE_CODE, events, store)]


def test_the_page_of_a_miss_has_status_404_whichever_path_the_function_sees() -> None:
    asked = ("/none", "/none/", "/none.pdf", "/404.html")
    pages = ("/", "/index.html", "/about/", "/about/index.html", "/about", "/team", "/team.html", "/blog/")
    html = "text/html; charset=utf-8"
    assert set(statuses(*asked, store=MANY, of_type=html)) == {404}
    assert set(statuses(*pages, store=MANY, of_type=html)) == {200}
    assert statuses("/none", store=MANY, status=304) == [304]
    assert statuses("/none", store=MANY, of_type="text/plain") == [200]
    assert set(statuses(*pages, "/none", "/settings", store=STORE)) == {200}, "a release of one page"
    assert statuses("/none", store=None) == [200]


@pytest.mark.parametrize("code", [CODE, RESPONSE_CODE])
def test_it_is_as_small_as_cloudfront_demands(code: str) -> None:
    assert len(code.encode()) <= 10_240

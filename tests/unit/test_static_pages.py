"""Pages name what they need: what counts, how an address is read, and what a build must have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from release.static import pages
from release.static.builds import of_build
from release.static.errors import ManifestError
from settings.site import Site

SHA = "3f2c1aa" + "0" * 33
FILES = (
    "a/page.html",
    "assets/app.js",
    "assets/help/index.html",
    "assets/x+y.js",
    "images/größe 1.png",
    "images/one.png",
    "loader",
    "robots.txt",
    "v1.2/index.html",
    "version.json",
)


def problem(folder: Path, text: str, path: str = "index.html", other_origins: tuple[str, ...] = ()) -> str | None:
    """What is wrong with a build of FILES and this page."""
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    (folder / "index.html").write_text("x")
    (folder / path).write_text(text)
    there = {*FILES, "index.html", path, "config.json"}
    return "; ".join(pages.problems(folder, there, other_origins=other_origins)) or None


@pytest.mark.parametrize(
    "text",
    [
        "<script src=/assets/app.js></script>",
        "<SCRIPT SRC='/assets/app.js?v=1#x'></SCRIPT>",
        "<script src=assets/app.js></script>",
        "<script src=./a/../assets/app.js></script>",
        "<script src=/../../assets/app.js></script>",
        "<script src=/a/%2e%2E/assets/app.js></script>",
        "<script src=/%61ssets/app.js></script>",
        "<script src=\\assets\\app.js></script>",
        "<script src=' /assets/app.js\n'></script>",
        "<script src=/assets/x%2By.js></script>",
        "<script src=/assets/&#97;pp.js></script>",
        "<base href=/assets/><script src=app.js></script>",
        "<script src=app.js></script><base href=assets/>",
        "<base href=https://cdn.example.com/><script src=app.js></script>",
        "<script src=https://cdn.example.com/app.js></script>",
        "<script src=//cdn.example.com/app.js></script>",
        "<link rel=stylesheet href=data:text/css,a{}>",
        "<link rel=preload as=fetch href=/config.json>",
        "<link rel=canonical href=/nowhere.html><link rel=alternate href=/feed.xml><link href=/x.css>",
        "<img src='/images/gr%C3%B6%C3%9Fe%201.png' srcset='/images/one.png, images/größe%201.png 2x'>",
        "<img srcset='data:image/png;base64,A,B= 1x,/images/one.png 2x'>",
        "<img src=''>x",
        "<svg><use href='#icon'/><use xlink:href='/images/one.png#icon'/></svg>",
        "<iframe src=/help></iframe><iframe src=/></iframe><iframe src=about:blank></iframe>",
        "<script src=/loader></script><iframe src=/loader></iframe>",
        "<iframe src=/v1.2/></iframe><iframe src=/v1.2></iframe><iframe src=/assets/help></iframe>",
        "<a href=/users/john.doe>x</a><a href=/gone.pdf>x</a><area href=/gone.pdf><form action=/gone.php>x</form>",
        "<a href=mailto:a@b.c>x</a><a href='javascript:void(0)'>x</a>",
        "<template><img src='{{ source }}.png'></template>x",
        "<img src={{source}}><img src='{{ source }}.png'><img srcset='{{ one }} 1x, {{ f(1, 2) }} 2x'>",
        "<textarea><img src=/gone.png></textarea><title><img src=/gone.png></title>",
        "<textarea><script src=/gone.js></script></textarea><img src=/images/one.png>",
        "<!-- <script src=/gone.js></script> -->x",
        "<script>document.write('<script src=/gone.js>')</script>",
        "<input value=x src=/gone.png>",
    ],
)
def test_page_with_all_that_it_needs(text: str, tmp_path: Path) -> None:
    assert problem(tmp_path, f"{text}x") is None
    assert problem(tmp_path, f"{text}x", "other.html") is None


@pytest.mark.parametrize(
    ("text", "address", "where"),
    [
        ("<script type=module src=/assets/index-Q7w8E9r0.js></script>", "/assets/index-Q7w8E9r0.js", "script src"),
        ("<script src=../assets/App.js></script>", "../assets/App.js", "script src"),
        ("<script src=/assets/app%252E.js></script>", "/assets/app%252E.js", "script src"),
        ("<script src=/assets//app.js></script>", "/assets//app.js", "script src"),
        ("<script src=/api/v1/settings.js></script>", "/api/v1/settings.js", "script src"),
        ("<textarea></textarea><img src=/gone.png>", "/gone.png", "img src"),
        ("<base href=/a/><base href=/assets/><script src=app.js></script>", "app.js", "script src"),
        ("<link rel='alternate StyleSheet' href=/gone.css>", "/gone.css", "link href"),
        ("<link rel=modulepreload href=/assets/gone.js>", "/assets/gone.js", "link href"),
        ("<link rel='shortcut icon' href=/favicon.ico>", "/favicon.ico", "link href"),
        ("<link rel=apple-touch-icon href=/touch.png>", "/touch.png", "link href"),
        ("<link rel=manifest href=/site.webmanifest>", "/site.webmanifest", "link href"),
        ("<link rel=preload as=image imagesrcset='/images/one.png 1x, /gone.png 2x'>", "/gone.png", "link imagesrcset"),
        ("<img src=/gone.png>", "/gone.png", "img src"),
        ("<img srcset='/images/one.png 1x,/gone.png 2x'>", "/gone.png", "img srcset"),
        ("<picture><source srcset=/gone.avif></picture>", "/gone.avif", "source srcset"),
        ("<video poster=/gone.png><source src=/gone.mp4></video>", "/gone.png", "video poster"),
        ("<audio src=/gone.mp3></audio>", "/gone.mp3", "audio src"),
        ("<video><track src=/gone.vtt></video>", "/gone.vtt", "track src"),
        ("<iframe src=/gone.html></iframe>", "/gone.html", "iframe src"),
        ("<iframe src=/v1.3></iframe>", "/v1.3", "iframe src"),
        ("<iframe src=/assets/gone></iframe>", "/assets/gone", "iframe src"),
        ("<img src=/v1.2/>", "/v1.2/", "img src"),
        ("<object data=/gone.pdf></object>", "/gone.pdf", "object data"),
        ("<embed src=/gone.pdf>", "/gone.pdf", "embed src"),
        ("<input type=image src=/gone.png>", "/gone.png", "input src"),
        ("<svg><use xlink:href='/gone.svg#icon'/></svg>", "/gone.svg#icon", "use xlink:href"),
        ("<noscript><img src=/gone.png></noscript>x", "/gone.png", "img src"),
        ("<script src=http://[></script>", "http://[", "script src"),
    ],
)
def test_file_that_is_not_there_is_named(text: str, address: str, where: str, tmp_path: Path) -> None:
    said = problem(tmp_path, f"{text}x")
    assert said is not None
    assert f"index.html names {address} ({where}): it is not in the build" in said
    said = problem(tmp_path, f"{text}x", "other.html")
    assert said is not None
    assert f"other.html names {address} ({where}): it is not in the build" in said


@pytest.mark.parametrize(
    ("patterns", "address", "is_elsewhere"),
    [
        (("/media/*",), "/media/logo.png", True),
        (("/media/*",), "media/a/logo.png?v=1#x", True),
        (("/media/*",), "/media/", True),
        (("/media/*",), "/media", False),
        (("/media/*",), "/Media/logo.png", False),
        (("/media/*",), "/x/../media/logo.png", True),
        (("/media/*",), "/media/../logo.png", False),
        (("/media/*",), "/%6dedia/gr%C3%B6%C3%9Fe.png", True),
        (("/v2/*", "/img/*"), "/img/logo.png", True),
        (("/graphql",), "/graphql", True),
        (("/graphql",), "/graphql/x", False),
        (("/v?/logo.png",), "/v2/logo.png", True),
        (("/v?/logo.png",), "/v/logo.png", False),
        (("/*.jpg",), "/a/b.jpg", True),
        (("/[a]*",), "/a.png", False),
    ],
)
def test_what_another_origin_serves_is_not_looked_for_in_the_build(
    patterns: tuple[str, ...], address: str, is_elsewhere: bool, tmp_path: Path
) -> None:
    for path in ("index.html", "other.html"):
        assert (problem(tmp_path, f"<img src={address}>", path, patterns) is None) == is_elsewhere


def test_script_needs_a_file_and_no_page_whatever_its_name(tmp_path: Path) -> None:
    for address in ("/assets/app", "/a", "/help/", "/"):
        said = problem(tmp_path, f"<script src={address}></script>")
        assert said is not None
        assert f"index.html names {address} (script src): it is not in the build" in said


def test_plus_is_a_space_to_s3(tmp_path: Path) -> None:
    said = problem(tmp_path, "<script src=/assets/x+y.js></script>")
    assert said is not None
    assert "/assets/x+y.js (script src): S3 reads + as a space: write %2B, or rename the file" in said


def test_every_page_is_looked_at_and_its_addresses_begin_at_its_folder(tmp_path: Path) -> None:
    assert problem(tmp_path, "<img src=../images/one.png>", "a/page.html") is None
    said = problem(tmp_path, "<img src=images/one.png>", "a/page.html")
    assert said is not None
    assert "a/page.html names images/one.png (img src): it is not in the build" in said


FRAGMENTS = [
    *("<img src=a.png>", "<IMG\nSRC='b.png' alt='a > b'>", '<img alt="a < b" src=c.png>', "<img/src=d.png>", "<img"),
    *("<script src=e.js>", "</script>", "<script>let a = '<img src=f.png>'", "<!-- <link rel=icon href=g.ico>", "-->"),
    *("<template>", "</template>", "<noscript>", "</noscript>", "<iframe src=h>", "<title>", "<textarea>", "</title>"),
    *(
        "<base href=/i/>",
        "<![if IE]>",
        "<imgx src=j.png>",
        "<video poster=k.png",
        ">",
        '"',
        "'",
        " ",
        "x",
        "<",
        "<a b='",
    ),
    *("<source srcset='l.png, m.png 2x'>", "<svg><use href=n.svg />", "<link rel=stylesheet href=&#111;.css>"),
]


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join))
@settings(max_examples=500)
def test_references_are_found_without_reading_all(text: str) -> None:
    more = pages.references_or_more(text.encode())
    if more is not None:
        assert {*pages._read(text.encode()).references} <= {*more}


def test_usual_page_is_not_read_whole() -> None:
    body = b"<!doctype html><html><head><link rel=icon href=/i.svg><script type=module src=/a.js></script></head><body>"
    body += (
        b"<p>1 < 2 <a href='/x'>x</a> <img src=/b.png alt='a > b'></p><script>if (1 < 2) go()</script></body></html>"
    )
    more = pages.references_or_more(body)
    assert more is not None
    assert [reference.address for reference in more] == ["/i.svg", "/a.js", "/b.png"]


def test_many_files_are_counted(tmp_path: Path) -> None:
    said = problem(tmp_path, "".join(f"<img src=/{number}.png>" for number in (*range(9), 3)))
    assert said is not None
    assert "/4.png (img src): it is not in the build; and 4 more" in said
    assert "/5.png" not in said


@pytest.mark.parametrize(
    "text",
    [
        "<!doctype html>",
        "<!doctype html><html><head><title>EASi</title></head><body></body></html>",
        "<body><div id=root></div><noscript>It needs JavaScript <img src=/images/one.png></noscript></body>",
        "<style>body { color: red }</style><!-- nothing --><link rel=icon href=/images/one.png>",
    ],
)
def test_entry_page_without_content_is_refused(text: str, tmp_path: Path) -> None:
    said = problem(tmp_path, text)
    assert said == f"index.html in {tmp_path} has nothing to show and loads no script"
    assert problem(tmp_path, "x") is None


@pytest.mark.parametrize(
    "text",
    [
        "EASi",
        "<div id=root></div><script type=module src=/assets/app.js></script>",
        "<script>start()</script>",
        "<meta http-equiv=refresh content='0; url=/a/page.html'>",
        "<svg></svg>",
    ],
)
def test_entry_page_that_shows_or_loads_something(text: str, tmp_path: Path) -> None:
    assert problem(tmp_path, text) is None


@pytest.mark.parametrize("path", ["index.html", "a/page.html"])
def test_empty_page_is_refused(path: str, tmp_path: Path) -> None:
    assert problem(tmp_path, " \n", path) == f"{path} in {tmp_path} is empty"


def test_what_is_no_html_is_refused_and_read_back_without_its_files(tmp_path: Path) -> None:
    said = problem(tmp_path, "<![what[ is this]]>x")
    assert said is not None
    assert said.startswith(f"index.html in {tmp_path} is not HTML that can be read")
    assert pages.needed_by_entry(b"<![what[ is this]]>x", FILES) == set()


def test_entry_page_needs_files_of_the_site_only() -> None:
    body = b"""<script src=/assets/app.js></script><img src=//x.example/y.png><img src=z.png>
        <script src=loader></script><iframe src=/help></iframe><iframe src=/></iframe><iframe src=/v1.2></iframe>"""
    assert pages.needed_by_entry(body, FILES) == {"assets/app.js", "loader", "v1.2/index.html"}
    assert pages.needed_by_entry(body, FILES, other_origins=("/assets/*", "/v*")) == {"loader"}


def test_build_is_refused_with_how_to_build_it(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<script src=/assets/index-Q7w8E9r0.js></script>")
    (tmp_path / "version.json").write_text(json.dumps({"version": SHA}))
    with pytest.raises(
        ManifestError, match=r"names /assets/index-Q7w8E9r0\.js .*: it is not in the build \(.*\); to build it: "
    ):
        of_build(tmp_path, SHA, Site(), ["/api/*"])


def test_a_site_of_the_settings_may_name_what_the_services_have_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<img src=/media/logo.png><iframe src=/api/docs.html></iframe>")
    (tmp_path / "version.json").write_text(json.dumps({"version": SHA}))
    assert of_build(tmp_path, SHA, Site(), ["/media/*", "/api/*"]).version == SHA
    for paths, named in ((["/media/*"], "/api/docs.html"), (["/api/*"], "/media/logo.png"), ([], "/media/logo.png")):
        with pytest.raises(ManifestError, match=rf"index\.html names {named} .*: it is not in the build"):
            of_build(tmp_path, SHA, Site(), paths)

"""What a path says of a file: its content type, and whether its name changes with its content."""

from __future__ import annotations

import random
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docs import media_types
from release.static.content import cache_class, content_type, glob_problem
from settings.site_build import HASHED

BASE64URL = string.ascii_letters + string.digits + "-_"
HEXADECIMAL = "0123456789abcdef"


@pytest.mark.parametrize(
    "path",
    [
        "assets/index-DiwrgTda.js",
        "assets/index-DiwrgTda.js.map",
        "assets/index-B-x_12aZ.css",
        "assets/fonts/inter-latin-400-normal-BOOGhInR.woff2",
        "assets/jquery.min-8fK2_xQz.js",
        "assets/index-D1wrgTda0a1B.js",
        "assets/index-4f3c2a1b.js",
        "assets/index-12345678.js",
        "assets/index-abcdefab.js",
        "assets/index-20239923.js",
        "assets/index-abcde123.js",
        "assets/index-DEADBEEF.js",
        "assets/index-0123456789abcdef.js",
        "assets/index--xyzxyzx.js",
        "assets/application-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.css",
        "_astro/index.DiwrgTda.css",
        "_astro/hoisted.D4_abQ9z.js",
        "_astro/hero.CJzp9XqZ_Z1bVbVn.webp",
        "static/js/main.4f3c2a1b.js",
        "static/js/main.4f3c2a1b.js.LICENSE.txt",
        "static/js/787.4f3c2a1b.chunk.js.map",
        "static/css/main.4f3c2a1b.css.map",
        "static/media/logo.6ce24c58023cc2f8fd88fe9d219db6c6.svg",
        "_next/static/chunks/main-4f3c2a1b9d8e7f60.js",
        "_next/static/chunks/app/users/[id]/page-4f3c2a1b9d8e7f60.js",
        "_next/static/chunks/0d2a4c5f8e1b3a7c.js",
        "_next/static/css/4f3c2a1b9d8e7f60.css",
        "_next/static/media/c9a5bc6a7c948fb0-s.p.woff2",
    ],
)
def test_bundlers_names_are_immutable(path: str) -> None:
    assert cache_class(path) == "immutable"


@pytest.mark.parametrize(
    "path",
    [
        "index.html",
        "index-DiwrgTda.js",
        "images/index-DiwrgTda.js",
        "assets/page-DiwrgTda.html",
        "assets/photo-original.jpg",
        "assets/photo-Original.jpg",
        "assets/my-cool-document.pdf",
        "assets/report-20231123.pdf",
        "assets/a-my-photo.png",
        "assets/camera-IMG_1234.jpg",
        "assets/logo-version2.svg",
        "assets/icon-arrowLeft.svg",
        "assets/img-HeroIcon.png",
        "assets/img-backgroundDark2.png",
        "assets/report-23112023.pdf",
        "assets/report-20231123120000.pdf",
        "assets/menu-cafe2024.pdf",
        "assets/photo-DSCN2345.jpg",
        "assets/photo-24-01-15.jpg",
        "assets/short-aB3dE6g.js",
        "assets/hero-1920x1080.jpg",
        "assets/hero-1920x1080px.jpg",
        "assets/og-1200x630.png",
        "assets/mask-1024x1024.png",
        "assets/a-hero_1024x1024.png",
        "assets/roboto-v30-latin-700italic.woff2",
        "assets/report-FY2024Q3.pdf",
        "assets/report-Q3FY2024.pdf",
        "assets/report-13Dec2024.pdf",
        "assets/video-1080p60fps.mp4",
        "assets/form-CMS1763e.pdf",
        "assets/img-508compliant.png",
        "assets/handbook-policyV12.pdf",
        "assets/guide-step2diagram.svg",
        "static/media/hero.1920x1080.png",
        "assets/-DiwrgTda.js",
        "assets/noextension-DiwrgTda",
        "assets/DiwrgTda.js",
        "assets-DiwrgTda.js",
        "assets/jquery.min-8fK2.js",
        "assets/jquery.dataTables.min.js",
        "assets/lib.build4711a.js",
        "assets/bootstrap.bundle.min.js",
        "assets/report-20240101T120000Z.pdf",
        "assets/0123456789012345678.css",
        "_astro/page.DiwrgTda.html",
        "static/favicon.ico",
        "static/media/report.20231123.pdf",
        "_next/static/zQ2xYw8vT4rS6pN1mK3jL/_buildManifest.js",
        "_next/data/a-DiwrgTda.json",
    ],
)
def test_every_other_name_is_not(path: str) -> None:
    assert cache_class(path) == "no-cache"


def test_globs_of_a_site_say_where_hashes_are_looked_for_and_not_that_there_is_one() -> None:
    own = ("_app/immutable/*", "main-*")
    assert cache_class("_app/immutable/chunks/a.DiwrgTda.js", own) == "immutable"
    assert cache_class("main-DiwrgTda.js", own) == "immutable"
    for path in ("_app/immutable/logo.svg", "main-page.js", "assets/index-DiwrgTda.js", "other-DiwrgTda.js"):
        assert cache_class(path, own) == "no-cache", path
    assert cache_class("assets/index-DiwrgTda.js", ()) == "no-cache"


@pytest.mark.parametrize("glob", ["", "/assets/*", "./assets/*", "a/../b*", "assets/"])
def test_glob_that_matches_nothing_is_a_problem(glob: str) -> None:
    assert glob_problem(glob)
    assert not any(map(glob_problem, (*HASHED, "*", "[a-c]*.js", "one-file.js")))


@pytest.mark.parametrize(
    ("alphabet", "length", "at_most"),
    [
        (HEXADECIMAL, 8, 0.0005),
        (HEXADECIMAL, 16, 0.002),
        (HEXADECIMAL, 20, 0.0005),
        (BASE64URL, 8, 0.0125),
        (BASE64URL.replace("-", ""), 8, 0.01),
        (BASE64URL.replace("-", ""), 12, 0.0012),
        (string.ascii_uppercase + "234567", 8, 0.25),  # esbuild's: a fifth has no digit, and is a WORD
    ],
)
def test_hashes_that_are_taken_for_words_are_few(alphabet: str, length: int, at_most: float) -> None:
    by_chance = random.Random(1)
    names = ["".join(by_chance.choices(alphabet, k=length)) for _ in range(50_000)]
    missed = [name for name in names if cache_class(f"assets/index-{name}.js") != "immutable"]
    assert len(missed) <= at_most * len(names), missed[:20]


@given(st.lists(st.sampled_from(["about", "arrow", "hero", "team", "photo", "menu", "report", "dark"]), min_size=2))
def test_words_are_no_hash_however_they_are_joined(words: list[str]) -> None:
    for name in ("-".join(words), "_".join(words), "".join(words), "-".join(map(str.title, words)), f"{words[0]}2024"):
        assert cache_class(f"assets/a-{name}.jpg") == "no-cache"


@given(
    st.sampled_from(["{n}x{m}", "{n}x{m}px", "{w}{y}{w}", "{y}{w}", "FY{y}Q3", "{n}{v}", "{v}{n}{v}", "{n}p{m}fps"]),
    st.integers(10, 9999),
    st.integers(10, 9999),
    st.integers(1900, 2099),
    st.sampled_from(["report", "italic", "Draft", "compliant", "FINAL"]),
    st.sampled_from(["report", "italic", "Draft", "compliant", "oblique"]),
)
def test_words_and_numbers_in_turn_are_no_hash(
    form: str, number: int, other: int, year: int, word: str, long_word: str
) -> None:
    name = form.format(n=number, m=other, y=year, w=word, v=long_word)
    assert cache_class(f"assets/file-{name}.pdf") == "no-cache"


@pytest.mark.parametrize("text", ["a1" * 120, "2020" * 60, "abcd1" * 48, "Abcd" * 60, "20x20x" * 40, "11aa" * 60])
def test_a_name_of_chance_is_judged_at_all(text: str) -> None:
    """A pattern that tries every division of such a name does not end."""
    assert cache_class(f"assets/file-{text}_.js") in ("no-cache", "immutable")


@given(st.dates())
def test_dates_are_no_hash(day: object) -> None:
    for form in ("%Y%m%d", "%d%m%Y", "%m%d%Y", "%y-%m-%d", "%Y-%m-%d", "%Y_%m_%d"):
        name = format(day, form)
        if "19000101" <= format(day, "%Y%m%d") <= "20991231":
            assert cache_class(f"assets/report-{name}.pdf") == "no-cache"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a/INDEX.HTML", "text/html; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.cjs", "text/javascript; charset=utf-8"),
        ("a.js.map", "application/json; charset=utf-8"),
        ("a.svg", "image/svg+xml; charset=utf-8"),
        ("a.xml", "application/xml; charset=utf-8"),
        ("a.yaml", "application/yaml; charset=utf-8"),
        ("a.geojson", "application/geo+json; charset=utf-8"),
        ("a.webmanifest", "application/manifest+json; charset=utf-8"),
        ("a.vtt", "text/vtt; charset=utf-8"),
        ("a.ics", "text/calendar; charset=utf-8"),
        ("a.woff2", "font/woff2"),
        ("a.wasm", "application/wasm"),
        ("a.avif", "image/avif"),
        ("a.jxl", "image/jxl"),
        ("a.ico", "image/x-icon"),
        ("a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("a.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("a.pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
        ("a.tar.gz", "application/gzip"),
        ("a.unheard-of", "application/octet-stream"),
        (".well-known/apple-app-site-association", "application/json; charset=utf-8"),
        (".well-known/openid-configuration", "application/json; charset=utf-8"),
    ],
)
def test_content_types_do_not_depend_on_the_machine(name: str, expected: str) -> None:
    assert content_type(name) == expected
    assert content_type(name, b"text") == expected


@pytest.mark.parametrize("name", ["LICENSE", "a.b/CNAME", ".nojekyll", "README."])
@pytest.mark.parametrize(
    ("beginning", "is_text"),
    [(b"", True), ("größe".encode(), True), ("größe".encode()[:3], True), (b"\xff\xfe", False), (b"GIF\0", False)],
)
def test_name_without_an_extension_is_text_if_it_is_utf8(name: str, beginning: bytes, is_text: bool) -> None:
    assert content_type(name, beginning) == ("text/plain; charset=utf-8" if is_text else "application/octet-stream")


def test_table_of_types_is_of_the_version_that_is_locked() -> None:
    written = media_types.TABLE.read_text()
    assert written.startswith(media_types.HEAD.format(version=media_types.locked_version()))
    for extension, name in media_types.OURS.items():
        assert f" {extension} " in next(f"{line} " for line in written.splitlines() if line.startswith(f"{name} "))


def test_of_several_types_of_an_extension_iana_s_and_the_one_without_a_prefix_is_taken() -> None:
    types: dict[str, dict[str, Any]] = {
        "audio/x-wav": {"source": "apache", "extensions": ["wav"]},
        "audio/wav": {"extensions": ["wav"]},
        "application/octet-stream": {"source": "iana", "extensions": ["wav", "bin"]},
    }
    written = media_types.table("1", types)
    assert "audio/wav wav\n" in written
    assert "application/octet-stream bin\n" in written

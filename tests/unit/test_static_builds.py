"""From a folder to its manifest: what is in it, and every folder that is no site."""

import errno
import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from release.static.builds import check_pages, from_folder, of_build
from release.static.errors import ManifestError, NotBuiltError
from release.static.manifest import File, Manifest
from release.static.scan import MAX_PATH_BYTES
from release.version import is_digest
from settings.site import Site

SHA = "3f2c1aa" + "0" * 33


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    site = tmp_path / "dist"
    (site / "assets").mkdir(parents=True)
    (site / "index.html").write_text("<!doctype html><p>page")
    (site / "version.json").write_text(json.dumps({"version": SHA}))
    (site / "assets/index-DiwrgTda.js").write_text("1")
    return site


def test_manifest_describes_every_file_in_order(folder: Path) -> None:
    (folder / "Ü mit Leerzeichen").mkdir()
    (folder / "Ü mit Leerzeichen/ß.txt").write_bytes(b"")
    manifest = from_folder(folder)
    assert manifest.version == SHA
    assert [file.path for file in manifest.files] == [
        "assets/index-DiwrgTda.js",
        "index.html",
        "version.json",
        "Ü mit Leerzeichen/ß.txt",
    ]
    assert manifest.files[0] == File(
        path="assets/index-DiwrgTda.js",
        size=1,
        sha256="6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
        content_type="text/javascript; charset=utf-8",
        cache="immutable",
    )
    assert manifest.files[3].size == 0


def test_digest_follows_content_and_nothing_else(folder: Path) -> None:
    before = from_folder(folder).digest
    os.utime(folder / "index.html", (1, 1))
    (folder / "nothing").mkdir()
    assert from_folder(folder).digest == before
    (folder / "index.html").write_text("<!doctype html>!")
    assert from_folder(folder).digest != before
    assert is_digest(before)


def test_stored_manifest_comes_back_as_it_was(folder: Path) -> None:
    manifest = from_folder(folder)
    again = Manifest.from_json(manifest.to_json())
    assert again == manifest
    assert again.digest == manifest.digest
    assert manifest.to_json().isascii()


def test_what_the_build_is_stays_with_it_and_makes_it_another_one(folder: Path) -> None:
    one, many = from_folder(folder), from_folder(folder, pages="multi")
    assert b"pages" not in one.to_json(), "as it was before there were sites of many pages"
    assert Manifest.from_json(many.to_json()) == many != one
    assert json.loads(many.to_json()).keys() == {"files", "pages", "version"}
    with pytest.raises(ManifestError, match='pages is "many", expected single or multi'):
        Manifest.from_json(many.to_json().replace(b'"multi"', b'"many"'))


def test_page_in_a_page_is_a_file_where_there_is_no_application(folder: Path) -> None:
    (folder / "about.html").write_text("<iframe src=/about></iframe><iframe src=/images/></iframe>x")
    check_pages(folder, from_folder(folder))
    with pytest.raises(
        NotBuiltError, match=r"about\.html names /images/ \(iframe src\): it is not in the build \(what"
    ):
        check_pages(folder, from_folder(folder, pages="multi"))


@pytest.mark.parametrize("glob", ["", "assets/"])
def test_glob_that_matches_no_file_is_refused(folder: Path, glob: str) -> None:
    with pytest.raises(ManifestError, match="hashed names "):
        from_folder(folder, hashed=(glob,))


def break_folder(folder: Path, how: str) -> None:
    if how == "missing":
        folder.rename(folder.with_name("elsewhere"))
    elif how == "empty":
        for file in sorted(folder.rglob("*"), reverse=True):
            file.rmdir() if file.is_dir() else file.unlink()
    elif how == "long":
        deep = folder / "/".join(["d" * 200] * 5 + ["d" * 100])
        deep.mkdir(parents=True)
        (deep / "x").write_text("")
    elif how == "config":
        (folder / "config.json").write_text("{}")
    elif how == "link":
        (folder / "assets/secret").symlink_to("/etc/passwd")
    elif how == "linked folder":
        (folder / "again").symlink_to(folder)
    elif how == "loop":
        (folder / "a").symlink_to("b")
        (folder / "b").symlink_to("a")
    elif how == "version loop":
        (folder / "version.json").unlink()
        (folder / "version.json").symlink_to("version.json")
    elif how == "linked bytes":
        (folder / "link").symlink_to(os.fsdecode(b"\xff"))
    elif how == "pipe":
        os.mkfifo(folder / "pipe")
    elif how == "bytes":
        Path(os.fsdecode(os.fsencode(folder) + b"/\xff.txt")).write_text("")
    elif how == "plus":
        (folder / "chunks").mkdir()
        (folder / "chunks" / "a+b-Ab12Cd34.js").write_bytes(b"")
    elif how == "control":
        (folder / "a\nb").write_text("")
    elif how == "not in XML":
        (folder / "a\ufffeb").write_text("")
    elif how.startswith("no "):
        (folder / how.removeprefix("no ")).unlink()
    else:
        (folder / "version.json").write_text(how)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("missing", r"dist is not a folder; to build it:  python -m release build"),
        ("empty", r"dist is empty; to build it"),
        ("no index.html", r"has no index\.html.*; to build it"),
        ("no version.json", r"has no version\.json.*; to build it"),
        ("not json", r"version\.json must hold .* not b'not json'"),
        ("[]", r"version\.json must hold"),
        ('{"version": 3}', r"version is 3, expected a Git SHA"),
        ('{"version": ""}', r'version is "", expected a Git SHA'),
        ("config", r"a release writes that file for each environment from its settings"),
        ("link", r"assets/secret is a link to /etc/passwd, outside of"),
        ("linked folder", r"again is a link to .*, which is no file"),
        ("loop", r"[ab] is a link to .*, which is no file: copy it, or remove the link"),
        ("version loop", r"version\.json is a link to .*, which is no file"),
        ("linked bytes", r"link is a link to .*, which is no file"),
        ("pipe", r"pipe is neither a file nor a folder"),
        ("long", rf"is 1105 bytes long; S3 takes {MAX_PATH_BYTES} bytes at most"),
        ("bytes", r"is not UTF-8, which S3 requires"),
        ("control", r"has a control character"),
        ("not in XML", r"'a.ufffeb' has a control character"),
        ("plus", r"^chunks/a\+b-Ab12Cd34\.js has a \+ in its name, which S3 reads as a space"),
    ],
)
def test_folder_that_is_no_site_is_refused(folder: Path, how: str, message: str) -> None:
    break_folder(folder, how)
    with pytest.raises(ManifestError, match=message) as caught:
        of_build(folder, SHA, Site(), [])
    assert str(caught.value).encode(), "the engine takes UTF-8 only"


def test_all_faults_of_a_folder_are_told_at_once(folder: Path) -> None:
    for how in ("plus", "config", "link", "pipe", "no version.json"):
        break_folder(folder, how)
    (folder / ".env").write_text("SECRET=1")
    (folder / "Logo.svg").write_text("")
    (folder / "logo.svg").write_text("-----BEGIN PRIVATE KEY-----")
    with pytest.raises(ManifestError) as caught:
        from_folder(folder, allowed=["gone.pem"])
    first, *lines = str(caught.value).splitlines()
    assert first == "the build has 8 faults:"
    for part in (
        "a+b-",
        "has a config.json",
        "assets/secret",
        "pipe",
        "version.json",
        ".env (",
        "only in case",
        "gone.pem",
    ):
        assert sum(part in line for line in lines) == 1, part
    assert "logo.svg (a private key)" in str(caught.value)


def test_faults_of_pages_are_told_with_those_of_files(folder: Path) -> None:
    (folder / "empty.html").write_text("")
    (folder / "index.html").write_text("<script src=/gone.js></script>")
    with pytest.raises(ManifestError, match=r"^the build has 2 faults:") as caught:
        of_build(folder, SHA, Site(), [])
    assert "empty.html in" in str(caught.value)
    assert "names /gone.js" in str(caught.value)
    (folder / ".env").write_text("SECRET=1")
    with pytest.raises(ManifestError, match=r"^the build has 3 faults:"):
        from_folder(folder)


@pytest.mark.parametrize("name", ["index.html", "version.json", "assets"])
@pytest.mark.parametrize("code", [errno.ENOENT, errno.EACCES, errno.EIO, errno.ELOOP])
def test_file_that_vanishes_or_cannot_be_read_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, code: int
) -> None:
    opened, scanned, by_number = Path.open, os.scandir, os.open

    def refuse(path: Any) -> Any:
        if Path(path).name == name:
            raise OSError(code, os.strerror(code), os.fspath(path))
        return path

    monkeypatch.setattr(Path, "open", lambda self, *given: opened(refuse(self), *given))
    monkeypatch.setattr(os, "scandir", lambda path: scanned(refuse(path)))
    monkeypatch.setattr(os, "open", lambda path, *given: by_number(refuse(path), *given))
    with pytest.raises(
        ManifestError, match=rf"dist/{name} cannot be read \({os.strerror(code)}\); to build it:  python -m"
    ):
        of_build(folder, SHA, Site(), [])


@pytest.mark.parametrize(
    ("one", "other", "what"),
    [
        ("a/Logo.svg", "a/logo.svg", "in case"),
        ("A/logo.svg", "a/logo.svg", "in case"),
        ("stra\u00dfe.txt", "STRASSE.txt", "in case"),
        ("gr\u00f6\u00dfe.png", "gro\u0308\u00dfe.png", "in Unicode form (NFC, NFD)"),
        ("gr\u00f6\u00dfe.png", "Gro\u0308\u00dfe.png", "in case"),
    ],
)
def test_names_that_are_one_on_other_machines_are_refused(folder: Path, one: str, other: str, what: str) -> None:
    for path in (one, other):
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text("")
    with pytest.raises(ManifestError) as caught:
        from_folder(folder)
    first, second = sorted((one, other))
    assert str(caught.value).startswith(f"{first!a} and {second!a} differ only {what}: ")


def test_names_that_differ_otherwise_are_no_clash(folder: Path) -> None:
    for path in ("o.txt", "\u00f6.txt", "LICENSE", "license.txt", "dia\u00e9resis"):
        (folder / path).write_text("")
    assert len(from_folder(folder).files) == 8


def test_file_that_changes_while_it_is_read_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, changed = os.read, folder / "index.html"

    def write_after(content: str) -> Any:
        def between(descriptor: int, length: int) -> bytes:
            piece = read(descriptor, length)
            if piece.startswith(b"<!doctype"):
                changed.write_text(content)
            return piece

        return between

    for content in ("<!DOCTYPE html>", "<!doctype html> and more", ""):
        changed.write_text("<!doctype html>")
        os.utime(changed, (1, 1))
        monkeypatch.setattr(os, "read", write_after(content))
        with pytest.raises(ManifestError, match=r"index\.html changed while it was read: something builds meanwhile"):
            from_folder(folder)


def test_version_may_be_given_and_then_the_build_says_none(folder: Path) -> None:
    (folder / "version.json").write_text('{"build": 3}')
    assert from_folder(folder, version="v1.2").version == "v1.2"
    (folder / "version.json").unlink()
    manifest = from_folder(folder, version="v1.2")
    assert [file.path for file in manifest.files] == ["assets/index-DiwrgTda.js", "index.html"]
    with pytest.raises(ManifestError, match=r"the version is '1 2', expected 1 to 128 letters, digits"):
        from_folder(folder, version="1 2")


def test_config_of_the_build_is_released_where_no_other_is_written(folder: Path) -> None:
    (folder / "config.json").write_text("{}")
    (folder / "index.html").write_text("<script src=/config.json></script>")
    manifest = from_folder(folder, config_is_written=False)
    assert "config.json" in {file.path for file in manifest.files}
    check_pages(folder, manifest, config_is_written=False)
    (folder / "config.json").unlink()
    manifest = from_folder(folder)
    check_pages(folder, manifest)
    with pytest.raises(ManifestError, match=r"index\.html names /config\.json \(script src\): it is not in the build"):
        check_pages(folder, manifest, config_is_written=False)


def test_digest_is_known_without_a_parser_of_html(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from release.static.builds import from_folder; "
        f"print(from_folder(Path({str(folder)!r})).digest, 'html.parser' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [from_folder(folder).digest, "False"]


def test_digest_is_known_without_a_look_into_the_pages(folder: Path) -> None:
    (folder / "index.html").write_text("<script src=/gone.js></script>")
    manifest = from_folder(folder)
    with pytest.raises(ManifestError, match=r"names /gone\.js"):
        check_pages(folder, manifest)
    with pytest.raises(ManifestError, match=r"names /gone\.js .*; to build it:  python -m release build"):
        of_build(folder, SHA, Site(), [])


def test_link_inside_the_tree_is_a_file(folder: Path) -> None:
    (folder / "copy.html").symlink_to("index.html")
    found = {file.path: file.sha256 for file in from_folder(folder).files}
    assert found["copy.html"] == found["index.html"]


def test_large_file_is_hashed_in_pieces(folder: Path) -> None:
    with (folder / "film.mp4").open("wb") as sparse:
        sparse.truncate(150 * 1024 * 1024)
    tracemalloc.start()
    try:
        found = from_folder(folder)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.files[1].size == 150 * 1024 * 1024
    assert peak < 10 * 1024 * 1024


def test_a_folder_beside_the_project_is_named_without_the_way_there(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "deploy").mkdir()
    (folder / "index.html").unlink()
    with pytest.raises(ManifestError) as raised:
        of_build(tmp_path / "deploy" / ".." / "dist", SHA, Site(), ())
    assert f"{tmp_path}/dist has no index.html" in str(raised.value)

"""What a build must not publish: which files, how one is allowed, and what is left out without a word."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from release.static.builds import from_folder, of_build
from release.static.errors import ManifestError
from settings.site import Site

SHA = "3f2c1aa" + "0" * 33
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'4' * 64}\nsize 12345\n"
PEM = "-----BEGIN {}-----\nMIIEvQ==\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_text("<p>EASi")
    (tmp_path / "version.json").write_text(json.dumps({"version": SHA}))
    return tmp_path


def put(folder: Path, path: str, content: str = "x") -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(content)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        (".env", "environment variables"),
        (".ENV.production", "environment variables"),
        ("a/.envrc", "environment variables"),
        (".git/HEAD", "version control"),
        ("docs/.git", "version control"),
        ("a/.svn/entries", "version control"),
        (".hg/store/00changelog.i", "version control"),
        ("server.pem", "a private key"),
        ("a/b/tls.KEY", "a private key"),
        ("AuthKey_1.p8", "a private key"),
        ("id_rsa", "a private key"),
        ("keys/id_ed25519", "a private key"),
        ("a.p12", "it keeps private keys"),
        ("a.pfx", "it keeps private keys"),
        (".npmrc", "credentials"),
        (".netrc", "credentials"),
        (".aws/credentials", "credentials"),
        ("terraform.tfstate", "values of an infrastructure"),
        ("terraform.tfstate.backup", "values of an infrastructure"),
    ],
)
def test_names_of_unfit_files(folder: Path, path: str, why: str) -> None:
    put(folder, path)
    with pytest.raises(ManifestError) as caught:
        of_build(folder, SHA, Site(), [])
    said = str(caught.value)
    assert said.startswith(f"the build has files that are not for visitors: {path} ({why}")
    assert f"allowed by its path, here {path}, with publish of the site in the settings" in said
    assert "to build it" not in said, "to build again does not help"
    assert path in {file.path for file in of_build(folder, SHA, Site(publish=(path,)), []).files}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (POINTER, "a pointer of Git LFS in place of the file: run git lfs pull before the build"),
        (PEM.format("PRIVATE KEY"), "a private key"),
        (PEM.format("RSA PRIVATE KEY"), "a private key"),
        (PEM.format("EC PRIVATE KEY"), "a private key"),
        (PEM.format("ENCRYPTED PRIVATE KEY"), "a private key"),
        (PEM.format("OPENSSH PRIVATE KEY"), "a private key"),
        ("\ufeff\n" + PEM.format("PRIVATE KEY"), "a private key"),
        (PEM.format("PGP PRIVATE KEY BLOCK"), "a private key"),
        ("PuTTY-User-Key-File-3: ssh-ed25519\n", "a private key"),
    ],
)
def test_beginnings_of_unfit_files(folder: Path, content: str, why: str) -> None:
    put(folder, "images/logo.png", content)
    with pytest.raises(ManifestError) as caught:
        from_folder(folder)
    assert str(caught.value).startswith(f"the build has files that are not for visitors: images/logo.png ({why}). Take")
    assert len(from_folder(folder, allowed=["images/logo.png"]).files) == 3


KEY = "-----BEGIN PRIVATE KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n" * 2


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("export.txt", f"Bag Attributes\n    localKeyID: 01\nKey Attributes: <No Attributes>\n{KEY}"),
        ("chain.crt", PEM.format("CERTIFICATE") + KEY),
        ("chain.CRT", (PEM.format("CERTIFICATE") + KEY).replace("\n", "\r\n")),
        ("account.json", json.dumps({"type": "service_account", "private_key": KEY})),
        ("values.yaml", "tls:\n  key: |\n    " + KEY.replace("\n", "\n    ")),
        ("app.properties", "key=" + KEY.replace("\n", "\\n")),
        (
            "rsa",
            "# old\n-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES,A1\n\n" + KEY[28:],
        ),
        ("notes.txt", "x" * 500_000 + f"\n{KEY}"),
    ],
)
def test_a_key_is_found_further_down_in_files_that_may_hold_one(folder: Path, path: str, content: str) -> None:
    put(folder, path, content)
    with pytest.raises(ManifestError, match=rf"not for visitors: {re.escape(path)} \(a private key\)"):
        from_folder(folder)
    assert path in {file.path for file in from_folder(folder, allowed=[path]).files}


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("docs/keys.html", f"<p>A key:\n<pre>\n{KEY}</pre>"),
        ("docs/keys.md", f"A key:\n\n{KEY}"),
        ("assets/forge.js", f"// so:\nconst key = `\n{KEY}`"),
        ("assets/forge.js.map", json.dumps({"sourcesContent": [KEY]})),
        ("search.json", json.dumps({"text": f"A key begins with {KEY}"})),
        ("llms.txt", "A key:\n\n-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----\n"),
    ],
)
def test_what_explains_keys_is_published(folder: Path, path: str, content: str) -> None:
    put(folder, path, content)
    assert path in {file.path for file in from_folder(folder).files}


def test_key_that_openssl_writes_is_found_by_its_beginning(folder: Path) -> None:
    made = ["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(folder / "notes.txt")]
    subprocess.run(made, check=True, capture_output=True)
    with pytest.raises(ManifestError, match=r"notes\.txt \(a private key\)"):
        from_folder(folder)


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (".well-known/security.txt", "Contact: mailto:security@example.gov"),
        (".well-known/assetlinks.json", "[]"),
        (".gitignore", "x"),
        (".nojekyll", ""),
        ("id_rsa.pub", "ssh-rsa AAAA"),
        ("environment.js", "x"),
        ("monkey", "x"),
        ("pem", "x"),
        ("key.svg", "x"),
        ("ca.crt", PEM.format("CERTIFICATE")),
        ("public.txt", PEM.format("PUBLIC KEY")),
        ("assets/jose.js", f"const begin = '{PEM.format('PRIVATE KEY')}'"),
        ("cvs/jane.txt", "x"),
        ("lfs.md", f"A pointer looks like this:\n\n{POINTER}"),
    ],
)
def test_other_files_are_published(folder: Path, path: str, content: str) -> None:
    put(folder, path, content)
    assert path in {file.path for file in from_folder(folder).files}


def test_many_unfit_files_are_counted_and_each_has_to_be_allowed(folder: Path) -> None:
    paths = [f".git/objects/{number}" for number in range(8)]
    for path in paths:
        put(folder, path)
    with pytest.raises(ManifestError, match=r"\.git/objects/4 \(version control\); and 3 more\. Take them out"):
        from_folder(folder)
    with pytest.raises(ManifestError, match=r"not for visitors: \.git/objects/7 \(version control\)\. Take"):
        from_folder(folder, allowed=paths[:7])
    assert len(from_folder(folder, allowed=paths).files) == 10


def test_files_with_unfit_names_are_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(folder, ".env")
    opened: list[str] = []
    open_of_os = os.open

    def noted(path: str, flags: int) -> int:
        opened.append(Path(path).name)
        return open_of_os(path, flags)

    monkeypatch.setattr(os, "open", noted)
    with pytest.raises(ManifestError, match=r"\.env \(environment variables\)"):
        from_folder(folder)
    assert sorted(opened) == ["index.html", "version.json"]


@pytest.mark.parametrize("path", ["gone.pem", "index.html", "images/", "images/logo.png"])
def test_allowance_that_nothing_needs_is_refused(folder: Path, path: str) -> None:
    put(folder, "images/logo.png")
    with pytest.raises(ManifestError) as caught:
        from_folder(folder, allowed=[path])
    assert str(caught.value).startswith(f"--publish names {path}, which the build does not have, or")


def test_folder_whose_digest_was_taken_before_may_have_what_was_allowed_then(folder: Path) -> None:
    put(folder, "ca.pem")
    digest = of_build(folder, SHA, Site(publish=("ca.pem",)), []).digest
    assert from_folder(folder, allowed=None).digest == digest


def test_what_operating_systems_leave_does_not_change_the_digest(folder: Path) -> None:
    put(folder, "images/logo.png")
    digest = from_folder(folder).digest
    for path in (".DS_Store", "images/.DS_Store", "Thumbs.db", "images/thumbs.db", "desktop.ini", "images/._logo.png"):
        put(folder, path)
    assert from_folder(folder).digest == digest
    put(folder, "images/.logo")
    assert from_folder(folder).digest != digest

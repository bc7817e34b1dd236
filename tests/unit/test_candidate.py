"""The version that the first environment builds: the image is made from what got that version."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pulumi
import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from release import build_context, candidate, gate, invocation, stack_outputs, tree
from release.build_context import BuildContext
from release.invocation import Run
from release.promotion import Request
from release.static import builds
from settings import fields as settings
from settings.service import Build
from settings.site import Site
from tests.components import program

VERSION = "1" * 40
SETTINGS = settings.load(
    "dev", program.configuration("dev", {"services.backend.build.context": "app", "sites.site.folder": "page/dist"})
)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with a backend."""
    (tmp_path / "app").mkdir()
    (tmp_path / "page").mkdir()
    (tmp_path / "app" / "Dockerfile").write_text("FROM scratch\nCOPY main.go /\n")
    (tmp_path / "app" / "main.go").write_text("package main\n")
    (tmp_path / ".gitignore").write_text(".build\n")
    _git(tmp_path, "init", "--quiet")
    _git(tmp_path, "add", "--all")
    _git(tmp_path, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "--message", "first")
    monkeypatch.setattr(candidate, "_manifest_digest", lambda *_: "")
    return tmp_path


SOURCES = tree.Sources(images={"backend": Build(context="app")}, sites={"site": Site(folder="page/dist")})


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def _built(root: Path) -> Path:
    run = Run(root=root, requested_version=None, break_glass_reason=None, restart_reason=None)
    version = tree.read(root, SOURCES).version
    image = candidate._built(
        Request(environment="dev", version=version, explicit=False), SETTINGS, run, SOURCES
    ).images["backend"]
    assert isinstance(image, Path)
    return image


def test_image_is_built_from_a_copy_whose_path_is_the_same_in_every_clone(root: Path) -> None:
    context = _built(root)
    (root / "app" / "main.go").chmod(0o600)
    assert _built(root) == context
    assert not context.is_absolute()
    assert sorted(path.name for path in (root / context).iterdir()) == ["Dockerfile", "main.go"]


def test_a_site_is_what_the_release_will_stage(tmp_path: Path) -> None:
    """Its pages and the names with hashes are part of its manifest, and so of its digest."""
    (tmp_path / "index.html").write_text("<p>first</p>")
    (tmp_path / "404.html").write_text("<p>none</p>")
    (tmp_path / "version.json").write_text(f'{{"version": "{VERSION}"}}')
    site = Site(folder="dist", pages="multi", hashed=("other/*",))
    staged = builds.from_folder(tmp_path, allowed=None, pages="multi", hashed=("other/*",))
    assert candidate._manifest_digest(tmp_path, VERSION, site, []) == staged.digest
    assert candidate._manifest_digest(tmp_path, VERSION, Site(folder="dist"), []) != staged.digest


def test_sources_that_change_while_they_are_read_are_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = build_context.copy

    def edited(folder: Path, context: BuildContext) -> Path:
        (folder / "app" / "main.go").write_text("package edited\n")
        return real(folder, context)

    monkeypatch.setattr(build_context, "copy", edited)
    with pytest.raises(pulumi.RunError, match=r"while it was read it became [0-9a-f]{40}-dirty-"):
        _built(root)


SECRET = "arn:aws:secretsmanager:us-west-2:111111111111:secret:shop-a1b2c3"


class Session:
    """Stands for boto3's: an account whose secrets all exist, except those that are `missing`."""

    region_name = "us-west-2"
    events = MagicMock()

    def __init__(self, *missing: str) -> None:
        self.missing = missing

    def client(self, *_: Any, **__: Any) -> Session:
        return self

    def get_caller_identity(self) -> dict[str, str]:
        return {"Account": "111111111111"}

    def describe_secret(self, SecretId: str) -> dict[str, Any]:  # noqa: N803 - AWS's spelling
        if SecretId in self.missing:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "DescribeSecret")
        return {"VersionIdsToStages": {"v1": ["AWSCURRENT"]}}


def test_secrets_are_missed_before_anything_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    changes = {"services.backend.secrets": {"TOKEN": f"{SECRET}:key::", "OTHER": SECRET.replace("shop", "other")}}
    values = settings.load("dev", program.configuration("dev", changes))
    monkeypatch.setattr(invocation, "sign_in", Session)
    candidate._check_secrets(values)
    monkeypatch.setattr(invocation, "sign_in", lambda: Session(SECRET))
    with pytest.raises(pulumi.RunError, match=f"^the secret {SECRET} does not exist: create it, or correct"):
        candidate._check_secrets(values)


def test_without_credentials_nothing_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> Session:
        raise NoCredentialsError

    values = settings.load("dev", program.configuration("dev", {"services.backend.secrets": {"TOKEN": SECRET}}))
    monkeypatch.setattr(invocation, "sign_in", nobody)
    with pytest.raises(pulumi.RunError, match="Unable to locate credentials"):
        candidate._check_secrets(values)


def test_file_that_cannot_be_read_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [*BuildContext(folder=root / "app", dockerfile=root / "app" / "Dockerfile").files(), "gone.go"]
    with monkeypatch.context() as patch:
        patch.setattr(BuildContext, "files", lambda _self: files)
        with pytest.raises(pulumi.RunError, match=r"cannot be read: .*/app/gone.go: No such file"):
            _built(root)


def test_every_image_without_its_files_is_named_before_anything_is_built(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {
        "services.backend.build": {"context": "app", "dockerfile": "Other"},
        "services.worker.build.context": "nowhere",
        "sites.site.folder": "page/dist",
    }
    values = settings.load("dev", program.configuration("dev", changes))
    own = stack_outputs.StackOutputs(name="dev", outputs={}, release=None)
    run = Run(root=root, requested_version=None, break_glass_reason=None, restart_reason=None)
    monkeypatch.setattr(stack_outputs, "keep", lambda _: None)
    with pytest.raises(pulumi.RunError) as raised:
        candidate._find("dev", values, run, own)
    assert str(raised.value) == (
        "what is released cannot be built:\n"
        "  easi:services.backend.build.dockerfile is Other: there is no such file in app; expected the path of the "
        "Dockerfile from there\n"
        f"  easi:services.worker.build.context is nowhere: there is no such folder in {root}; expected the folder with "
        "what the image is built from"
    )


def test_every_site_that_cannot_be_released_is_named(tmp_path: Path) -> None:
    sites = {"site": Site(folder="dist"), "admin": Site(folder="admin/dist")}
    with pytest.raises(pulumi.RunError) as refused:
        candidate._digests(tmp_path, VERSION, sites, [])
    said = str(refused.value).splitlines()
    assert [line.partition(": ")[0] for line in said] == [
        "site site cannot be released",
        "site admin cannot be released",
    ]


def test_every_site_whose_first_release_cannot_be_proven_is_named() -> None:
    sites = {name: Site(folder="dist", domain=f"{name}.example.gov") for name in ("site", "admin")}
    said = gate.unprovable("prod", sites)
    assert "sites.site.connectTo" in said
    assert "sites.admin.connectTo" in said

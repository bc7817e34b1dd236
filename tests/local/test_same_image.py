"""Two clones of one commit build the same image, whatever paths, permissions, times and caches a machine has."""

from __future__ import annotations

import io
import os
import platform
import secrets
import shutil
import tarfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from local import builds
from local.docker import context, image
from local.emulator.process import Running
from local.layout import here
from release import candidate, tree
from release.build_context import MODIFIED_AT
from release.invocation import Run
from release.promotion import Request
from release.tree import Sources, Tree
from settings import fields as settings
from tests.components import program

pytest_plugins = ["tests.local.plugin_fixtures"]

BACKEND = Path("example") / "backend"
OTHER, MACHINE = ("amd64", 62) if platform.machine() in {"arm64", "aarch64"} else ("arm64", 183)
"""What this machine is not, and its number in an ELF header. What is built for its own runs in every release."""


@pytest.fixture(scope="module")
def engine() -> Iterator[Any]:
    client = image.connect(None)
    yield client
    client.close()


@pytest.fixture
def version(engine: Any) -> Iterator[str]:
    """A commit that nothing was built from before."""
    version = secrets.token_hex(20)
    yield version
    _forget(engine, version)


def _forget(engine: Any, version: str) -> None:
    """Remove the images of a version, and what builds left in the cache, as on another machine."""
    ours = [made for made in engine.images.list(all=True) if version in str(made.history())]
    for made in ours:
        engine.images.remove(made.id, force=True, noprune=True)
    builds.forget_cache(engine, builds.left(here())["cache"])


def _clone(folder: Path, umask: int) -> Path:
    """The project of this working tree in another folder, with that folder's permissions and times."""
    before = os.umask(umask)
    try:
        shutil.copytree(program.ROOT / BACKEND, folder / BACKEND, copy_function=shutil.copyfile)
        shutil.copyfile(program.ROOT / "Pulumi.yaml", folder / "Pulumi.yaml")
    finally:
        os.umask(before)
    return folder


def _inputs(root: Path, version: str, registry: Running) -> Mapping[str, Any]:
    """What the program asks of the Docker plugin, in the folder that it runs in."""
    values = settings.load("dev", program.configuration("dev"))
    run = Run(root=root, requested_version=None, break_glass_reason=None, restart_reason=None)
    request = Request(environment="dev", version=version, explicit=False, changes=())
    sources = Sources.of(values.services, values.sites)
    folder = candidate._built(request, values, run, sources).images["backend"]
    assert isinstance(folder, Path)
    arguments = {"RELEASE_VERSION": version, "SOURCE_DATE_EPOCH": str(MODIFIED_AT)}
    build = {"context": folder.as_posix(), "args": arguments}
    return {"imageName": f"localhost:{registry.port}/app:dev-{version}", "build": build}


def _release(engine: Any, inputs: Mapping[str, Any]) -> tuple[str, str]:
    """Build and push; the plugin's hash of the context and the image's digest."""
    report = image.Reporter(status=lambda _line: None, info=print)
    stop = threading.Event()
    image.build(engine, dict(inputs), report, stop)
    registry = {"username": "AWS", "password": "any"}
    return context.digest(context.of(inputs["build"])), image.push(
        engine, {**inputs, "registry": registry}, report, stop
    )


def test_two_clones_of_a_commit_build_the_same_image(
    engine: Any, registry: Running, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidate, "_manifest_digest", lambda *_: "")
    monkeypatch.setattr(tree, "read", lambda *_: Tree(commit=version, changes={}))
    released = []
    for root in (_clone(tmp_path / "one", 0o022), _clone(tmp_path / "home" / "other", 0o077)):
        monkeypatch.chdir(root)
        inputs = _inputs(root, version, registry)
        released.append((inputs, *_release(engine, inputs)))
        _forget(engine, version)
    assert released[0] == released[1]


def test_backend_is_compiled_for_the_other_architecture_and_not_run(
    engine: Any, registry: Running, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidate, "_manifest_digest", lambda *_: "")
    monkeypatch.setattr(tree, "read", lambda *_: Tree(commit=version, changes={}))
    root = _clone(tmp_path / "one", 0o022)
    monkeypatch.chdir(root)
    inputs = _inputs(root, version, registry)
    _release(engine, {**inputs, "build": {**inputs["build"], "platform": f"linux/{OTHER}"}})
    made = engine.images.get(inputs["imageName"])
    container = engine.containers.create(made.id)
    try:
        stream, _ = container.get_archive("/backend")
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
            binary = archive.extractfile("backend")
            assert binary is not None
            machine = int.from_bytes(binary.read(20)[18:], "little")
    finally:
        container.remove()
        _forget(engine, version)
    assert (made.attrs["Architecture"], machine) == (OTHER, MACHINE)

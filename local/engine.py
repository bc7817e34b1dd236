"""The Pulumi engine: from PATH when it is the right one, else the official download, else built from its Go module."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import tarfile
import tempfile
import urllib.request
import zlib
from dataclasses import dataclass, replace
from http.client import HTTPException
from pathlib import Path
from typing import Literal

from functions import strict_json
from functions.strict_json import DamagedError
from local.layout import Layout, LocalError, read_json, write_json
from local.terminal import Heartbeat, Say, run_quietly

VERSION = "3.232.0"
PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
STAMP = f"github.com/pulumi/pulumi/sdk/v3/go/common/version.Version={VERSION}"
ARCHIVES = "https://get.pulumi.com/releases/sdk"
CHECKSUMS = f"https://github.com/pulumi/pulumi/releases/download/v{VERSION}/pulumi-{VERSION}-checksums.txt"
CONNECT_TIMEOUT_S = 5.0
"""A machine without the internet should not wait for longer."""
PACKAGES = 1450
"""Go packages that a build compiles, about."""
CACHE = "LOCAL_ENGINE_CACHE"
"""Names a folder with an engine that was built before (`.local/engine` of another clone)."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A `pulumi` of exactly the wanted version."""

    path: Path
    origin: str
    """`path`, `official` or `built`."""
    official_host: bool
    """The official Python language host is beside it."""


@dataclass(frozen=True)
class _Note:
    """What `engine.json` keeps of the engine that was settled on."""

    version: str
    path: str
    origin: Literal["path", "official", "built"]
    official_host: bool


def ensure(layout: Layout, say: Say) -> Engine:
    """The engine, from the cheapest place that has it. Raises LocalError when no place has."""
    current_engine = current(layout)
    if current_engine is not None:
        return current_engine
    shutil.rmtree(layout.engine, ignore_errors=True)
    layout.engine.mkdir(parents=True)
    engine = _on_path(layout) or _from_cache(layout) or _download(layout, say) or _build(layout, say)
    write_json(
        layout.engine / "engine.json",
        {"version": VERSION, "path": str(engine.path), "origin": engine.origin, "officialHost": engine.official_host},
    )
    say(f"engine: pulumi {VERSION}, {_described(engine)}")
    return engine


def current(layout: Layout) -> Engine | None:
    """The engine that an earlier run settled on, if it is still there and this is still the wanted version."""
    engine = _noted(layout.engine)
    if engine is None or not os.access(engine.path, os.X_OK):
        return None
    return None if engine.origin == "path" and _version(engine.path) != VERSION else engine


def _noted(folder: Path) -> Engine | None:
    """The engine of the wanted version that the note in a folder is about, if it is there."""
    try:
        note = strict_json.read(_Note, read_json(folder / "engine.json"))
    except DamagedError:
        return None
    engine = Engine(path=Path(note.path), origin=note.origin, official_host=note.official_host)
    return engine if note.version == VERSION and engine.path.is_file() else None


def _described(engine: Engine) -> str:
    place = {
        "path": f"the one on PATH ({engine.path})",
        "official": "the official download",
        "built": "built from its Go module",
    }
    return f"{place[engine.origin]}, with {'the official' if engine.official_host else 'our own'} language host"


def _version(path: Path) -> str:
    environment = dict(os.environ, PULUMI_SKIP_UPDATE_CHECK="true")
    try:
        done = subprocess.run(
            [path, "version"], capture_output=True, text=True, timeout=30, env=environment, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip().removeprefix("v")


def is_script(path: Path) -> bool:
    """Whether a file is no program of its own; one that is not there is none either."""
    try:
        with path.open("rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return True


def _on_path(layout: Layout) -> Engine | None:
    """The first `pulumi` on PATH that is a program (not a wrapper like ours) and has the wanted version."""
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        path = Path(folder) / "pulumi"
        if not folder or not os.access(path, os.X_OK) or is_script(path):
            continue
        if _version(path) != VERSION:
            continue
        host = path.resolve().parent / "pulumi-language-python"
        if not is_script(host):
            return Engine(path=path.resolve(), origin="path", official_host=True)
        # Without the official language host beside it, it gets a place where it finds ours.
        target = layout.engine / VERSION / "pulumi"
        target.parent.mkdir()
        _link_or_copy(str(path.resolve()), str(target))
        return Engine(path=target, origin="path", official_host=False)
    return None


def _from_cache(layout: Layout) -> Engine | None:
    folder = os.environ.get(CACHE)
    engine = _noted(Path(folder)) if folder else None
    if engine is None:
        return None
    if engine.path.parent.name != VERSION:
        return replace(engine, origin="path")
    target = layout.engine / VERSION
    shutil.copytree(engine.path.parent, target, copy_function=_link_or_copy)
    return replace(engine, path=target / engine.path.name)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _archive_name() -> str | None:
    system = {"Linux": "linux", "Darwin": "darwin"}.get(platform.system())
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine())
    return f"pulumi-v{VERSION}-{system}-{machine}.tar.gz" if system and machine else None


def expected_checksum(checksums: str, name: str) -> str:
    """The SHA-256 that a checksum file gives for `name`. Raises ValueError when it names none."""
    for line in checksums.splitlines():
        digest, _, file = line.strip().partition(" ")
        if file.strip().lstrip("*") == name and len(digest) == 64:
            return digest.lower()
    raise ValueError(f"{CHECKSUMS} names no SHA-256 for {name}")


def _download(layout: Layout, say: Say) -> Engine | None:
    """The official download, verified; None where it cannot be used, for example as a proxy answered with a page."""
    name = _archive_name()
    if name is None:
        return None
    with tempfile.TemporaryDirectory(dir=layout.engine, prefix=".half-") as half:
        archive = Path(half) / name
        try:
            with urllib.request.urlopen(CHECKSUMS, timeout=CONNECT_TIMEOUT_S) as answer:
                expected = expected_checksum(answer.read().decode(errors="replace"), name)
            actual = _fetch(f"{ARCHIVES}/{name}", archive, say)
            if actual != expected:
                raise ValueError(f"its SHA-256 is {actual}, expected {expected}")  # noqa: TRY301 - as what tarfile raises
            with tarfile.open(archive) as tar:
                # Before 3.11.4 there are no filters ("Supporting older Python versions", documentation of tarfile).
                tar.extraction_filter = getattr(tarfile, "data_filter", None)
                tar.extractall(Path(half) / "unpacked")  # noqa: S202 - its SHA-256 is the publisher's
            (Path(half) / "unpacked" / "pulumi").replace(layout.engine / VERSION)
        except (OSError, ValueError, HTTPException, tarfile.TarError, EOFError, zlib.error) as error:
            reason = " ".join(str(getattr(error, "reason", error) or type(error).__name__).split())
            say(f"  the official download of pulumi {VERSION} cannot be used ({reason})")
            return None
    return Engine(path=layout.engine / VERSION / "pulumi", origin="official", official_host=True)


def _fetch(address: str, target: Path, say: Say) -> str:
    digest = hashlib.sha256()
    size = 0
    with (
        urllib.request.urlopen(address, timeout=CONNECT_TIMEOUT_S) as answer,  # noqa: S310 - a fixed https address
        target.open("wb") as file,
        Heartbeat("downloading pulumi", say, lambda: f"{size / 1e6:.0f} MB"),
    ):
        while block := answer.read(1 << 20):
            digest.update(block)
            size += len(block)
            file.write(block)
    return digest.hexdigest()


def _build(layout: Layout, say: Say) -> Engine:
    """Compile the pinned module. An interrupted build leaves only Go's own cache, from which the next one goes on."""
    target = layout.engine / VERSION
    say(f"  building pulumi {VERSION} from its Go module, once (two to three minutes on two cores)")
    with tempfile.TemporaryDirectory(dir=layout.engine, prefix=".half-") as half:
        output = Path(half) / "bin" / "pulumi"
        output.parent.mkdir()
        command = ["go", "build", "-C", str(layout.root / "local" / "engine"), "-mod=readonly", "-v"]
        command += ["-o", str(output), "-ldflags", f"-s -w -X {STAMP}", PACKAGE]
        ran = run_quietly(
            "building pulumi",
            command,
            cwd=layout.root,
            environment=dict(os.environ, GOWORK="off", GOFLAGS=""),
            progress=build_progress,
        )
        if ran.code != 0:
            raise LocalError(f"pulumi {VERSION} could not be built (go build ended with {ran.code}):\n{ran.tail()}")
        built = _version(output)
        if built != VERSION:
            raise LocalError(f"the built engine says it is {built!r}, not {VERSION}.")
        output.parent.replace(target)
    return Engine(path=target / "pulumi", origin="built", official_host=False)


def build_progress(lines: list[str]) -> str:
    """How far `go build -v` is: it names what it downloads, then each package it compiles."""
    downloads = sum(line.startswith("go: downloading") for line in lines)
    compiled = len(lines) - downloads
    return f"{compiled} of about {PACKAGES} packages compiled" if compiled else f"{downloads} modules downloaded"

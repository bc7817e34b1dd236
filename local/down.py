"""`python -m local down`: ends and removes everything local. Works when half of it is missing, packages included."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from local import builds, docker_engine, preflight
from local.layout import Layout, read_json
from local.lock import exclusive
from local.terminal import say, warn

STOP_DEADLINE_S = 20.0
REGISTRY = ("localhost:{port}/", "127.0.0.1:{port}/")
"""Where the names of our images begin: the emulator's registry."""
ECR_NAME = re.compile(r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com/")
BUILDER = "easi-local/"
"""Images that were made on this machine, for building."""
BUILD_ARGUMENT = "EASI_VERSION"
"""In the history of every stage of a build of ours, also of one that failed."""


def run(layout: Layout) -> int:
    products = [layout.frontend / "node_modules", layout.frontend / "dist", layout.root / ".build"]
    if not layout.local.exists():
        ended = docker_engine.stop(layout, say)  # it lives on when somebody has removed the folder
        removed = [path for path in products if path.exists()]
        for path in removed:
            shutil.rmtree(path)
        say("down: " + (_listed(layout, removed) if removed else "done" if ended else "nothing to do"))
        return 0
    with exclusive(layout, "down"):
        _stop_emulator(layout)
        _clean_docker(layout)
        docker_engine.stop(layout, say)
        removed = [path for path in [*products, layout.local] if path.exists()]
        for path in removed:
            _remove(path)
    say("down: " + _listed(layout, removed))
    return 0


def _listed(layout: Layout, removed: list[Path]) -> str:
    return "removed " + ", ".join(str(path.relative_to(layout.root)) for path in removed)


def _remove(path: Path) -> None:
    """Remove a tree. A process that is just ending may still write into it, hence more than one try."""
    for _ in range(3):
        shutil.rmtree(path, ignore_errors=True)
        if not path.exists():
            return
        time.sleep(0.5)
    warn(f"{path} could not be removed entirely: remove it yourself.")


def _stop_emulator(layout: Layout) -> None:
    try:
        from local.emulator import process as emulator  # noqa: PLC0415 - it may need packages that are not there any more
    except ImportError:
        _end(read_json(layout.emulator / "state.json").get("pid"))
        return
    emulator.stop(layout.emulator, say)


def _end(pid: object) -> None:
    """End the emulator by its number, when it is it: a number alone may be another process's by now."""
    if not isinstance(pid, int) or "local.emulator" not in _command_of(pid):
        return
    say(f"emulator: ending process {pid}")
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_DEADLINE_S
    while "local.emulator" in _command_of(pid) and time.monotonic() < deadline:
        time.sleep(0.2)


def _command_of(pid: int) -> str:
    return subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout


def _clean_docker(layout: Layout) -> None:
    """Remove our images. The tasks' containers went with the emulator."""
    port = read_json(layout.local / "values.json").get("port")
    builder = str(read_json(layout.local / "go-image.json").get("image", ""))
    host = preflight.find_docker(layout.root).host
    if host is None or (port is None and not builder):
        return
    try:
        import docker  # noqa: PLC0415 - it may not be there any more
        import docker.errors  # noqa: PLC0415 - as above
    except ImportError:
        warn("the virtual environment is gone, so images of this clone could not be looked for")
        return
    client = docker.DockerClient(base_url=host, timeout=120)
    try:
        with builds.none() as alone:
            images = _remove_images(client, port, builder, leftovers=alone)
        if images:
            say(f"docker: removed {images} images")
        if not alone:
            warn("another clone is building: what builds left was not removed. To do so later: docker image prune")
    except docker.errors.DockerException as error:
        warn(f"docker: {error}. Images of this clone may be left.")
    finally:
        client.close()


def _remove_images(client: Any, port: int | None, builder: str, *, leftovers: bool) -> int:
    """Our names of images in the emulator's registry, what builds left, and the builder if it was made here.

    By name, not by id: another clone that built the same commit has the same image under its own names. Without
    `leftovers`, no layer goes that has no name: a build may be using it.
    """
    count = 0
    for image in client.images.list() if port is not None else []:
        own, others = _split(image.attrs, port)
        if own:
            for name in own if others else [*own, *image.tags]:
                _remove_image(client, name, leftovers=leftovers)
            count += 1
    for image in client.images.list(filters={"dangling": True}) if leftovers else []:
        if any(BUILD_ARGUMENT in str(layer.get("CreatedBy")) for layer in image.history()):
            count += _remove_image(client, image.id, leftovers=leftovers)
    if builder.startswith(BUILDER):
        count += _remove_image(client, builder, leftovers=leftovers)
    return count


def _split(attributes: dict[str, Any], port: int | None) -> tuple[list[str], list[str]]:
    """The names of an image that are in our emulator's registry, and those that are neither there nor ECR's."""
    registry = tuple(prefix.format(port=port) for prefix in REGISTRY)
    names = [*(attributes.get("RepoTags") or []), *(attributes.get("RepoDigests") or [])]
    own = [name for name in names if name.startswith(registry)]
    return own, [name for name in names if not name.startswith(registry) and not ECR_NAME.match(name)]


def _remove_image(client: Any, name: str, *, leftovers: bool) -> int:
    with contextlib.suppress(Exception):  # it went with another one, or another clone's container uses it
        client.images.remove(name, force=True, noprune=not leftovers)
        return 1
    return 0

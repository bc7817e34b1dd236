"""`python -m local down`: ends and removes everything local. Works when half of it is missing, packages included."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from pathlib import Path
from typing import Any

from local import builds, docker_engine, preflight
from local.emulator import process as emulator
from local.layout import Layout, read_json
from local.lock import exclusive
from local.terminal import say, warn

REGISTRY = ("localhost:{port}/", "127.0.0.1:{port}/")
"""Where the names of our images begin: the emulator's registry."""
ECR_NAME = re.compile(r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com/")
SECRETS = ".secrets.local.json"
"""A developer's own (`local.secret`), which cannot be made again: they are not removed."""
SUBSTITUTES = "base-images.json"
"""Where the names are of images that were made on this machine, for building (`local.docker.bases`)."""


def run(layout: Layout) -> int:
    products = [*_products_of_sites(layout), layout.root / ".build"]
    if not layout.local.exists():
        ended = docker_engine.stop(layout, say)  # it lives on when somebody has removed the folder
        removed = [path for path in products if path.exists()]
        for path in removed:
            shutil.rmtree(path)
        say("down: " + (_listed(layout, removed) if removed else "done" if ended else "nothing to do"))
        _say_what_stays(layout)
        return 0
    with exclusive(layout, "down"):
        emulator.stop(layout.emulator, say)
        _clean_docker(layout)
        docker_engine.stop(layout, say)
        removed = [path for path in [*products, layout.local] if path.exists()]
        for path in removed:
            _remove(path)
    say("down: " + _listed(layout, removed))
    _say_what_stays(layout)
    return 0


def _products_of_sites(layout: Layout) -> list[Path]:
    try:
        from cli.errors import EXPECTED  # noqa: PLC0415 - it needs packages that may not be there any more
        from local import sites  # noqa: PLC0415 - as above
    except ImportError:
        warn("the virtual environment is gone: what builds of the sites left stays")
        return []
    try:
        return sites.products(layout)
    except EXPECTED as error:
        warn(f"what builds of the sites left stays, as it is not known: {error}")
        return []


def _say_what_stays(layout: Layout) -> None:
    if (layout.root / SECRETS).exists():
        say(f"down: your secrets stay in {SECRETS}; to remove them: rm {SECRETS}")


def _listed(layout: Layout, removed: list[Path]) -> str:
    return "removed " + ", ".join(os.path.relpath(path, layout.root) for path in removed)


def _remove(path: Path) -> None:
    """Remove a tree. A process that is just ending may still write into it, hence more than one try."""
    for _ in range(3):
        shutil.rmtree(path, ignore_errors=True)
        if not path.exists():
            return
        time.sleep(0.5)
    warn(f"{path} could not be removed entirely: remove it yourself.")


def _clean_docker(layout: Layout) -> None:
    """Remove our images. The tasks' containers went with the emulator."""
    port = read_json(layout.local / "values.json").get("port")
    substitutes = [str(name) for name in read_json(layout.local / SUBSTITUTES).values()]
    host = preflight.find_docker(layout.root).host
    if host is None or (port is None and not substitutes):
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
            images = _remove_images(client, port, substitutes)
            if alone:
                images += _remove_unnamed(client, builds.left(layout)["images"])
                builds.forget_cache(client, builds.left(layout)["cache"])
        if images:
            say(f"docker: removed {images} images")
        if not alone:
            warn("another clone builds: what builds left stays. To remove it: docker image prune; docker builder prune")
    except docker.errors.DockerException as error:
        warn(f"docker: {error}. Images of this clone may be left.")
    finally:
        client.close()


def _remove_images(client: Any, port: int | None, further: list[str]) -> int:
    """Our names of images in the emulator's registry, and `further` ones.

    By name, not by id: another clone that built the same commit has the same image under its own names.
    """
    count = 0
    for image in client.images.list() if port is not None else []:
        own, others = _split(image.attrs, port)
        if own:
            for name in own if others else [*own, *image.tags]:
                _remove_image(client, name)
            count += 1
    return count + sum(_remove_image(client, name) for name in further)


def _remove_unnamed(client: Any, ids: list[str]) -> int:
    """Those of `ids` that have no name any more: neither ours nor another clone's."""
    unnamed = {str(image.id) for image in client.images.list(filters={"dangling": True})}
    return sum(_remove_image(client, one) for one in sorted(unnamed.intersection(ids)))


def _split(attributes: dict[str, Any], port: int | None) -> tuple[list[str], list[str]]:
    """The names of an image that are in our emulator's registry, and those that are neither there nor ECR's."""
    registry = tuple(prefix.format(port=port) for prefix in REGISTRY)
    names = [*(attributes.get("RepoTags") or []), *(attributes.get("RepoDigests") or [])]
    own = [name for name in names if name.startswith(registry)]
    return own, [name for name in names if not name.startswith(registry) and not ECR_NAME.match(name)]


def _remove_image(client: Any, name: str) -> int:
    with contextlib.suppress(Exception):  # it went with another one, or another clone's container uses it
        client.images.remove(name, force=True)
        return 1
    return 0

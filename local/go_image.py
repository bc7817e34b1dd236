"""The image with the Go toolchain that builds the backend: the public one, else one made from this machine's own Go.

The decision is kept for as long as the image exists: another builder would be another image, and so another release.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import docker
import docker.errors
import requests

from local import docker_credentials
from local.layout import Layout, LocalError, read_json, write_json
from local.project import declared_default
from local.terminal import Heartbeat, Say

REPOSITORY = "easi-local/go"
FIRST_ANSWER_S = 15
"""The registry must answer within this; without the internet it never does."""
UNNEEDED = frozenset({"api", "doc", "misc", "test"})
"""Folders of a Go installation that no build reads."""


def ensure(layout: Layout, docker_host: str, say: Say) -> str:
    """The name of a builder image that this engine has. Raises LocalError."""
    note = layout.local / "go-image.json"
    last = str(read_json(note).get("image", ""))
    docker_credentials.go_on_without()
    client = docker.DockerClient(base_url=docker_host, timeout=600)
    try:
        with contextlib.suppress(docker.errors.NotFound):
            if last:
                client.images.get(last)
                return last
        public = declared_default(layout, "goImage")
        image = public if _have(client, public) or _pulled(docker_host, public, say) else _imported(layout, client, say)
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise LocalError(f"Docker: the builder image could not be made ready: {error}") from error
    finally:
        client.close()
    write_json(note, {"image": image})
    say(f"  the backend is built with {image}")
    return image


def _have(client: docker.DockerClient, image: str) -> bool:
    try:
        client.images.get(image)
    except docker.errors.ImageNotFound:
        return False
    return True


def _pulled(docker_host: str, image: str, say: Say) -> bool:
    client = docker.APIClient(base_url=docker_host, timeout=FIRST_ANSWER_S)
    latest = ""
    try:
        with Heartbeat(f"pulling {image}", say, lambda: latest):
            for event in client.pull(image, stream=True, decode=True):
                if "error" in event:
                    say(f"  {image} is out of reach ({str(event['error'])[:120]})")
                    return False
                latest = str(event.get("status", ""))
    except (docker.errors.APIError, requests.RequestException) as error:
        reason = getattr(error, "explanation", None) or type(error).__name__
        say(f"  {image} is out of reach ({str(reason)[:120]})")
        return False
    finally:
        client.close()
    return True


def _imported(layout: Layout, client: docker.DockerClient, say: Say) -> str:
    root, version = _go("GOROOT"), _go("GOVERSION").removeprefix("go").split()[0]
    tag = f"{version}-{layout.identity}"
    image = f"{REPOSITORY}:{tag}"
    if _have(client, image) or _shared(client, version, tag):
        return image
    say(f"  making {image} from this machine's Go {version}")
    changes = ["ENV PATH=/usr/local/go/bin", "ENV GOROOT=/usr/local/go", "ENV GOTOOLCHAIN=local", "ENV CGO_ENABLED=0"]
    changes += ["ENV HOME=/root", "LABEL easi.local=builder"]
    with tempfile.TemporaryFile() as file, Heartbeat(f"making {image}", say):
        _pack(Path(root), file)
        file.seek(0)
        # In pieces: docker-py announces chunks for a stream, and only an iterator is sent as such.
        pieces = iter(lambda: file.read(1 << 20), b"")
        client.api.import_image_from_stream(pieces, repository=REPOSITORY, tag=tag, changes=changes)
    if not _have(client, image):
        raise LocalError(f"Docker: {image} could not be imported from {root}.")
    return image


def _shared(client: docker.DockerClient, version: str, tag: str) -> bool:
    """Give the image that another clone made from the same Go a name of ours: each clone removes just its own."""
    for image in client.images.list(name=REPOSITORY):
        if any(name.startswith(f"{REPOSITORY}:{version}-") for name in image.tags):
            return bool(image.tag(REPOSITORY, tag))
    return False


def _go(name: str) -> str:
    done = subprocess.run(["go", "env", name], capture_output=True, text=True, check=False)
    if done.returncode != 0 or not done.stdout.strip():
        raise LocalError(f"`go env {name}` does not answer: {done.stderr.strip()}")
    return done.stdout.strip()


def _pack(root: Path, file: IO[bytes]) -> None:
    """A tar of /usr/local/go, /root and /tmp. `go` is a static program: nothing else is needed to build without cgo."""
    with tarfile.open(fileobj=file, mode="w") as tar:
        for path, mode in (("tmp", 0o1777), ("root", 0o700)):
            folder = tarfile.TarInfo(path)
            folder.type, folder.mode = tarfile.DIRTYPE, mode
            tar.addfile(folder)
        for item in _needed(root):
            tar.add(item, arcname=f"usr/local/go/{item.relative_to(root)}", recursive=False, filter=_as_root)


def _needed(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if name != "testdata" and not (here == root and name in UNNEEDED))
        yield from (here / name for name in [*folders, *sorted(files)])


def _as_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def details(layout: Layout) -> dict[str, Any]:
    """What was decided, for `status` and `down`."""
    return read_json(layout.local / "go-image.json")

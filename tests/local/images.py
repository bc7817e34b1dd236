"""Images of one static program each, which is written in Go."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path

import docker

SERVER = Path(__file__).with_name("server.go")


def build(source: Path, folder: Path) -> Path:
    """The program of one file, in `folder`."""
    environment = {**os.environ, "CGO_ENABLED": "0", "GOOS": "linux", "GOFLAGS": "", "GO111MODULE": "off"}
    program = folder / source.stem
    subprocess.run(["go", "build", "-trimpath", "-o", program, source], env=environment, check=True)
    return program


def build_server(folder: Path) -> Path:
    return build(SERVER, folder)


def pack(engine: docker.DockerClient, program: Path, tag: str, *, name: str = "server", user: str = "") -> str:
    """The image of a program, which is `name` there and runs as `user`."""
    lines = ["FROM scratch", f"COPY {name} /{name}", *([f"USER {user}"] if user else []), f'ENTRYPOINT ["/{name}"]']
    dockerfile = "\n".join([*lines, ""]).encode()
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        archive.add(program, name)
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(dockerfile)
        archive.addfile(entry, io.BytesIO(dockerfile))
    context.seek(0)
    engine.images.build(fileobj=context, custom_context=True, tag=tag, rm=True)
    return tag

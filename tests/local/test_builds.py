"""Builds of other backends: caches of RUN, and packages through the ways that this machine has to the internet."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker.errors
import pytest

from local import builds
from local.docker import image
from local.layout import here

MAIN = """package main

import (
	"fmt"

	"github.com/google/uuid"
)

func main() { fmt.Println(uuid.Nil) }
"""
GO = """FROM golang:1.26 AS build
WORKDIR /src
ENV CGO_ENABLED=0 GOCACHE=/tmp/go-build GOPATH=/tmp/go GOFLAGS=-modcacherw
COPY . .
RUN ["/usr/local/go/bin/go", "mod", "download"]
RUN ["/usr/local/go/bin/go", "build", "-o", "/app", "."]
FROM scratch
COPY --from=build /app /app
CMD ["/app"]
"""
SHELL = """FROM golang:1.26-alpine AS build
WORKDIR /src
COPY . .
RUN mkdir -p /out && go mod download && CGO_ENABLED=0 go build -o /out/app . && ls /out | grep -q app
FROM scratch
COPY --from=build /out/app /app
CMD ["/app"]
"""
PYTHON = """FROM python:3.12-slim
WORKDIR /app
COPY requirements.txt .
RUN --mount=type=cache,target=/var/cache/pip pip install --cache-dir /var/cache/pip -r requirements.txt
COPY app.py .
USER 65532:65532
CMD ["python", "app.py"]
"""
NODE = """FROM node:20
WORKDIR /app
COPY package.json .
RUN npm install --no-audit --no-fund
COPY app.js .
CMD ["node", "app.js"]
"""
NODE_ID = "uid=1000(node) gid=1000(node) groups=1000(node)\nmine"
CACHED = """FROM golang:1.26
COPY count.go /src/
WORKDIR /src
ENV N={number}
RUN --mount=type=cache,target=/kept,id={id} ["/usr/local/go/bin/go", "run", "count.go"]
"""
COUNT = """package main

import (
	"fmt"
	"os"
)

func main() {
	kept, _ := os.ReadDir("/kept")
	if os.WriteFile(fmt.Sprintf("/kept/%d", len(kept)), nil, 0o600) != nil {
		os.Exit(1)
	}
	if os.WriteFile("/count", []byte(fmt.Sprint(len(kept))), 0o600) != nil {
		os.Exit(1)
	}
}
"""

Build = Callable[..., str]


@pytest.fixture(scope="module")
def engine() -> Iterator[Any]:
    client = image.connect(None)
    yield client
    client.close()


@pytest.fixture
def build(engine: Any, tmp_path: Path) -> Iterator[Build]:
    """Builds an image of some files, and says its name."""
    name = f"easi-tests/{secrets.token_hex(6)}:1"

    def build(**files: str) -> str:
        for file, content in files.items():
            (tmp_path / file.replace("__", ".")).write_text(content)
        inputs = {"imageName": name, "build": {"context": str(tmp_path)}}
        image.build(engine, inputs, image.Reporter(status=lambda _: None, info=print), threading.Event())
        return name

    yield build
    try:
        engine.images.remove(name, force=True)
    except docker.errors.ImageNotFound:
        print("it was not built")
    builds.forget_cache(engine, builds.left(here())["cache"])


def _printed(engine: Any, name: str) -> str:
    return str(engine.containers.run(name, remove=True).decode().strip())


@pytest.mark.parametrize("dockerfile", [GO, SHELL], ids=["exec form", "shell form"])
def test_module_with_a_dependency_is_fetched_through_the_machines_go_proxy(
    dockerfile: str, engine: Any, build: Build
) -> None:
    module = "module example.gov/app\n\ngo 1.25\n\nrequire github.com/google/uuid v1.6.0\n"
    sums = (
        "github.com/google/uuid v1.6.0 h1:NIvaJDMOsjHA8n1jAhLSgzrAzy1Hgr+hNrb57e+94F0=\n"
        "github.com/google/uuid v1.6.0/go.mod h1:TIyPZe4MgqvfeYDBFedMoGGpEw/LqOeaOT+nhxU+yHo=\n"
    )
    name = build(Dockerfile=dockerfile, main__go=MAIN, go__mod=module, go__sum=sums)
    assert _printed(engine, name) == "00000000-0000-0000-0000-000000000000"


def test_python_backend_is_built_with_packages_of_the_index(engine: Any, build: Build) -> None:
    program = "import os, idna\nprint(os.getuid(), idna.encode('b\u00fccher.example').decode())\n"
    name = build(Dockerfile=PYTHON, requirements__txt="idna==3.10\n", app__py=program)
    assert _printed(engine, name) == "65532 xn--bcher-kva.example"


def test_node_backend_is_built_with_packages_of_the_registry(engine: Any, build: Build) -> None:
    package = '{"name": "app", "version": "1.0.0", "dependencies": {"ms": "2.1.3"}}'
    name = build(Dockerfile=NODE, package__json=package, app__js="console.log(require('ms')(60000));\n")
    assert _printed(engine, name) == "1m"


def test_cache_of_a_step_is_there_in_the_next_build(engine: Any, build: Build) -> None:
    identity, counts = secrets.token_hex(6), []
    for number in "12":
        dockerfile = CACHED.replace("{id}", identity).replace("{number}", number)
        container = engine.containers.create(build(Dockerfile=dockerfile, count__go=COUNT), "none")
        try:
            stream, _ = container.get_archive("/count")
            counts.append(b"".join(stream)[512:513].decode())
        finally:
            container.remove()
    assert counts == ["0", "1"]


@pytest.mark.parametrize(
    ("dockerfile", "printed"),
    [
        ('FROM node:20\nUSER node\nWORKDIR /home/node\nRUN touch mine\nCMD ["sh", "-c", "id; ls"]\n', NODE_ID),
        ('FROM golang:1.26\nUSER nobody\nCMD ["id"]\n', "uid=65534(nobody) gid=65534(nogroup) groups=65534(nogroup)"),
        ('FROM golang:1.26\nUSER root\nCMD ["id", "-u"]\n', "0"),
        ('FROM python:3.12-slim\nUSER nobody\nCMD ["id", "-un"]\n', "nobody"),
    ],
    ids=["node", "golang nobody", "golang root", "python"],
)
def test_a_base_image_has_the_users_of_the_public_one(dockerfile: str, printed: str, engine: Any, build: Build) -> None:
    assert _printed(engine, build(Dockerfile=dockerfile)) == printed

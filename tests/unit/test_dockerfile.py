"""Which images of others a Dockerfile names, and where substitutes are written."""

from __future__ import annotations

import pytest

from local.docker import dockerfile
from local.docker.dockerfile import Base

HERE, OTHER = "linux/amd64", "linux/arm64"

EVERY_PLACE = """# syntax=docker/dockerfile:1
ARG PYTHON=python:3.12-slim
ARG UNUSED
FROM --platform=${BUILDPLATFORM} golang:1.26 AS build
RUN --mount=type=cache,target=/var/cache/build --mount=from=tools:2,target=/tools \\
    # a comment between
    go build && echo "FROM nowhere"
RUN <<EOF
FROM=1
EOF
FROM ${PYTHON} AS final
ARG PYTHON=another
COPY --from=build /a /a
COPY --from=0 /a /b
COPY --chown=1:1 --from=ghcr.io/astral-sh/uv:latest /uv /bin/
FROM final
FROM scratch
"""


def bases(text: str, **arguments: str) -> list[Base]:
    return dockerfile.bases(text, {"BUILDPLATFORM": HERE, "TARGETPLATFORM": OTHER, **arguments}, target=OTHER)


def test_every_image_of_others_is_named_once_with_its_platform() -> None:
    assert bases(EVERY_PLACE) == [
        Base(image="golang:1.26", platform=HERE),
        Base(image="tools:2", platform=OTHER),
        Base(image="python:3.12-slim", platform=OTHER),
        Base(image="ghcr.io/astral-sh/uv:latest", platform=OTHER),
    ]


@pytest.mark.parametrize(
    ("text", "arguments", "image"),
    [
        ("ARG IMAGE=a:1\nFROM $IMAGE\n", {}, "a:1"),
        ("ARG IMAGE=a:1\nFROM $IMAGE\n", {"IMAGE": "b:2"}, "b:2"),
        ('ARG TAG="3" REPOSITORY=a\nFROM ${REPOSITORY}:${TAG}-slim\n', {}, "a:3-slim"),
        ("FROM a:${TAG:-1}\n", {}, "a:1"),
        ("FROM a${SLIM:+:slim}\n", {"SLIM": "1"}, "a:slim"),
        ("from a@sha256:1 as Build\nFROM build\n", {}, "a@sha256:1"),
    ],
)
def test_names_are_filled_in_as_a_build_does(text: str, arguments: dict[str, str], image: str) -> None:
    assert [base.image for base in bases(text, **arguments)] == [image]


def test_substitutes_stand_where_the_images_stood_and_nothing_else_changes() -> None:
    substitutes = {"golang:1.26": "local/go:1", "python:3.12-slim": "local/python:1", "tools:2": "local/tools:1"}
    written = dockerfile.with_substitutes(EVERY_PLACE, {"BUILDPLATFORM": HERE}, target=HERE, substitutes=substitutes)
    expected = EVERY_PLACE.replace("BUILDPLATFORM} golang:1.26", "BUILDPLATFORM} local/go:1")
    expected = expected.replace("FROM ${PYTHON}", "FROM local/python:1").replace("from=tools:2", "from=local/tools:1")
    assert written == expected


def test_another_frontend_is_left_out_where_it_is_named() -> None:
    assert dockerfile.without_syntax("# check=skip=all\n# Syntax = a:1\nFROM b\n") == "# check=skip=all\n#\nFROM b\n"
    assert dockerfile.without_syntax("FROM b\n# syntax=a\n") == "FROM b\n# syntax=a\n"

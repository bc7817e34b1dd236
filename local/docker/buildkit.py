"""One build by the BuildKit of a Docker engine, over the engine's API.

The engine takes the context as the body of the request, as its older builder does, and needs no client program for it.
Such a build has no session: it has no secrets and no SSH agent of the caller (`RUN --mount=type=secret` and `ssh`), and
fetches no image that asks for a token. So the images of others are fetched before (`local.docker.bases`).
"""

from __future__ import annotations

import base64
import io
import json
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Any

from google.protobuf import (  # type: ignore[import-untyped]  # it has no types
    descriptor_pb2,
    descriptor_pool,
    message_factory,
)

from release.build_context import BuildContext

BUILDKIT = "2"
"""The builder, as the parameter `version` of the engine's API calls it."""
_OUTSIDE = ".dockerfile"
"""The name in the context of a Dockerfile that does not lie in its folder."""
_TRACE = "moby.buildkit.trace"


@dataclass(frozen=True, kw_only=True)
class Line:
    """What a build says: the step that it begins, a line that one of its programs prints, or why it failed."""

    kind: str
    """`step`, `output` or `error`."""
    text: str


def build(client: Any, context: BuildContext, dockerfile: str, parameters: Mapping[str, Any]) -> Iterator[Line]:
    """Build `context` with the text `dockerfile`. `parameters` are further ones of the API's ImageBuild."""
    inside = context.dockerfile.is_relative_to(context.folder)
    name = context.dockerfile.relative_to(context.folder).as_posix() if inside else _OUTSIDE
    with tempfile.TemporaryFile() as body:
        _pack(context, name, dockerfile, body)
        body.seek(0)
        response = client.api._post(  # docker 7 has no way to ask for BuildKit: docker/docker-py, issue 2230
            client.api._url("/build"),
            params={**parameters, "dockerfile": name, "version": BUILDKIT},
            data=body,
            headers={"Content-Type": "application/x-tar"},
            stream=True,
        )
        with closing(response):
            client.api._raise_for_status(response)
            for line in response.iter_lines():
                yield from _lines(json.loads(line))


def _pack(context: BuildContext, dockerfile_name: str, dockerfile: str, file: IO[bytes]) -> None:
    """What Docker's own client sends: files of the ignore file's choice and their folders, all of root.

    BuildKit takes the body for an archive by its first kilobyte: the first entry must have a plain header.
    """
    names = [name for name in context.files() if name != dockerfile_name]
    folders = {parent.as_posix() for name in names for parent in PurePosixPath(name).parents} - {"."}
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as tar:
        entry = of_root(tar.gettarinfo(context.dockerfile, arcname=dockerfile_name))
        content = dockerfile.encode()
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
        for name in sorted([*names, *folders]):
            tar.add(context.folder / name, arcname=name, recursive=False, filter=of_root)


def of_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def _lines(event: Mapping[str, Any]) -> Iterator[Line]:
    if "error" in event:
        yield Line(kind="error", text=str(event["error"]))
    if event.get("stream"):
        yield Line(kind="output", text=str(event["stream"]).rstrip())
    if event.get("id") != _TRACE:
        return
    status = _StatusResponse()
    status.ParseFromString(base64.b64decode(event["aux"]))
    for vertex in status.vertexes:
        if vertex.HasField("started") and not vertex.HasField("completed"):
            yield Line(kind="step", text=vertex.name)
    for log in status.logs:
        for text in log.msg.decode(errors="replace").splitlines():
            yield Line(kind="output", text=text)


def _status_response() -> Any:
    """The part that is read here of `StatusResponse` in moby/buildkit, api/services/control/control.proto."""
    kinds = descriptor_pb2.FieldDescriptorProto
    messages = {
        "Timestamp": [],
        "Vertex": [("name", 3, kinds.TYPE_STRING), ("started", 5, "Timestamp"), ("completed", 6, "Timestamp")],
        "VertexLog": [("msg", 4, kinds.TYPE_BYTES)],
        "StatusResponse": [("vertexes", 1, "Vertex"), ("logs", 3, "VertexLog")],
    }
    file = descriptor_pb2.FileDescriptorProto(name="local/buildkit.proto", package="local.buildkit", syntax="proto3")
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            repeated = name == "StatusResponse"
            added = message.field.add(
                name=field, number=number, label=kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL
            )
            if isinstance(kind, str):
                added.type, added.type_name = kinds.TYPE_MESSAGE, f".local.buildkit.{kind}"
            else:
                added.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("local.buildkit.StatusResponse"))


_StatusResponse = _status_response()

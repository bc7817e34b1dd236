"""The provider that Pulumi asks: check, compare, create, update and delete images."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import docker.errors
from pulumi.provider.experimental.provider import (
    CheckFailure,
    CheckRequest,
    CheckResponse,
    ConfigureRequest,
    ConfigureResponse,
    CreateRequest,
    CreateResponse,
    DeleteRequest,
    DiffRequest,
    DiffResponse,
    PropertyDiff,
    PropertyDiffKind,
    Provider,
    UpdateRequest,
    UpdateResponse,
)
from pulumi_docker.image import ImageArgs

from local import builds
from local.arguments import faults
from local.docker import context, image
from local.plugin import UNKNOWN, PluginError, has_unknown, in_thread, old_inputs, plain, wires
from release.engine_log import EngineLog

VERSION = "5.2.0"
"""The release of pulumi-docker whose Image this is like."""
IMAGE = "docker:index/image:Image"
_NO_DIFFERENCE = ("registry.username", "registry.password", "buildOnPreview")
"""A registry password is another one at every run; neither it nor when to build makes another image."""


class DockerProvider(Provider):
    """`docker:index/image:Image` with the engine on this machine."""

    def __init__(self) -> None:
        self._host: str | None = None
        self._stop = threading.Event()

    async def configure(self, request: ConfigureRequest) -> ConfigureResponse:
        """Take the engine's address, the only setting that matters here."""
        self._host = plain(request.args).get("host")
        return ConfigureResponse(accept_secrets=False, supports_preview=True, accept_outputs=False)

    async def cancel(self) -> None:
        """Ctrl-C: builds and pushes end at their next line."""
        self._stop.set()

    @in_thread
    def check(self, request: CheckRequest) -> CheckResponse:
        """Refuse what the SDK's class does not take; add the digest of what the build reads."""
        _require_image(request.type)
        inputs = plain(request.new_inputs)
        found = faults(ImageArgs, inputs)
        if found:
            failures = [CheckFailure(item.path, f"{item.path} {item.reason}") for item in found]
            return CheckResponse(inputs=request.new_inputs, failures=failures)
        build = dict(inputs.get("build") or {})
        if not has_unknown([build.get("context"), build.get("dockerfile")]):
            build["contextDigest"] = context.digest(context.of(build))
        return CheckResponse(inputs=wires({**inputs, "build": build}))

    async def diff(self, request: DiffRequest) -> DiffResponse:
        """Every difference is an update in place: the name is the same, the digest is new."""
        changed = dict(differences(old_inputs(), plain(request.new_inputs)))
        return DiffResponse(
            changes=bool(changed),
            diffs=sorted({path.split(".")[0] for path in changed}),
            detailed_diff={path: PropertyDiff(kind, input_diff=True) for path, kind in changed.items()},
        )

    @in_thread
    def create(self, request: CreateRequest) -> CreateResponse:
        """Build and push, or, in a preview, say what will be known of the image."""
        inputs = plain(request.properties)
        outputs = self._make(request.urn, inputs, preview=request.preview)
        return CreateResponse(resource_id="" if request.preview else inputs["imageName"], properties=wires(outputs))

    @in_thread
    def update(self, request: UpdateRequest) -> UpdateResponse:
        """Build and push again."""
        outputs = self._make(request.urn, plain(request.news), preview=request.preview)
        return UpdateResponse(properties=wires(outputs))

    @in_thread
    def delete(self, request: DeleteRequest) -> None:
        """Take the name off the image on this machine; what was pushed belongs to its repository."""
        name = plain(request.properties).get("imageName")
        with contextlib.suppress(PluginError, docker.errors.DockerException):
            image.connect(self._host).images.remove(name, noprune=False)

    def _make(self, urn: str, inputs: dict[str, Any], *, preview: bool) -> dict[str, Any]:
        build, name = inputs.get("build") or {}, inputs["imageName"]
        known = not has_unknown(name)
        outputs = {
            "imageName": name,
            "baseImageName": name,
            "context": build.get("context") or ".",
            "dockerfile": build.get("dockerfile") or "Dockerfile",
            "platform": build.get("platform"),
            "registryServer": (inputs.get("registry") or {}).get("server") or (_registry(name) if known else UNKNOWN),
            "repoDigest": UNKNOWN,
        }
        if preview and (not inputs.get("buildOnPreview") or has_unknown(inputs)):
            return outputs
        say = EngineLog(urn)
        report = image.Reporter(status=say.passing, info=say)
        client = image.connect(self._host)
        with builds.under_way():
            image_id = image.build(client, inputs, report, self._stop)
        if inputs.get("skipPush"):
            outputs["repoDigest"] = image_id
        elif not preview:
            digest = image.push(client, inputs, report, self._stop)
            outputs["repoDigest"] = f"{image.Name.of(name).repository}@{digest}"
        return outputs


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, PropertyDiffKind]]:
    """Paths that differ, less those that make no other image."""
    before, after = dict(_flat(old)), dict(_flat(new))
    for path in sorted(before.keys() | after.keys()):
        if path in _NO_DIFFERENCE or before.get(path) == after.get(path):
            continue
        if path not in before:
            yield path, PropertyDiffKind.ADD
        else:
            yield path, PropertyDiffKind.UPDATE if path in after else PropertyDiffKind.DELETE


def _flat(values: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if key.startswith("__"):
            continue
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}{key}.")
        elif value is not None:
            yield f"{path}{key}", value


def _registry(name: str) -> str:
    return image.Name.of(name).registry


def _require_image(token: str) -> None:
    if token.rsplit("$", maxsplit=1)[-1] != IMAGE:
        raise PluginError(f"{token} is not available locally: the local Docker plugin knows only {IMAGE}")

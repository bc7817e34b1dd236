"""The provider that Pulumi asks: check, compare, create, update and delete images."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import docker.errors

from local import builds
from local.docker import context, image
from local.plugin.compare import Difference
from local.plugin.provider import Checked, Diff, PluginError, Provider
from local.plugin.types import read_inputs, shape_of
from local.plugin.wire import UNKNOWN, Props, has_unknown
from release.engine_log import EngineLog

IMAGE = "docker:index/image:Image"
_NO_DIFFERENCE = ("registry.username", "registry.password", "buildOnPreview")
"""A registry password is another one at every run; neither it nor when to build makes another image."""


class DockerProvider(Provider):
    """`docker:index/image:Image` with the engine on this machine."""

    name = "docker"
    version = "5.2.0"
    """The release of pulumi-docker whose Image this is like."""

    def __init__(self) -> None:
        self._host: str | None = None
        self._stop = threading.Event()

    def configure(self, inputs: Props) -> None:
        """Take the engine's address, the only setting that matters here."""
        self._host = inputs.get("host")

    def cancel(self) -> None:
        """Ctrl-C: builds and pushes end at their next line."""
        self._stop.set()

    def check(
        self, token: str, logical: str, old: Props, new: Props, *, seed: bytes, proposed: str | None = None
    ) -> Checked:
        """Refuse what the SDK's class does not take; add the digest of what the build reads."""
        if token != IMAGE:
            raise PluginError(f"{token} is not available locally: the local Docker plugin knows only {IMAGE}")
        inputs, problems = read_inputs(shape_of(IMAGE), new, convert=False)
        if problems:
            return Checked(new, problems)
        build = dict(inputs.get("build") or {})
        if not has_unknown([build.get("context"), build.get("dockerfile")]):
            build["contextDigest"] = context.digest(context.of(build))
        return Checked({**inputs, "build": build})

    def diff(self, token: str, old: Props, new: Props) -> Diff:
        """Every difference is an update in place: the name is the same, the digest is new."""
        return Diff(dict.fromkeys(differences(old, new), False))

    def create(
        self, token: str, inputs: Props, preview: bool = False, *, say: EngineLog | None = None
    ) -> tuple[str, Props]:
        outputs = self._make(inputs, preview, say or EngineLog())
        return "" if preview else inputs["imageName"], outputs

    def update(
        self,
        token: str,
        identity: str,
        state: Props,
        *,
        old: Props,
        new: Props,
        preview: bool = False,
        say: EngineLog | None = None,
    ) -> Props:
        return self._make(new, preview, say or EngineLog())

    def read(self, token: str, identity: str, state: Props, inputs: Props) -> tuple[Props, Props]:
        """What the state has: a registry that lost the image is found by the release that needs it."""
        return state, inputs

    def delete(self, token: str, identity: str, state: Props) -> None:
        """Take the name off the image on this machine; what was pushed belongs to its repository."""
        with contextlib.suppress(PluginError, docker.errors.DockerException):
            image.connect(self._host).images.remove(state.get("imageName"), noprune=False)

    def _make(self, inputs: dict[str, Any], preview: bool, say: EngineLog) -> dict[str, Any]:
        build, name = inputs.get("build") or {}, inputs["imageName"]
        registry = UNKNOWN if has_unknown(name) else image.Name.of(name).registry
        outputs = {
            "imageName": name,
            "baseImageName": name,
            "context": build.get("context") or ".",
            "dockerfile": build.get("dockerfile") or "Dockerfile",
            "platform": build.get("platform"),
            "registryServer": (inputs.get("registry") or {}).get("server") or registry,
            "repoDigest": UNKNOWN,
        }
        if preview and (not inputs.get("buildOnPreview") or has_unknown(inputs)):
            return outputs
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


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    """Where the inputs differ to the letter, less what makes no other image."""
    before, after = dict(_flat(old)), dict(_flat(new))
    for path in sorted(before.keys() | after.keys()):
        if path not in _NO_DIFFERENCE and before.get(path) != after.get(path):
            yield Difference(path, "add" if path not in before else "update" if path in after else "delete")


def _flat(values: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if key.startswith("__"):
            continue
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}{key}.")
        elif value is not None:
            yield f"{path}{key}", value

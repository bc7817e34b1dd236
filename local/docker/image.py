"""Build and push one image with the Docker engine's own BuildKit."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import docker
import docker.errors

from local import builds, docker_credentials
from local.docker import bases, buildkit, context, times
from local.docker.buildkit import Line
from local.layout import here
from local.plugin.provider import PluginError
from release.build_context import BuildContextError

OUTPUT_LINES = 25
"""How much of a failed build's output is shown."""
_HOUR_S = 3600
_Event = TypeVar("_Event")


@dataclass(frozen=True, kw_only=True)
class Reporter:
    """Where progress goes: lines that are replaced, and lines that stay."""

    status: Callable[[str], None]
    info: Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Name:
    repository: str
    tag: str

    @staticmethod
    def of(text: str) -> Name:
        """`host:port/path:tag`; without a tag it is `latest`."""
        if "@" in text:
            raise PluginError(f"imageName {text} has a digest: an image is built under a name and a tag, name:tag")
        path, colon, tag = text.rpartition(":")
        if not colon or "/" in tag:
            return Name(repository=text, tag="latest")
        return Name(repository=path, tag=tag)

    @property
    def registry(self) -> str:
        """The host, or Docker's own registry for a name without one."""
        host, slash, _ = self.repository.partition("/")
        return host if slash and ("." in host or ":" in host or host == "localhost") else "docker.io"


def connect(host: str | None) -> Any:
    """A client of the Docker engine."""
    docker_credentials.go_on_without()
    try:
        client = docker.DockerClient(base_url=host, timeout=_HOUR_S) if host else docker.from_env(timeout=_HOUR_S)
        client.ping()
    except (docker.errors.DockerException, OSError) as error:
        where = host or "the address in DOCKER_HOST, else its usual socket"
        raise PluginError(f"Docker does not answer at {where}: {error}. Start it, or set DOCKER_HOST") from error
    return client


def build(client: Any, inputs: dict[str, Any], report: Reporter, stop: threading.Event) -> str:
    """Build the image and give it its name; returns its id."""
    settings = inputs.get("build") or {}
    read = context.of(settings)
    arguments = settings.get("args") or {}
    platforms = _platforms(client, settings.get("platform"))
    begun = time.monotonic()
    dockerfile = bases.with_all_at_hand(
        here(),
        client,
        read.dockerfile.read_text(encoding="utf-8"),
        arguments={**platforms, **arguments},
        target=platforms["TARGETPLATFORM"],
        say=report.info,
    )
    parameters = {
        "t": inputs["imageName"],
        "buildargs": json.dumps({**client.api._proxy_configs.get_environment(), **arguments}),
        "platform": settings.get("platform"),
        "target": settings.get("target"),
        "networkmode": settings.get("network"),
        "extrahosts": settings.get("addHosts"),
        "cachefrom": json.dumps((settings.get("cacheFrom") or {}).get("images") or []),
    }
    cached = builds.cached(client)
    try:
        _follow_build(inputs["imageName"], buildkit.build(client, read, dockerfile, parameters), report, stop)
    except BuildContextError as error:
        raise PluginError(str(error)) from error
    finally:
        builds.remember(here(), images=[], cache=builds.cached(client) - cached)
    builds.remember(here(), images=[str(client.images.get(inputs["imageName"]).id)], cache=[])
    if times.ARGUMENT in arguments:
        times.take_out(client, inputs["imageName"], arguments[times.ARGUMENT], platforms["TARGETARCH"])
    report.info(f"Built {inputs['imageName']} in {time.monotonic() - begun:.1f} s")
    return str(client.images.get(inputs["imageName"]).id)


def _platforms(client: Any, target: str | None) -> dict[str, str]:
    """What BuildKit tells every build ("Automatic platform ARGs in the global scope", Dockerfile reference)."""
    version = client.version()
    own = f"{version['Os']}/{version['Arch']}"
    arguments: dict[str, str] = {}
    for name, platform in (("BUILD", own), ("TARGET", target or own)):
        system, architecture, *_ = platform.split("/")
        arguments |= {f"{name}PLATFORM": platform, f"{name}OS": system, f"{name}ARCH": architecture}
    return arguments


def push(client: Any, inputs: dict[str, Any], report: Reporter, stop: threading.Event) -> str:
    """Push the image; returns the digest of its manifest, as the registry gave it."""
    name = Name.of(inputs["imageName"])
    registry = inputs.get("registry") or {}
    user, password = registry.get("username"), registry.get("password")
    begun = time.monotonic()
    report.status(f"Pushing {inputs['imageName']}")
    stream = client.api.push(
        name.repository,
        tag=name.tag,
        stream=True,
        decode=True,
        auth_config={"username": user, "password": password} if user and password else None,
    )
    digest = ""
    for event in _events(stream, stop):
        if "error" in event:
            raise PluginError(f"{inputs['imageName']} could not be pushed: {event['error']}")
        digest = (event.get("aux") or {}).get("Digest", digest)
    if not digest:
        raise PluginError(f"{name.registry} took {inputs['imageName']}, but did not say under which digest")
    report.info(f"Pushed {name.repository}@{digest} in {time.monotonic() - begun:.1f} s")
    return digest


def _follow_build(image: str, lines: Iterable[Line], report: Reporter, stop: threading.Event) -> None:
    output: deque[str] = deque(maxlen=OUTPUT_LINES)
    for line in _events(lines, stop):
        if line.kind == "step":
            report.status(line.text)
        elif line.kind == "output" and line.text.strip():
            output.append(line.text)
        elif line.kind == "error":
            shown = "\n".join(f"  {text}" for text in output)
            raise PluginError(f"{image} could not be built: {line.text}\nThe end of its output:\n{shown}")


def _events(stream: Iterable[_Event], stop: threading.Event) -> Iterator[_Event]:
    try:
        for event in stream:
            if stop.is_set():
                raise PluginError("cancelled")
            yield event
    except docker.errors.APIError as error:
        raise PluginError(f"Docker refused: {error.explanation or error}") from error

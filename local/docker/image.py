"""Build and push one image with the Docker engine's own builder."""

from __future__ import annotations

import re
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import docker
import docker.errors

from local import docker_credentials
from local.docker import context, times
from local.plugin.provider import PluginError

OUTPUT_LINES = 25
"""How much of a failed build's output is shown."""
_HOUR_S = 3600


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
    crosses = platforms["TARGETPLATFORM"] != platforms["BUILDPLATFORM"]
    if crosses:
        _check_cross(read.dockerfile.read_text(), platforms["TARGETPLATFORM"], times.ARGUMENT in arguments)
    begun = time.monotonic()
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as dockerfile:
        dockerfile.write(_with_platforms(read.dockerfile.read_text(), platforms))
        dockerfile.flush()
        stream = client.api.build(
            path=str(read.folder),
            dockerfile=dockerfile.name,
            tag=inputs["imageName"],
            buildargs=platforms | arguments,
            # It takes no stage for another platform than the image's.
            platform=None if crosses else settings.get("platform"),
            target=settings.get("target") or "",
            network_mode=settings.get("network"),
            extra_hosts=dict(host.split(":", 1) for host in settings.get("addHosts") or []) or None,
            cache_from=(settings.get("cacheFrom") or {}).get("images"),
            rm=True,
            forcerm=True,
            decode=True,
        )
    _follow_build(inputs["imageName"], stream, report, stop)
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


def _with_platforms(dockerfile: str, platforms: Mapping[str, str]) -> str:
    """The Dockerfile with the platforms of its bases filled in, as the older builder knows no ARG of its own."""
    return re.sub(
        r"(?m)^(FROM\s+--platform=)\$\{?(BUILDPLATFORM|TARGETPLATFORM)\}?",
        lambda match: match[1] + platforms[match[2]],
        dockerfile,
    )


def _check_cross(dockerfile: str, target: str, timed: bool) -> None:
    """Refuse what BuildKit can do and the older builder cannot: bases, and programs, of another platform."""
    bases = [line.split()[1:] for line in dockerfile.splitlines() if line.upper().startswith("FROM ")]
    own = all("BUILDPLATFORM" in base[0] for base in bases[:-1])
    if not (own and bases and bases[-1][0] == "scratch" and timed):
        raise PluginError(
            f"this machine's older builder makes an image for {target} only with {times.ARGUMENT}, FROM scratch, with "
            "all other stages FROM --platform=$BUILDPLATFORM; build it on a machine of that kind"
        )


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


def _follow_build(image: str, stream: Iterable[dict[str, Any]], report: Reporter, stop: threading.Event) -> None:
    lines: deque[str] = deque(maxlen=OUTPUT_LINES)
    for event in _events(stream, stop):
        text = str(event.get("stream", "")).rstrip()
        lines.extend(line for line in text.splitlines() if line.strip())
        if text.startswith("Step "):
            report.status(text)
        if event.get("status"):
            report.status(f"{event['status']} {event.get('id', '')}".rstrip())
        if "error" in event:
            output = "\n".join(f"  {line}" for line in lines)
            raise PluginError(f"{image} could not be built: {event['error']}\nThe end of its output:\n{output}")


def _events(stream: Iterable[dict[str, Any]], stop: threading.Event) -> Iterable[dict[str, Any]]:
    try:
        for event in stream:
            if stop.is_set():
                raise PluginError("cancelled")
            yield event
    except docker.errors.APIError as error:
        raise PluginError(f"Docker refused: {error.explanation or error}") from error

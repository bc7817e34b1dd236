"""What a release is: a version with the image of each service and the files of each site."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any, Final, TypeVar

from functions.deploy.network import Network
from release.version import Version
from settings.own_names import MAIN_SERVICE, MAIN_SITE

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServiceIdentity:
    """What one service runs, and where."""

    image: str
    """`repository@sha256:…`"""
    task_definition: str
    """ARN with its revision."""
    network: Network | None = None
    """None in what an earlier program recorded, as below."""
    execute_command: bool | None = None
    """Whether ECS Exec is on."""

    @property
    def image_digest(self) -> str:
        """The image's digest, the same in every environment."""
        return self.image.rpartition("@")[2]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Identity:
    """What a release is. Two releases are the same if these are."""

    version: Version
    services: Mapping[str, ServiceIdentity]
    """By name."""
    sites: Mapping[str, str]
    """By name, `sha256:…` of the manifest of its files."""


def identity_of(release: Identity) -> Identity:
    """The identity alone, of whatever else is known of a release."""
    return Identity(**{field.name: getattr(release, field.name) for field in dataclasses.fields(Identity)})


def first(by_name: Mapping[str, T]) -> T:
    """The main one, else the first that there is. Raises LookupError where there is none."""
    for name in (MAIN_SERVICE, MAIN_SITE, *by_name):
        if name in by_name:
            return by_name[name]
    raise LookupError("there is none")


def site_prefix(name: str) -> str:
    """Of a site's keys in the records bucket."""
    return "" if name == MAIN_SITE else f"sites/{name}/"


def service_words(name: str, among: Collection[str]) -> str:
    """What people call a service."""
    return "the backend" if name == MAIN_SERVICE and len(among) == 1 else f"service {name}"


def site_words(name: str, among: Collection[str]) -> str:
    """What people call a site."""
    return f"site {name}" if len(among) > 1 else "the site"


def label_of(what: str, name: str, among: Collection[object]) -> str:
    """The label of what there is once for each service or site: with its name only among several."""
    return f"{what} {name}" if len(among) > 1 else what


_OF_A_SERVICE: Final = ("image", "taskDefinition", "network", "executeCommand")


def upgraded(data: Any) -> Any:
    """What a release stored, in the form of this program: earlier ones knew one service and one site."""
    if not isinstance(data, Mapping):
        return data
    if isinstance(data.get("previous"), list):
        data = {**data, "previous": [upgraded(proof) for proof in data["previous"]]}
    if "taskDefinition" not in data or "services" in data:
        return data
    service = {key: data[key] for key in _OF_A_SERVICE if key in data}
    rest = {key: value for key, value in data.items() if key not in (*_OF_A_SERVICE, "staticManifest")}
    sites = {MAIN_SITE: data["staticManifest"]} if "staticManifest" in data else {}
    return {**rest, "services": {MAIN_SERVICE: service}, "sites": sites}

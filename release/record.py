"""The record of a release: what runs, since when it is proven, and what ran before.

An environment's record is an object in its records bucket; the stack's output `release` is a copy of it.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from release import objects
from release.version import short

KEY = "release.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Identity:
    """What a release is: a change of any of these is a release, of none is none."""

    version: str
    """In full: see `release.version`."""
    image: str
    """`repository@sha256:…`"""
    task_definition: str
    """ARN with its revision."""
    static_manifest: str
    """`sha256:…` of the manifest of the static files."""

    @property
    def image_digest(self) -> str:
        """The image's digest, the same in every environment."""
        return self.image.rpartition("@")[2]


@dataclasses.dataclass(frozen=True, kw_only=True)
class GoneBack:
    """The roll back that gave a version up."""

    at: str
    """When the other version was proven, ISO 8601 in UTC."""
    to: str
    """The version that was gone back to."""
    attempt: str | None = None
    """Id of the attempt. None: inferred from the order of proofs, in the record of an earlier program."""
    who: str | None = None
    reason: str | None = None
    """None: none was given."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Proven(Identity):
    """A release that an environment has proven."""

    verified_at: str
    """When, ISO 8601 in UTC."""
    reason: str | None = None
    """Why the gate was overridden, where it was."""
    kind: str | None = None
    """One of `way_back.KINDS`; None in what an earlier program recorded."""
    first_verified_at: str | None = None
    """When this version was first proven here; None: this is the first proof."""
    gone_back: GoneBack | None = None
    """How this version was gone back from; None where it was not, or was proven again since."""

    @property
    def first(self) -> str:
        """When this version was first proven here."""
        return self.first_verified_at or self.verified_at


@dataclasses.dataclass(frozen=True, kw_only=True)
class Release(Proven):
    """The proven release that runs, and those before it, newest first."""

    previous: tuple[Proven, ...] = ()

    def find(self, version: str) -> Proven | None:
        """The newest proof of `version` here."""
        return next((proven for proven in (self, *self.previous) if proven.version == version), None)

    def to_json(self) -> dict[str, Any]:
        """The record as the stack's output and the records bucket have it, keys in camelCase."""
        return {**proof_json(self), "previous": [proof_json(proven) for proven in self.previous]}


class RecordError(ValueError):
    """What is stored is not what a release writes."""


def from_json(data: Mapping[str, Any]) -> Release:
    """The record that `to_json` wrote. Raises RecordError for anything else."""
    try:
        return Release(
            **_proven(data),
            previous=tuple(Proven(**_proven(item)) for item in data["previous"]),
        )
    except (KeyError, TypeError) as error:
        raise RecordError(f"this is no record of a release: {error} is missing or of the wrong type") from error


def parsed(bucket: str, key: str, body: bytes) -> Mapping[str, Any]:
    """The JSON object that a release stored. Raises RecordError, which says what to do, for anything else."""
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise RecordError(
            f"s3://{bucket}/{key} is no JSON object, so that no release wrote it: restore its version before"
        )
    return found


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stored:
    """The record as it is stored, and which object that is."""

    release: Release | None
    """None before the environment's first release."""
    etag: str | None


class RecordChangedError(Exception):
    """Somebody else wrote the record while this release ran."""


def read(s3: Any, bucket: str) -> Release | None:
    """The environment's record; None before its first release."""
    return read_stored(s3, bucket).release


def read_stored(s3: Any, bucket: str) -> Stored:
    """The environment's record, as `write` needs it to replace this very one."""
    try:
        answer, body = objects.read(s3, bucket, KEY)
    except ClientError as error:
        if error.response["Error"]["Code"] in {"NoSuchKey", "404"}:
            return Stored(release=None, etag=None)
        raise
    return Stored(release=from_json(parsed(bucket, KEY, body)), etag=answer["ETag"])


def write(s3: Any, bucket: str, release: Release, replaces: Stored) -> None:
    """Store the environment's record in place of `replaces`.

    Raises RecordChangedError if it is another one by now. Whether a write without an answer arrived is looked up.
    """
    condition = {"IfMatch": replaces.etag} if replaces.etag else {"IfNoneMatch": "*"}
    body = json.dumps(release.to_json(), indent=2).encode()
    try:
        objects.repeated(
            lambda: s3.put_object(Bucket=bucket, Key=KEY, Body=body, ContentType="application/json", **condition)
        )
    except (ClientError, BotoCoreError) as error:
        # A write whose answer was lost is repeated by the client, and its condition then fails on itself.
        now = read_stored(s3, bucket)
        if now.release == release:
            return
        if now.etag == replaces.etag:
            raise
        there = now.release
        which = f"{short(there.version)}, proven {there.verified_at}" if there else "none"
        raise RecordChangedError(
            f"s3://{bucket}/{KEY} was written by somebody else meanwhile (it is {which}): this release is not recorded"
        ) from error


_KEYS = {
    "version": "version",
    "image": "image",
    "task_definition": "taskDefinition",
    "static_manifest": "staticManifest",
    "verified_at": "verifiedAt",
}
_OPTIONAL = {"reason": "reason", "kind": "kind", "first_verified_at": "firstVerifiedAt"}


def proof_json(proven: Proven) -> dict[str, Any]:
    """One proof, keys in camelCase."""
    data = {key: getattr(proven, name) for name, key in _KEYS.items()}
    # What does not apply is left out: the record is a stack's output, and people read it.
    data |= {key: getattr(proven, name) for name, key in _OPTIONAL.items() if getattr(proven, name)}
    if proven.gone_back is not None:
        data["goneBack"] = {key: value for key, value in dataclasses.asdict(proven.gone_back).items() if value}
    return data


def _proven(data: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: data[key] for name, key in _KEYS.items()}
    if not all(isinstance(value, str) for value in values.values()):
        raise TypeError("version, image, taskDefinition, staticManifest or verifiedAt")
    optional = {name: data.get(key) for name, key in _OPTIONAL.items()}
    mark = data.get("goneBack")
    if mark is None:
        return {**values, **optional}
    names = [field.name for field in dataclasses.fields(GoneBack)]
    known = {"at": mark["at"], "to": mark["to"]} | {name: mark.get(name) for name in names if name in mark}
    return {**values, **optional, "gone_back": GoneBack(**known)}

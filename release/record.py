"""The record of a release: what runs, since when it is proven, and what ran before.

An environment's record is an object in its records bucket; the stack's output `release` is a copy of it.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from release import objects, strict_json
from release.version import Version, short

KEY = "release.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Network:
    """Where tasks run; both lists are sorted."""

    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Identity:
    """What a release is: a change of any of these is a release, of none is none."""

    version: Version
    image: str
    """`repository@sha256:…`"""
    task_definition: str
    """ARN with its revision."""
    static_manifest: str
    """`sha256:…` of the manifest of the static files."""
    network: Network | None = None
    """None in what an earlier program recorded, as below."""
    execute_command: bool | None = None
    """Whether ECS Exec is on."""

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


def from_json(data: Mapping[str, Any]) -> Release:
    """The record that `to_json` wrote. Raises DamagedError for anything else."""
    return strict_json.read(Release, data)


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
    found = objects.load(s3, bucket, KEY, Release)
    return Stored(release=found[0], etag=found[1]) if found else Stored(release=None, etag=None)


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


def proof_json(proven: Proven) -> dict[str, Any]:
    """One proof, keys in camelCase. What does not apply is left out: the record is an output, and people read it."""
    data = {key: value for key, value in strict_json.fields(proven).items() if key != "previous"}
    data = {key: value for key, value in data.items() if value or value is False}
    if proven.gone_back is not None:
        data["goneBack"] = {key: value for key, value in data["goneBack"].items() if value}
    return data

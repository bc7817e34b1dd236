"""An environment and those before it, back to the first, with what people stated about each."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from functions.aws_errors import code
from functions.strict_json import DamagedError
from release import records, statements
from release.records import Release
from release.statements import Stated
from settings.errors import ExpectedError

BEFORE: Final = "promoteFrom"
"""The output of a stack with the name of the one before it; empty in the first."""


class Link(NamedTuple):
    """A stack as its last update left it."""

    name: str
    release: Release | None
    outputs: Mapping[str, Any]
    """Empty before its first update."""


def read(
    own: Link, upstream: Link | None, stack: Callable[[str], Link], connect: Callable[[], Any], *, record: bool = False
) -> tuple[Stated, ...]:
    """The environment `own` first, then the one before it, and those before that as their stacks say it.

    `stack` reads a stack by its name, and may raise ExpectedError; `connect` makes a client of S3, and may raise that
    and what boto3 raises: then the environment is `unread`. `record`: the record of `own` is read as well, which the
    role of a preview may not. A process that was killed after it wrote that has left an earlier one in the state.
    """
    s3 = functools.cache(connect)
    here = _stated(own, s3)
    return (_recorded(here, own, s3) if record else here, *_before(upstream, {own.name}, stack, s3))


def _recorded(stated: Stated, link: Link, s3: Callable[[], Any]) -> Stated:
    bucket = link.outputs.get("recordsBucket")
    if stated.unread or not bucket:
        return stated
    try:
        return dataclasses.replace(stated, release=records.read_release(s3(), str(bucket)) or link.release)
    except (DamagedError, BotoCoreError, ClientError) as error:
        if isinstance(error, ClientError) and code(error) == "NoSuchBucket":
            return stated
        return dataclasses.replace(stated, unread=f"the record of {link.name} cannot be read ({error})")


def _before(
    link: Link | None, names: set[str], stack: Callable[[str], Link], s3: Callable[[], Any]
) -> Iterator[Stated]:
    while link is not None:
        names.add(link.name)
        if link.outputs and BEFORE not in link.outputs:
            why = f"an earlier program updated {link.name} last, which does not say what it promotes from"
            # A hold lets what runs through.
            runs = f"RELEASE_VERSION={link.release.version} " if link.release else ""
            yield dataclasses.replace(_stated(link, s3), unread=f"{why}:  {runs}pulumi up -s {link.name}")
            return
        yield _stated(link, s3)
        before = str(link.outputs.get(BEFORE) or "")
        if not before or before in names:
            return
        try:
            link = stack(before)
        except ExpectedError as error:
            yield Stated(environment=before, release=None, unread=str(error))
            return


def _stated(link: Link, s3: Callable[[], Any]) -> Stated:
    stated = Stated(environment=link.name, release=link.release)
    if not link.outputs.get("recordsBucket"):
        return stated
    try:
        return dataclasses.replace(stated, statements=statements.read(s3(), str(link.outputs["recordsBucket"])))
    except (ExpectedError, DamagedError, BotoCoreError, ClientError) as error:
        if isinstance(error, ClientError) and code(error) == "NoSuchBucket":
            # A destroy was interrupted: what was stated is gone, and the update makes the bucket anew.
            return stated
        why = f"the statements of {link.name} cannot be read ({error})"
        return dataclasses.replace(stated, unread=f"{why}: sign in with a role that may read them")

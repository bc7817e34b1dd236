"""Reject a version, also one that is proven: no release brings it to the environment any more, nor to those after it.

RELEASE_REASON lets it through all the same. Where it runs, it stays: to go back is a release of its own.

Exit status: 0 rejected, 1 in some not, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping

from cli import NO, YES, versions
from cli.environment import Environment, add_stack, read_environment
from cli.errors import EXPECTED, UsageError, message_of
from cli.hold import add_reason
from cli.text import say, short
from release import stack, statements
from release.chain import BEFORE
from release.statements import Statement
from release.who import who


def add(parser: argparse.ArgumentParser) -> None:
    add_stack(parser, default="the first one")
    parser.add_argument("version", metavar="SHA", help="what is rejected, a full or short Git SHA")
    add_reason(parser)


def run(options: argparse.Namespace) -> int:
    environments: dict[str, Environment] = {}
    unread: dict[str, Exception] = {}
    for listed in stack.listed():
        try:
            environments[listed.name] = read_environment(listed.name)
        except EXPECTED as error:
            unread[listed.name] = error
    if options.stack in unread:
        raise unread[options.stack]
    chosen = tuple(_from(options.stack or _first(environments), environments))
    version = _version(options.version, environments)
    rejected = [_reject(environment, version, options.reason) for environment in chosen]
    for name, why in unread.items():
        print(f"{name}: {short(version)} is not rejected here, if it comes after: {message_of(why)}", file=sys.stderr)
    return YES if all(rejected) and not unread else NO


def _reject(environment: Environment, version: str, reason: str) -> bool:
    """State it in one environment, and say so; False, with why, where that is not possible."""
    name, runs = environment.name, environment.release is not None and environment.release.version == version
    if environment.request is None and not environment.unreadable:
        say(f"{name}: nothing was ever released there; it refuses what is rejected before it")
        return True
    try:
        clients, bucket = environment.clients, environment.released().records_bucket
        by = who(clients.caller, os.environ)
        statement = Statement(kind="reject", environment=name, who=by, reason=reason, version=version)
        statements.write(clients.s3, bucket, statement)
    except EXPECTED as error:
        print(f"{name}: {short(version)} is not rejected here: {message_of(error)}", file=sys.stderr)
        return False
    say(
        f"{name}: {short(version)} is rejected"
        + (f", and runs. To go back:  python -m release history -s {name}" if runs else "")
    )
    return True


def _version(text: str, environments: Mapping[str, Environment]) -> str:
    """The version that `text` means, of all that an environment has proven. Raises UsageError."""
    releases = [environment.release for environment in environments.values()]
    proven = versions.proven(text.strip().lower(), [release for release in releases if release])
    if proven is None:
        first = next(iter(environments), "ENV")
        raise UsageError(f"{text!r} was proven in no environment. What was:  python -m release history -s {first}")
    return proven.version


def _first(environments: Mapping[str, Environment]) -> str:
    """The environment that promotes from no other one. Raises UsageError where that is not one."""
    first = [name for name, environment in environments.items() if environment.stack.outputs.get(BEFORE) == ""]
    if len(first) != 1:
        names = ", ".join(environments)
        raise UsageError(f"which environment is the first is not known: name one with -s. There are: {names}")
    return first[0]


def _from(name: str, environments: Mapping[str, Environment]) -> Iterator[Environment]:
    """The environment of this name, and those after it. Raises UsageError."""
    if name not in environments:
        raise UsageError(f"there is no stack {name}. There are: {', '.join(environments)}")
    later = [name]
    for before in later:
        yield environments[before]
        later += [
            other
            for other, environment in environments.items()
            if environment.stack.outputs.get(BEFORE) == before and other not in later
        ]

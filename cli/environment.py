"""The environment that a verb is about: its stack's state, its last release request, and clients of AWS."""

from __future__ import annotations

import argparse
import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

from cli.errors import EXPECTED, UsageError, VerbError, message_of
from release import session, stack, tasks
from release.records import Release
from release.request import ReleaseRequest, from_inputs
from release.session import Clients
from release.stack import NoStackError, Stack, StackError
from release.tasks import NotKnownError, Tasks

QUESTION_S = 10.0
"""Seconds for the deploy function's answer which tasks run."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Environment:
    """One stack, read without a call to AWS."""

    stack: Stack
    request: ReleaseRequest | None
    """The request of the last release; None if none ever began."""
    unreadable: str = ""
    """Why there is no request although a release began."""

    @property
    def name(self) -> str:
        return self.stack.name

    @property
    def release(self) -> Release | None:
        """The last proven release, as the stack's state has it."""
        try:
            return stack.release_of(self.stack.outputs, self.stack.recorded)
        except ValueError as error:
            raise VerbError(
                f"the record in the state of {self.name} cannot be read: {error}\n"
                f"  to take it from the records bucket again:  pulumi refresh -s {self.name}"
            ) from error

    def released(self) -> ReleaseRequest:
        """The request. Raises VerbError where nothing was ever released."""
        if self.request is not None:
            return self.request
        if self.unreadable:
            raise VerbError(
                f"{self.name} was released by another version of this program ({self.unreadable}): run this from the "
                f"commit that released it, or release again:  pulumi up -s {self.name}"
            )
        raise VerbError(f"nothing was ever released to {self.name}.\n  to release:  pulumi up -s {self.name}")

    @functools.cached_property
    def clients(self) -> Clients:
        """Clients for the environment's account. Raises WrongAccountError, and VerbError before the first release."""
        request = self.released()
        return session.connect(request.connection, account=request.account, region=request.region, quick=True)

    def tasks(self, release: Release) -> Tasks:
        """The tasks of a release that runs here; unknown to a role that may not invoke the deploy function."""
        request = self.released()

        def look_up() -> frozenset[str]:
            try:
                client = self.clients.function
                return tasks.running(client, request.deploy_function, release.task_definition, QUESTION_S)
            except EXPECTED as error:
                raise NotKnownError(message_of(error)) from error

        return Tasks(ids=frozenset(), look_up=look_up)


def add_stack(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    default = "" if required else "; the selected stack without it"
    parser.add_argument("-s", "--stack", metavar="NAME", required=required, help=f"the environment{default}")


def read_environment(name: str | None) -> Environment:
    """The environment of the stack `name`, or of the selected one.

    Raises UsageError, which lists the stacks, if there is no such stack, and StackError if Pulumi fails.
    """
    try:
        state = stack.read(name or stack.pulumi("stack", "--show-name").strip())
    except NoStackError as error:
        raise UsageError(str(error)) from error
    if state.inputs is None:
        return Environment(stack=state, request=None)
    try:
        return Environment(stack=state, request=from_inputs(state.inputs))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        return Environment(stack=state, request=None, unreadable=f"{type(error).__name__}: {error}")


def unreleased(name: str) -> Environment:
    """An environment whose stack does not exist yet."""
    return Environment(stack=Stack(name=name, outputs={}, inputs=None, pending=()), request=None)


def settings_of(name: str) -> Mapping[str, Any]:
    """The settings of a stack, as the next `pulumi up` has them: `easi:<key>` to text, or to a list or map."""
    config = stack.answered("config", "-s", name, "--json")
    try:
        return {key: item.get("objectValue", item.get("value")) for key, item in config.items()}
    except AttributeError as error:
        raise StackError(f"`pulumi config -s {name} --json` did not answer with settings: {error}") from error

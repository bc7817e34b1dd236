"""The environment that a verb is about: its stack's state, its last release request, and clients of AWS."""

from __future__ import annotations

import argparse
import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

from cli.errors import EXPECTED, UsageError, VerbError, message_of
from release import rollout, session, stack
from release.healthcheck import HealthCheck
from release.inputs import from_inputs
from release.records import Release
from release.request import ReleaseRequest
from release.session import Clients
from release.stack import NoStackError, Stack, StackError
from release.tasks import NotKnownError, Tasks
from settings import description, names
from settings.description import Description

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

    @property
    def health_checks(self) -> Mapping[str, HealthCheck]:
        """Those of the services that have one, by name. Raises VerbError where nothing was ever released."""
        services = self.released().services
        return {name: service.health for name, service in services.items() if service.health is not None}

    @functools.cached_property
    def clients(self) -> Clients:
        """Clients for the environment's account. Raises WrongAccountError, and VerbError before the first release."""
        request = self.released()
        return session.connect(request.connection, account=request.account, region=request.region, quick=True)

    def tasks(self, release: Release, service: str) -> Tasks:
        """The tasks of a service of a release; unknown to a role that may not invoke the deploy function."""
        request = self.released().services[service]

        def look_up() -> frozenset[str]:
            try:
                if service not in release.services:
                    raise NotKnownError(f"{service} is in no proven release")
                revision = release.services[service].task_definition
                return rollout.running_tasks(self.clients.function, request.deploy_function, revision, QUESTION_S)
            except EXPECTED as error:
                raise NotKnownError(message_of(error)) from error

        return Tasks(ids=frozenset(), look_up=look_up)


def add_stack(parser: argparse.ArgumentParser, *, required: bool = False, default: str = "the selected stack") -> None:
    without = "" if required else f"; {default} without it"
    parser.add_argument("-s", "--stack", metavar="NAME", required=required, help=f"the environment{without}")


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


def settings_of(name: str) -> Mapping[str, Any]:
    """The settings of a stack, as the next `pulumi up` has them: key to text, or to a list or map.

    The AWS provider's are among them, `aws:region` and others, by their whole key. Raises ProjectError where the
    stack's file has the project's own by the name of another project.
    """
    config = stack.answered("config", "-s", name, "--json")
    try:
        values = {key: item.get("objectValue", item.get("value")) for key, item in config.items()}
        return names.own_settings(values) | {key: value for key, value in values.items() if key.startswith("aws:")}
    except AttributeError as error:
        raise StackError(f"`pulumi config -s {name} --json` did not answer with settings: {error}") from error


def description_of(name: str, settings: Mapping[str, Any]) -> Description:
    """What the settings of a stack describe. Raises VerbError with all that is wrong."""
    try:
        described, problems = description.read(
            {key: settings[key] for key in description.KEYS if key in settings}, description.declared_defaults()
        )
    except (OSError, ValueError) as error:
        raise VerbError(f"Pulumi.yaml cannot be read: {error}") from error
    if described is None:
        raise VerbError(f"the settings of {name} cannot be used:\n  " + "\n  ".join(problems))
    return described

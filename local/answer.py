"""What answers at the addresses of a local environment: the proven version, by tasks of its release, or what else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from functions.names import revision
from local.clients import client
from release import healthcheck, inputs, rollout, stack, tasks
from release.deploy_function import FunctionFailed
from release.health_answer import AnswerForm
from release.healthcheck import HealthCheck
from release.identity import ServiceIdentity
from release.tasks import NotKnownError, Tasks


def questions_of(released: Mapping[str, Any] | None) -> dict[str, Any]:
    """How each service of a release is asked, from the inputs of the Release resource. Plain, without any secret."""
    try:
        services = inputs.upgraded(released)["services"] if released else {}
        return {
            name: {
                "deployFunction": service["deployFunction"],
                "health": service["health"] and {**service["health"], "url": service["url"]},
            }
            for name, service in services.items()
        }
    except (KeyError, TypeError, AttributeError):
        # An interrupted release does not know all of them yet.
        return {}


def why_not_proven(outputs: Mapping[str, Any], port: int, deadline_s: float) -> str | None:
    """Why what a stack's outputs prove does not answer within `deadline_s`; None where all of it does."""

    def prove(check: HealthCheck, running: Tasks) -> str | None:
        try:
            healthcheck.prove(check, lambda _: None, running)
        except healthcheck.NotProven as error:
            return str(error)
        return None

    return next(_misses(outputs, port, deadline_s, prove), None)


def miss(outputs: Mapping[str, Any], port: int) -> str | None:
    """The same of one answer each, in short."""
    return next(_misses(outputs, port, 1.0, lambda check, running: healthcheck.probe(check, running).miss), None)


def _misses(
    outputs: Mapping[str, Any], port: int, deadline_s: float, ask: Callable[[HealthCheck, Tasks], str | None]
) -> Iterator[str]:
    release = stack.release_of(outputs, None)
    assert release is not None  # noqa: S101 - asked after a release
    for name, proven in release.services.items():
        question = (outputs.get("questions") or {}).get(name)
        if question is None:
            why: str | None = "the stack's state does not say how to ask it"
        elif question["health"]:
            check = _check(question["health"], release.version, port, deadline_s)
            why = ask(check, tasks.of(_client(proven, port), question["deployFunction"], proven.task_definition))
        else:
            why = _no_task(_client(proven, port), question["deployFunction"], proven, deadline_s)
        if why:
            yield f"service {name}: {why}" if len(release.services) > 1 else why


def _check(health: Mapping[str, Any], version: str, port: int, deadline_s: float) -> HealthCheck:
    """The name of the address is asked for at the emulator, whatever DNS says of it."""
    return HealthCheck(
        url=health["url"] + health["path"],
        version=version,
        connect_to=f"127.0.0.1:{port}",
        passes=1,
        deadline_s=deadline_s,
        form=AnswerForm.of(health),
    )


def _no_task(client: Any, function: str, proven: ServiceIdentity, deadline_s: float) -> str | None:
    """Why a worker does not run: nobody can ask it, and ECS says which tasks there are."""
    try:
        running = rollout.running_tasks(client, function, proven.task_definition, deadline_s)
    except (FunctionFailed, NotKnownError) as error:
        return f"which tasks run is not known: {error}"
    return None if running else f"no task of {revision(proven.task_definition)} runs"


def _client(proven: ServiceIdentity, port: int) -> Any:
    return client("lambda", f"http://127.0.0.1:{port}", region=proven.task_definition.split(":")[3])

"""One task of a new revision runs beside the service and proves itself, before the service is moved to the revision.

It is in no target group: no visitor reaches it. What is asked of it is asked inside, by the health command of its
container: see docs/decisions/0026-rehearsal.md.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Final

from functions.deploy.requests import RunTask, StopTask
from functions.names import name_in
from release import progress
from release.deploy_function import DeployFunction, FunctionFailed, Heard
from release.identity import ServiceIdentity
from release.one_off import OneOff, TaskFailed
from release.records import Release
from release.request import Rehearsal, ServiceRequest
from release.version import short
from settings.names import REHEARSAL_VARIABLE, REHEARSAL_VERSION_VARIABLE

NAME: Final = "the rehearsal"
EXPLAIN_S: Final = 20.0
"""Seconds for the log of a task that failed."""
STOP_S: Final = 20.0
"""Seconds for telling a task to stop. Its end is not waited for."""


class RehearsalFailed(TaskFailed):
    """The new revision has not proven itself; `details` have the last lines of its log."""


def why_skipped(service: ServiceRequest, runs: ServiceIdentity | None, proven: Release | None, version: str) -> str:
    """Why a service is not rehearsed; empty where it is. Pure. `runs` is what the service was proven with last."""
    if service.rehearsal is None:
        return "not rehearsed: rehearsal.enabled is false"
    if runs == service.identity:
        return "not rehearsed: the service runs this revision"
    before = proven.find(version) if proven and proven.version != version else None
    earlier = before.services.get(service.name) if before else None
    if earlier and earlier.image_digest == service.identity.image_digest:
        return f"not rehearsed: {short(version)} was proven here before, with this image"
    return ""


def variables(rehearsal: Rehearsal, version: str) -> dict[str, str]:
    return {REHEARSAL_VARIABLE: str(rehearsal.passes), REHEARSAL_VERSION_VARIABLE: version}


def rehearse(function: DeployFunction, request: RunTask, rehearsal: Rehearsal) -> Generator[float, None, str]:
    """Start a task, watch it until it has proven itself, and tell it to stop; what it has proven, for people.

    Yields seconds to wait. Raises RehearsalFailed, or FunctionFailed where it could not be started or watched.
    """
    one_off = OneOff(function, request, NAME)
    try:
        one_off.start()
        yield from _until_proven(one_off, rehearsal)
    finally:
        _stop(one_off)
    proof = f"{_proof(rehearsal)} ({function.elapsed_s:.0f} s)"
    progress.passing(function.say, f"task {name_in(one_off.task)}: {proof}")
    return proof


def _until_proven(one_off: OneOff, rehearsal: Rehearsal) -> Generator[float, None, None]:
    function, news = one_off.function, progress.Changes(one_off.function.say)
    since: float | None = None
    while True:
        last_call = function.left_s <= function.interval_s
        judged = one_off.ask(explain=last_call)
        if judged.outcome == "succeeded":
            text = f"{NAME} ended with exit code 0, and a task of a service runs on"
            raise RehearsalFailed("ended", text, judged.details, one_off.task)
        if judged.outcome != "in_progress":
            raise RehearsalFailed(judged.outcome, one_off.failure(judged), judged.details, one_off.task)
        if judged.health == "UNHEALTHY":
            text = f"the task of {NAME} is not healthy after {function.elapsed_s:.0f} s, says the health command"
            raise RehearsalFailed("unhealthy", text, judged.details or _explained(one_off), one_off.task)
        has_command = rehearsal.asks != "nothing"
        if judged.health == "HEALTHY" if has_command else judged.last_status == "RUNNING":
            since = function.elapsed_s if since is None else since
            if function.elapsed_s - since >= rehearsal.stays_s:
                return
        else:
            since = None
        if last_call:
            text = f"{NAME} was not over within {function.deadline_s:g} s: its task is {judged.last_status}"
            raise RehearsalFailed("timed_out", f"{text}, {judged.health}", judged.details, one_off.task)
        news(f"task is {judged.last_status}" + (f", {judged.health}" if has_command else ""))
        yield function.interval_s


def _explained(one_off: OneOff) -> tuple[str, ...]:
    """The last lines of the task's log, or why there are none."""
    again = OneOff(one_off.function.with_time(EXPLAIN_S), one_off.request, NAME)
    again.task = one_off.task
    try:
        return again.ask(explain=True).details
    except FunctionFailed as error:
        return (f"its log cannot be read: {error.message}",)


def _stop(one_off: OneOff) -> None:
    """What fails here changes no verdict: the next rehearsal, migration or rollout of the service stops the task."""
    if not one_off.task:
        return
    function = one_off.function.with_time(STOP_S)
    request = StopTask(lease=one_off.request.lease, task=one_off.task, reason="release: the rehearsal is over")
    try:
        function.call(request, Heard)
    except FunctionFailed as error:
        text = f"whether task {name_in(one_off.task)} of {NAME} still runs is not known: {error.message}"
        progress.kept(function.say, f"{text}. The next rollout stops it")


def _proof(rehearsal: Rehearsal) -> str:
    if rehearsal.asks == "version":
        return f"status and version right {rehearsal.passes} times in a row"
    if rehearsal.asks == "health":
        return f"healthy for {rehearsal.stays_s:g} s, version not compared"
    return f"ran for {rehearsal.stays_s:g} s, and nothing asked it"

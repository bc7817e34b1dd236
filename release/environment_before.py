"""Whether the environment before is healthy with the version that it has proven: asked anew when it is promoted."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import partial
from typing import Final, TypeGuard

from release import healthcheck
from release.health_answer import shown
from release.healthcheck import HealthCheck, NotProven
from release.identity import service_words
from release.preflight.check import all_of
from release.request import EnvironmentBefore
from release.version import short

INTERVAL_S: Final = 0.2
DEADLINE_S: Final = 15.0
"""Seconds in which the health check has to pass as often in a row as in the proof: what runs there has started."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Health:
    """What was answered, a line each."""

    problems: tuple[str, ...] = ()
    """Why it is not healthy with the version; none where it is, or cannot be asked."""
    notes: tuple[str, ...] = ()
    """That it is healthy, or why it was not asked: then the proof counts."""


def look(before: EnvironmentBefore, version: str) -> Health:
    """Ask all its services, side by side. What runs another version cannot be asked."""
    name, its_version = before.name, short(version)
    if before.runs != version:
        runs = short(before.runs) if before.runs else "nothing"
        return Health(notes=(f"{name} runs {runs} by now: {its_version} cannot be asked there, its proof counts",))
    if not before.checks:
        return Health(notes=(f"{name} runs {its_version}, and its state names no health check: its proof counts",))
    notes: list[str] = []
    problems, _ = all_of(
        [
            (f"the health of {name}", partial(_ask, before, service, check, notes))
            for service, check in before.checks.items()
        ]
    )
    if not problems and not notes:
        notes = [f"{name} runs {its_version}, and is healthy now"]
    return Health(problems=tuple(problems), notes=tuple(notes))


def _ask(before: EnvironmentBefore, service: str, check: HealthCheck, notes: list[str]) -> Iterator[str]:
    name, words = before.name, service_words(service, before.checks)
    its_version = short(check.version)
    answers, why = healthcheck.probe(check).version, ""
    if not _is_another(answers, check):
        quick = dataclasses.replace(check, interval_s=INTERVAL_S, deadline_s=DEADLINE_S)
        try:
            healthcheck.prove(quick, lambda _: None)
        except NotProven as error:
            answers, why = error.version, str(error)
    # Also where its next version is being rolled out: then both answer.
    if _is_another(answers, check):
        notes.append(f"{words} of {name} answers with {shown(short(answers))}: it cannot be asked for {its_version}")
    elif why:
        yield (
            f"{name} has proven {its_version}, and {words} is not healthy there now: {why}; mend {name}, or release "
            "a version that is healthy there"
        )


def _is_another(version: str | None, check: HealthCheck) -> TypeGuard[str]:
    return version not in (None, check.version) and not check.form.status_code_only

"""Which tasks may answer for a version. An answer of any other proves nothing, whatever version it says.

AWS adds nothing to an answer that tells which target it is from, so the backend says it: in the header `X-Task-Id` of
its health check, the id of its task, which it reads once from the task metadata endpoint ("Amazon ECS task metadata
endpoint version 4", `TaskARN`). CloudFront hands the header on ("Request and response behavior for custom origins").
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

from release import rollout
from release.deploy_function import FunctionFailed

HEADER = "X-Task-Id"
QUESTION_S = 30.0
"""Seconds for asking the deploy function."""


class NotKnownError(Exception):
    """Which tasks run cannot be said; the message says why."""


@dataclasses.dataclass(kw_only=True)
class Tasks:
    """The tasks of one revision of the service, by id: those of the rollout, and those that ECS replaced them with."""

    ids: frozenset[str]
    """Those that are known so far."""
    look_up: Callable[[], frozenset[str]]
    """Asks for those that run now. Raises FunctionFailed where it is worth asking again, else NotKnownError."""
    unknown: str = ""
    """Why an answer could not be judged; empty while every one could."""

    def miss(self, task: str) -> str | None:
        """Why an answer by `task` proves nothing; None where it does, or where that cannot be known."""
        if task in self.ids:
            return None
        try:
            self.ids |= self.look_up()
        except FunctionFailed as error:
            return f"answered by task {task}, and the tasks of this release are not known: {error}"
        except NotKnownError as error:
            self.unknown = str(error)
            return None
        return None if task in self.ids else f"answered by task {task}, which is not of this release"


def of(client: Any, function: str, task_definition: str, ids: frozenset[str] = frozenset()) -> Tasks:
    """The tasks of a revision of the service; the deploy function is asked only for those that are not in `ids`."""
    return Tasks(
        ids=ids, look_up=functools.partial(rollout.running_tasks, client, function, task_definition, QUESTION_S)
    )

"""Gap: each task asks Docker for its containers twenty times a second, and who lists tasks waits for as many answers.

With a dozen tasks Docker would do little else, and on a slow machine nothing would start or stop for it. Here one look
at all containers serves everybody.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ministack.core import container_reaper
from ministack.services import ecs

from local.emulator.gaps import around

FRESH_S = 0.2
"""How long one look serves."""
_HEALTH = re.compile(r"\((?:health: )?(healthy|unhealthy|starting)\)")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A container as Docker lists it."""

    state: str
    """`created`, `running`, `exited`…"""
    health: str
    """`starting`, `healthy`, `unhealthy`, or `none` without a check."""

    @staticmethod
    def of(listed: Mapping[str, Any]) -> Seen:
        """From the list, where health is only in the words for people: `Up 5 seconds (health: starting)`."""
        match = _HEALTH.search(str(listed.get("Status", "")))
        return Seen(state=str(listed.get("State", "")), health=match.group(1) if match else "none")


_looking = threading.Lock()
_seen: dict[str, Seen] = {}
_due = 0.0


def look(*, anew: bool = False) -> Mapping[str, Seen]:
    """The containers of all tasks by id, as they were a moment ago; as last known while Docker does not answer.

    With `anew`, as they are now: this waits for Docker, and does not take what was seen before it was called.
    """
    global _seen, _due  # noqa: PLW0603 - one view for the process is what this is
    if (anew or time.monotonic() >= _due) and _looking.acquire(blocking=anew):
        try:
            _seen = _listed()
        except Exception:  # noqa: S110 - whatever Docker's client raises: nothing is known of any container
            pass
        finally:
            _due = time.monotonic() + FRESH_S
            _looking.release()
    return _seen


def _listed() -> dict[str, Seen]:
    mine = ["ministack=ecs", f"{container_reaper.INSTANCE_LABEL}={container_reaper.instance_id()}"]
    listed = ecs._get_docker().api.containers(all=True, filters={"label": mine})
    return {item["Id"]: Seen.of(item) for item in listed}


@around(ecs, "_maybe_mark_stopped")
def maybe_mark_stopped(mark: Any, task: dict[str, Any], docker: Any = None) -> None:
    seen = look()
    if any(item in seen and seen[item].state == "exited" for item in list(task.get("_docker_ids") or [])):
        mark(task, docker)


@around(ecs, "_record_service_task_healthy")
def record_healthy(record: Any, service: str, task: dict[str, Any]) -> None:
    look(anew=True)  # or a deployment completes with a task that has just ended
    ecs._maybe_mark_stopped(task)
    record(service, task)

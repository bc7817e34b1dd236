"""In a workflow, before `exec pulumi up` in the same step: clear what an interrupted update left behind.

As `python -m release recover`, but the lock of another machine is freed only when GitHub says that the run which took
it is over. Needs GITHUB_TOKEN with `actions: read`. Pulumi's lock names a host and a process, which a job on another
machine cannot see. So each job notes its run in a tag of the stack before its engine takes the lock; a lock that no
such run took stays.

Exit status: 0 cleared, or nothing to do; 1 refused; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import socket
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from cli import YES, github, recover
from cli.environment import add_stack, read_environment
from cli.errors import UsageError, VerbError
from cli.recover import Lock
from functions import strict_json
from functions.strict_json import DamagedError
from release import stack

TAG: Final = "release:run"
"""Name of the stack's tag, which the engine (3.232) keeps beside the stack's state."""
OVER: Final = "completed"
"""https://docs.github.com/en/rest/actions/workflow-runs#get-a-workflow-run-attempt"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """One attempt of a run of a workflow, and the process in it that becomes Pulumi's engine."""

    repository: str
    run: int
    attempt: int
    host: str
    pid: int
    since: str
    """When its job was about to start the engine, ISO 8601 in UTC."""

    def __str__(self) -> str:
        return f"run {self.run} of {self.repository}, attempt {self.attempt}"

    def took(self, lock: Lock) -> bool:
        """Whether this run's engine took the lock."""
        # Both times are of one clock, the machine's that the lock names; Pulumi writes them with its time zone.
        try:
            before = datetime.fromisoformat(self.since) <= datetime.fromisoformat(lock.since)
        except (TypeError, ValueError):  # somebody else wrote the tag
            return False
        return before and (self.host, self.pid) == (lock.host, lock.pid)


def add(parser: argparse.ArgumentParser) -> None:
    add_stack(parser, required=True)


def run(options: argparse.Namespace) -> int:
    name = options.stack
    if not os.environ.get("GITHUB_RUN_ID"):
        raise UsageError(
            "GITHUB_RUN_ID is not set: this verb is for a job on GitHub.\n"
            f"  elsewhere:  python -m release recover -s {name}"
        )
    api = github.Api(os.environ)

    def ended(locks: tuple[Lock, ...]) -> bool:
        require_ended(name, locks, read_note(name), lambda run: state(api, run))
        return True

    recover.recover(read_environment(name).stack, ended)
    write_note(name, this_run(os.environ))
    return YES


def require_ended(name: str, locks: tuple[Lock, ...], noted: Run | None, ask: Callable[[Run], str]) -> None:
    """Raise VerbError unless the run that took all these locks is over. Pure but for `ask`."""
    why = "no run of a workflow noted that it would take it: it may be a person's update"
    if noted is not None and locks and all(noted.took(lock) for lock in locks):
        status = ask(noted)
        if status == OVER:
            return
        why = f"{noted}, which took it, is {status}"
    raise VerbError(
        f"{recover.locked(name, locks)}, and its update is not known to have ended: {why}. Nothing was changed.\n"
        f"  when it has ended, by hand:  python -m release recover -s {name} --yes"
    )


def state(api: github.Api, run: Run) -> str:
    """GitHub's status of an attempt: `completed`, `in_progress`… Raises GithubError."""
    attempt = api.get(f"/repos/{run.repository}/actions/runs/{run.run}/attempts/{run.attempt}")
    return str(attempt.get("status")) if isinstance(attempt, dict) else "unknown"


def this_run(environ: Mapping[str, str]) -> Run:
    """The run whose job this is. The step's shell becomes the engine, by `exec`."""
    try:
        return Run(
            repository=environ["GITHUB_REPOSITORY"],
            run=int(environ["GITHUB_RUN_ID"]),
            attempt=int(environ["GITHUB_RUN_ATTEMPT"]),
            host=socket.gethostname(),
            pid=os.getppid(),
            since=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        )
    except (KeyError, ValueError) as error:
        raise UsageError(f"{error}: GITHUB_RUN_ID and GITHUB_RUN_ATTEMPT are to be those of a job.") from error


def read_note(name: str) -> Run | None:
    """The run in the stack's tag; None if there is none, or it is damaged."""
    tags = stack.answered("stack", "tag", "ls", "-s", name, "--json")
    try:
        return strict_json.read(Run, strict_json.decode(tags[TAG]))
    except (KeyError, TypeError, DamagedError):
        return None


def write_note(name: str, run: Run) -> None:
    stack.pulumi("stack", "tag", "set", "-s", name, TAG, json.dumps(dataclasses.asdict(run), separators=(",", ":")))

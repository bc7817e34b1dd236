"""What a workflow is walked for, and what came of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.local.workflow.expressions import WorkflowError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Event:
    """Why a workflow runs."""

    name: str
    sha: str
    ref: str = "refs/heads/main"
    actor: str = "octocat"
    head_ref: str = ""
    base_ref: str = ""
    inputs: Mapping[str, str] = dataclasses.field(default_factory=dict)
    payload: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """`github.event`."""


@dataclasses.dataclass
class JobRun:
    """What came of one job, or of one of a matrix."""

    id: str
    matrix: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    call: Call | None = None
    """The job that called the workflow that it belongs to, if any did."""
    result: str = "skipped"
    """success, failure, cancelled or skipped, as `needs.<id>.result` has it."""
    log: str = ""
    summary: str = ""
    """What its steps wrote for GITHUB_STEP_SUMMARY."""
    outputs: dict[str, str] = dataclasses.field(default_factory=dict)
    environment: str = ""
    url: str = ""
    """What GitHub shows as the environment's address."""
    concurrency: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    permissions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    role: str = ""
    """The role whose credentials it had; without one it had none."""
    seconds: float = 0
    ended: str = ""
    """When; GitHub leaves out the parts of a second."""

    @property
    def name(self) -> str:
        """As GitHub shows it, and names it in its API and in required checks."""
        return (f"{self.call.name} / " if self.call else "") + job_name(self.id, self.matrix)


def job_name(identity: str, matrix: Mapping[str, Any]) -> str:
    return f"{identity} ({', '.join(str(value) for value in matrix.values())})" if matrix else identity


@dataclasses.dataclass(frozen=True)
class Call:
    """A job that calls a workflow: what its jobs have of it."""

    id: str
    name: str
    permissions: Mapping[str, str]
    """All that they may have."""
    concurrency: Mapping[str, Any]
    outputs: dict[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Run:
    """One run of a workflow."""

    workflow: str
    event: Event
    number: int
    attempt: int
    folder: Path
    """Artifacts, event and temporary files."""
    jobs: list[JobRun] = dataclasses.field(default_factory=list)

    def __getitem__(self, name: str) -> JobRun:
        """A job by its name, `preview (dev)` for one of a matrix."""
        return next(ran for ran in self.jobs if ran.name == name)

    @property
    def results(self) -> dict[str, str]:
        return {ran.name: ran.result for ran in self.jobs}

    @property
    def summary(self) -> str:
        """The page of the run: what everybody sees, also who is to approve."""
        return "\n".join(ran.summary for ran in self.jobs if ran.summary)

    @property
    def log(self) -> str:
        return "\n".join(f"=== {ran.name}: {ran.result}\n{ran.log}" for ran in self.jobs)

    def outputs_of(self, identity: str, call: Call | None = None) -> dict[str, str]:
        """Of a job, or of the workflow that it called."""
        outputs = {name: value for ran in self.jobs_of(identity, call) for name, value in ran.outputs.items()}
        calls = [ran.call for ran in self.jobs if call is None and ran.call and ran.call.id == identity]
        return outputs | {name: value for called in calls for name, value in called.outputs.items()}

    def jobs_of(self, identity: str, call: Call | None) -> list[JobRun]:
        return [ran for ran in self.jobs if ran.id == identity and ran.call == call]

    def result_of(self, identity: str, call: Call | None = None) -> str:
        """Of all jobs of a matrix, or of a called workflow, together; `call` is the call of the workflow it is in."""
        results = [ran.result for ran in self.jobs_of(identity, call)]
        if call is None:
            results += [ran.result for ran in self.jobs if ran.call and ran.call.id == identity]
        return next((result for result in ("failure", "cancelled", "skipped") if result in results), "success")


def known(mapping: dict[str, Any], keys: set[str], where: str) -> dict[str, Any]:
    """`mapping`, in which nothing else is written."""
    unknown = sorted(str(key) for key in set(mapping) - keys)
    if unknown:
        raise WorkflowError(f"{where}: these tests do not know {', '.join(unknown)}")
    return mapping


def parsed(text: str) -> dict[str, Any]:
    """A workflow; YAML 1.1 takes its key `on` for a boolean."""
    found: dict[Any, Any] = yaml.safe_load(text)
    return {"on" if key is True else key: value for key, value in found.items()}

"""What stands for GitHub around a workflow: the repository, its variables and environments, a runner's machine."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.local.workflow.api import REPOSITORY, Api
from tests.local.workflow.expressions import Known, WorkflowError
from tests.local.workflow.runs import Event, Run, parsed

KEPT = (".venv", ".local", ".mypy_cache", ".ruff_cache", "node_modules", "__pycache__")
"""What a checkout leaves in the workspace: the local environments, and caches."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Forge:
    """One repository on GitHub, and one self-hosted runner: a clone whose local environments are up.

    The runner has one workspace because the local `pulumi` belongs to its clone.
    """

    remote: Path
    """The bare repository."""
    workspace: Path
    folder: Path
    """For the files of runs."""
    api: Api
    variables: Mapping[str, str]
    """Of the repository."""
    environments: Mapping[str, Mapping[str, str]]
    """Their variables. Those whose name ends in `-preview` are not protected, the others are for main only."""
    reviewed: frozenset[str]
    """Environments with required reviewers."""
    any_branch: frozenset[str] = frozenset()
    """Environments that other branches than main may deploy to."""
    machine: Mapping[str, str]
    """Environment of every process on the runner."""
    cloud: Mapping[str, str]
    """What assuming a role adds to it."""
    tools: Path
    """The folder of the local `pulumi`."""

    def workflow(self, name: str, event: Event) -> dict[str, Any]:
        """The workflow as the event's commit has it."""
        return parsed(git(self.remote, "show", f"{event.sha}:.github/workflows/{name}"))

    def run(self, workflow: str, event: Event, again: Run | None) -> Run:
        """A new run, or a further attempt of one."""
        number = again.number if again else 1 + max(self.api.runs, default=4000)
        folder = again.folder if again else self.folder / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "event.json").write_text(json.dumps({**event.payload, "inputs": dict(event.inputs)}))
        self.api.runs.setdefault(number, [])
        return Run(workflow, event, number, again.attempt + 1 if again else 1, folder)

    def context(self, run: Run) -> Known:
        """`github`, without the token, which is a job's."""
        event = run.event
        return Known(
            event_name=event.name,
            event=dict(event.payload),
            sha=event.sha,
            ref=event.ref,
            ref_name=event.ref.removeprefix("refs/heads/"),
            head_ref=event.head_ref,
            base_ref=event.base_ref,
            repository=REPOSITORY,
            repository_owner=REPOSITORY.partition("/")[0],
            actor=event.actor,
            triggering_actor=event.actor,
            run_id=run.number,
            run_attempt=run.attempt,
            workflow=run.workflow,
            workspace=str(self.workspace),
            server_url="https://github.com",
            api_url=self.api.url,
        )

    def defaults(self, run: Run, job: str) -> dict[str, str]:
        """The variables that GitHub sets for every step."""
        context = self.context(run)
        names = "event_name sha ref ref_name head_ref base_ref repository actor triggering_actor run_id run_attempt"
        names += " workflow workspace server_url api_url"
        return {
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_JOB": job,
            "GITHUB_EVENT_PATH": str(run.folder / "event.json"),
            **{f"GITHUB_{name.upper()}": str(context[name]) for name in names.split()},
        }

    def enter(self, environment: str, event: Event) -> str:
        """Why a job may not deploy to an environment; empty if it may, approval aside."""
        if environment not in self.environments:
            raise WorkflowError(f"there is no environment {environment}: GitHub would make one that protects nothing")
        anywhere = environment.endswith("-preview") or environment in self.any_branch
        if anywhere or event.ref == "refs/heads/main":
            return ""
        return f"{event.ref} is not allowed to deploy to {environment}"


def git(folder: Path, *arguments: str) -> str:
    """What git says. Raises WorkflowError with its complaint."""
    done = subprocess.run(
        ["git", "-c", "advice.detachedHead=false", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
        check=False,
    )
    if done.returncode != 0:
        raise WorkflowError(f"git {' '.join(arguments)} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout

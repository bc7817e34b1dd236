"""The workflows and actions of this repository, read as YAML, and which of them call another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
GITHUB = ROOT / ".github"
# Every job that calls a workflow, with what it passes.
CALLS: dict[str, tuple[str, dict[str, str]]] = {
    "deploy/test": ("test", {}),
    "deploy/build": ("build", {}),
    "deploy/dev": ("release", {"environment": "dev"}),
    "deploy/impl-preview": ("evidence", {"environment": "impl"}),
    "deploy/impl": ("release", {"environment": "impl"}),
    "deploy/prod-preview": ("evidence", {"environment": "prod"}),
    "deploy/prod": ("release", {"environment": "prod"}),
    "pull_request/test": ("test", {}),
    "pull_request/build": ("build", {}),
}

Yaml = Mapping[str, Any]


def read(path: Path) -> Yaml:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    # YAML 1.1 takes the key `on` for a truth value.
    return {"on" if key is True else key: value for key, value in content.items()}


WORKFLOWS = {path.stem: read(path) for path in sorted((GITHUB / "workflows").iterdir())}
ACTIONS = {path.parent.name: read(path) for path in sorted((GITHUB / "actions").glob("*/action.yml"))}
WRITTEN: dict[str, Yaml] = {
    f"{name}/{job}": content for name, workflow in WORKFLOWS.items() for job, content in workflow["jobs"].items()
}
JOBS = {name: job for name, job in WRITTEN.items() if "uses" not in job}
CALLING = {name: job for name, job in WRITTEN.items() if "uses" in job}
STEPS = [(name, step) for name, job in JOBS.items() for step in job["steps"]]
ALL_STEPS = [*STEPS, *((name, step) for name, action in ACTIONS.items() for step in action["runs"]["steps"])]


def runs(steps: list[tuple[str, Yaml]]) -> Iterator[tuple[str, str]]:
    return ((name, step["run"]) for name, step in steps if "run" in step)


def environment(job: Yaml) -> str | None:
    named = job.get("environment")
    return named["name"] if isinstance(named, dict) else named


def uses(job: Yaml, action: str) -> list[Yaml]:
    return [step for step in job["steps"] if step.get("uses", "").startswith(action)]


def step_of(job: Yaml, identity: str) -> Yaml:
    steps: list[Yaml] = [step for step in job["steps"] if step.get("id") == identity]
    assert len(steps) == 1
    return steps[0]

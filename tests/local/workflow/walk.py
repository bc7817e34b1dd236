"""Walks a workflow of .github/workflows on this machine: its jobs in their order, one after the other.

It reads the YAML as GitHub documents it, as far as our workflows go; a key, a function or an action that is not known
here is an error that names it. `job.py` has what happens inside a job, `actions.py` what stands for each action.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from tests.local.workflow import expressions, job
from tests.local.workflow.expressions import Known, WorkflowError
from tests.local.workflow.forge import Forge
from tests.local.workflow.runs import Event, JobRun, Run, known

JOB_KEYS = {
    *("name", "needs", "if", "runs-on", "timeout-minutes", "permissions", "environment", "concurrency"),
    *("strategy", "env", "outputs", "steps"),
}
WORKFLOW_KEYS = {"name", "run-name", "on", "permissions", "env", "defaults", "concurrency", "jobs"}
STRATEGY_KEYS = {"matrix", "fail-fast", "max-parallel"}


def walk(
    forge: Forge,
    workflow: str,
    event: Event,
    *,
    approve: Callable[[Run, str], bool] | None = None,
    done_before: frozenset[str] = frozenset(),
    again: Run | None = None,
    only: frozenset[str] = frozenset(),
) -> Run:
    """Run a workflow as `event` starts it, from the commit that GitHub takes it from.

    `approve` is asked for each environment with reviewers, and gets what they see: the run so far. `done_before` names
    jobs, or single ones of a matrix, that are taken for successful without being run. `again` is a run of which the
    jobs that failed are run again, with what depends on them; or those that `only` names, as `preview (dev)`.
    """
    definition = forge.workflow(workflow, event)
    known(definition, WORKFLOW_KEYS, workflow)
    if not started_by(definition, event):
        raise WorkflowError(f"{workflow} is not started by {event.name} of {event.ref}")
    run = forge.run(workflow, event, again)
    inputs = given_inputs(definition, event)
    for identity in ordered(definition["jobs"]):
        if identity in done_before:
            run.jobs.append(JobRun(identity, result="success"))
        else:
            kept = {ran.name: ran for ran in again.jobs if ran.id == identity and _stays(ran, only)} if again else {}
            _walk_job(forge, run, definition, identity, inputs, approve, kept, done_before)
    return run


def _walk_job(
    forge: Forge,
    run: Run,
    definition: Mapping[str, Any],
    identity: str,
    inputs: Mapping[str, Any],
    approve: Callable[[Run, str], bool] | None,
    kept: Mapping[str, JobRun],
    done_before: frozenset[str],
) -> None:
    """Add one job to the run: as many as its matrix makes of it, one that is skipped if its condition says so."""
    written = definition["jobs"][identity]
    known(written, JOB_KEYS, f"job {identity}")
    needs = listed(written.get("needs"))
    contexts = {
        "github": forge.context(run),
        "vars": Known(forge.variables),
        "inputs": Known(inputs),
        "needs": Known({name: {"result": run.result_of(name), "outputs": outputs_of(run, name)} for name in needs}),
    }
    before = {run.result_of(name) for name in ancestors(definition["jobs"], identity)}
    status = {
        "always": lambda: True,
        "success": lambda: before <= {"success"},
        "failure": lambda: "failure" in before,
        "cancelled": lambda: False,
    }
    if not expressions.condition(written.get("if"), contexts, status):
        run.jobs.append(JobRun(identity))
        return
    strategy = expressions.fill(written.get("strategy") or {}, contexts)
    known(strategy, STRATEGY_KEYS, f"strategy of {identity}")
    failed = False
    for matrix in combinations(strategy.get("matrix") or {}):
        ran = JobRun(identity, matrix)
        if ran.name in kept:
            ran = kept[ran.name]
        elif ran.name in done_before:
            ran.result = "success"
        elif failed and strategy.get("fail-fast", True):
            ran.result = "cancelled"
        else:
            place = {**contexts, "matrix": Known(matrix), "strategy": Known()}
            job.run(forge, run, ran, definition, place, approve)
            (run.folder / f"{run.attempt} {ran.name}.log").write_text(ran.log)
        ran.ended = ran.ended or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        forge.api.ended(run.number, run.attempt, ran.name, ran.result, ran.ended)
        failed = failed or ran.result == "failure"
        run.jobs.append(ran)


def _stays(ran: JobRun, only: frozenset[str]) -> bool:
    """Whether a job stays as it is when its run is run again."""
    return ran.name not in only if only else ran.result == "success"


def listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


def started_by(definition: Mapping[str, Any], event: Event) -> bool:
    """Whether the workflow's `on` has the event, and its branch: for a pull request and a merge group, the target.

    https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows
    """
    on = definition["on"]
    on = dict.fromkeys(listed(on)) if isinstance(on, str | list) else on
    if event.name not in on:
        return False
    filters = on[event.name] or {}
    if event.name == "push":
        known(filters, {"branches"}, "on: push")
    if event.name == "merge_group" and "checks_requested" not in filters.get("types", ["checks_requested"]):
        return False
    target = event.payload["merge_group"]["base_ref"] if event.name == "merge_group" else event.base_ref or event.ref
    branch = target.removeprefix("refs/heads/")
    return "branches" not in filters or branch in filters["branches"]


def given_inputs(definition: Mapping[str, Any], event: Event) -> dict[str, Any]:
    """What a person filled in, held against what the form asks for."""
    on = definition["on"]
    asked = ((on.get("workflow_dispatch") or {}).get("inputs") or {}) if isinstance(on, dict) else {}
    unknown = set(event.inputs) - set(asked)
    if unknown:
        raise WorkflowError(f"the form has no {', '.join(sorted(unknown))}")
    given = {}
    for name, wanted in asked.items():
        value = event.inputs.get(name, wanted.get("default", ""))
        if event.name == "workflow_dispatch" and wanted.get("required") and value == "":
            raise WorkflowError(f"the form wants {name}")
        if wanted.get("type") == "choice" and event.name == "workflow_dispatch" and value not in wanted["options"]:
            raise WorkflowError(f"the form has no {name} {value!r}")
        given[name] = value
    return given


def ancestors(jobs: Mapping[str, Any], identity: str) -> set[str]:
    """All jobs that have to end before `identity`."""
    direct = listed(jobs[identity].get("needs"))
    return set(direct).union(*(ancestors(jobs, name) for name in direct))


def ordered(jobs: Mapping[str, Any]) -> list[str]:
    """The jobs by their `needs`; as they are written where those leave it open."""
    missing = {name for written in jobs.values() for name in listed(written.get("needs"))} - set(jobs)
    if missing:
        raise WorkflowError(f"needs: there is no job {', '.join(sorted(missing))}")
    result: list[str] = []
    while len(result) < len(jobs):
        ready = [name for name in jobs if name not in result and set(listed(jobs[name].get("needs"))) <= set(result)]
        if not ready:
            raise WorkflowError("needs: these jobs wait for each other")
        result.append(ready[0])
    return result


def combinations(matrix: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a matrix of lists comes to; one without anything for none."""
    for name, values in matrix.items():
        if name in ("include", "exclude") or not isinstance(values, list):
            raise WorkflowError(f"matrix: these tests do not know {name}: {values}")
    return [dict(zip(matrix, chosen, strict=True)) for chosen in itertools.product(*matrix.values())]


def outputs_of(run: Run, identity: str) -> dict[str, str]:
    return {name: value for ran in run.jobs if ran.id == identity for name, value in ran.outputs.items()}

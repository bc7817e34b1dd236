"""Walks a workflow of .github/workflows on this machine: its jobs in their order, one after the other.

It reads the YAML as GitHub documents it, as far as our workflows go; a key, a function or an action that is not known
here is an error that names it. `job.py` has what happens inside a job, `actions.py` what stands for each action.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from tests.local.workflow import expressions, job
from tests.local.workflow.expressions import Known, WorkflowError
from tests.local.workflow.forge import Forge
from tests.local.workflow.runs import Call, Event, JobRun, Run, job_name, known

JOB_KEYS = {
    *("needs", "if", "runs-on", "timeout-minutes", "permissions", "environment", "concurrency"),
    *("strategy", "env", "outputs", "steps"),
}
CALL_KEYS = {"needs", "if", "uses", "with", "strategy", "concurrency", "permissions"}
"""Of a job that calls a workflow: "Supported keywords for jobs that call a reusable workflow" (REUSING), without
`name`, and without `secrets`, of which this repository has none."""
REUSING = "https://docs.github.com/en/actions/reference/workflows-and-actions/reusing-workflow-configurations"
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
    jobs, or single ones of a matrix or of a called workflow, that are taken for successful without being run. `again`
    is a run of which the jobs that failed are run again, with what depends on them; or those that `only` names, as
    `preview (dev)`.
    """
    definition = forge.workflow(workflow, event)
    known(definition, WORKFLOW_KEYS, workflow)
    if not started_by(definition, event):
        raise WorkflowError(f"{workflow} is not started by {event.name} of {event.ref}")
    run = forge.run(workflow, event, again)
    _Walk(forge, run, approve, done_before, again, only).jobs(definition, given_inputs(definition, event))
    return run


@dataclasses.dataclass(frozen=True)
class _Walk:
    """A run, and what the test wants of it."""

    forge: Forge
    run: Run
    approve: Callable[[Run, str], bool] | None
    done_before: frozenset[str]
    again: Run | None
    only: frozenset[str]

    def jobs(self, definition: Mapping[str, Any], inputs: Mapping[str, Any], call: Call | None = None) -> None:
        """Add the jobs of a workflow to the run, in their order."""
        for identity in ordered(definition["jobs"]):
            self._job(definition, identity, inputs, call)

    def _job(self, definition: Mapping[str, Any], identity: str, inputs: Mapping[str, Any], call: Call | None) -> None:
        """Add one job: as many as its matrix makes of it, one that is skipped if its condition says so."""
        run, written = self.run, definition["jobs"][identity]
        known(written, CALL_KEYS if "uses" in written else JOB_KEYS, f"job {identity}")
        needs = listed(written.get("needs"))
        contexts = {
            "github": self.forge.context(run),
            "vars": Known(self.forge.variables),
            "inputs": Known(inputs),
            "needs": Known(
                {name: {"result": run.result_of(name, call), "outputs": run.outputs_of(name, call)} for name in needs}
            ),
        }
        before = {run.result_of(name, call) for name in ancestors(definition["jobs"], identity)}
        status = {
            "always": lambda: True,
            "success": lambda: before <= {"success"},
            "failure": lambda: "failure" in before,
            "cancelled": lambda: False,
        }
        done = (call.id if call else identity) in self.done_before
        if not done and not expressions.condition(written.get("if"), contexts, status):
            run.jobs.append(JobRun(identity, call=call))
            return
        strategy = expressions.fill(written.get("strategy") or {}, contexts)
        known(strategy, STRATEGY_KEYS, f"strategy of {identity}")
        for matrix in combinations(strategy.get("matrix") or {}):
            place = {**contexts, "matrix": Known(matrix), "strategy": Known()}
            failed = run.result_of(identity, call) == "failure"
            if failed and strategy.get("fail-fast", True):
                self._end(JobRun(identity, matrix, call, "cancelled"))
            elif "uses" in written:
                self._call(definition, identity, matrix, place, nested=call is not None)
            else:
                self._run(definition, JobRun(identity, matrix, call), place)

    def _run(self, definition: Mapping[str, Any], ran: JobRun, contexts: Mapping[str, Any]) -> None:
        """Run a job, unless it is to stay as it was or is taken for done."""
        kept = {job.name: job for job in self.again.jobs if _stays(job, self.only)} if self.again else {}
        if ran.name in kept:
            ran = kept[ran.name]
        elif {ran.name, ran.call.id if ran.call else ran.id} & self.done_before:
            ran.result = "success"
        else:
            job.run(self.forge, self.run, ran, definition, contexts, self.approve)
            (self.run.folder / f"{self.run.attempt} {ran.name.replace('/', '-')}.log").write_text(ran.log)
        self._end(ran)

    def _end(self, ran: JobRun) -> None:
        ran.ended = ran.ended or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        self.forge.api.ended(self.run.number, self.run.attempt, ran.name, ran.result, ran.ended)
        self.run.jobs.append(ran)

    def _call(
        self,
        definition: Mapping[str, Any],
        identity: str,
        matrix: Mapping[str, Any],
        contexts: Mapping[str, Any],
        *,
        nested: bool,
    ) -> None:
        """Add the jobs of the workflow that a job calls: the one of the caller's commit (REUSING).

        They get inputs and `github`; neither `env` nor `defaults` of the caller.
        """
        written = definition["jobs"][identity]
        path = re.fullmatch(r"\./\.github/workflows/([\w-]+\.ya?ml)", written["uses"])
        if nested or not path:
            raise WorkflowError(f"{written['uses']}: these tests know calls of this repository's workflows, one deep")
        called = known(self.forge.workflow(path.group(1), self.run.event), WORKFLOW_KEYS, path.group(1))
        events = triggers(called)
        if "workflow_call" not in events:
            raise WorkflowError(f"{path.group(1)} has no workflow_call: it cannot be called")
        face = known(events["workflow_call"] or {}, {"inputs", "outputs"}, "workflow_call")
        inputs = passed(face.get("inputs") or {}, expressions.fill(written.get("with") or {}, contexts))
        call = Call(
            identity,
            job_name(identity, matrix),
            job.permissions_of(definition, identity),
            job.concurrency_of(written, contexts),
        )
        for inner in called["jobs"]:
            hold_to(call, inner, job.permissions_of(called, inner))
        self.jobs(called, inputs, call)
        jobs = Known({name: {"outputs": self.run.outputs_of(name, call)} for name in called["jobs"]})
        values = {name: output["value"] for name, output in (face.get("outputs") or {}).items()}
        call.outputs.update(
            {
                name: expressions.text(expressions.fill(value, {"jobs": jobs, "inputs": Known(inputs)}))
                for name, value in values.items()
            }
        )


def hold_to(call: Call, job_of_call: str, permissions: Mapping[str, str]) -> None:
    """Refuse what the caller may not do itself: a token's permissions are "the same or more restrictive" (REUSING)."""
    levels = ("none", "read", "write")
    for name, level in permissions.items():
        allowed = call.permissions.get(name, "none")
        if levels.index(level) > levels.index(allowed):
            raise WorkflowError(
                f"{call.name} / {job_of_call} asks for {name}: {level}, its caller has {name}: {allowed}"
            )


def passed(inputs: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of a called workflow, of the types that it asks for.

    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#onworkflow_callinputs
    """
    types: Mapping[str, tuple[Any, Any]] = {"string": (str, ""), "boolean": (bool, False), "number": (int | float, 0)}
    unknown = set(values) - set(inputs)
    if unknown:
        raise WorkflowError(f"the called workflow has no input {', '.join(sorted(unknown))}")
    result = {}
    for name, declared in inputs.items():
        known(declared, {"description", "type", "required", "default"}, f"input {name}")
        if declared.get("required") and name not in values:
            raise WorkflowError(f"the called workflow requires the input {name}")
        kind, empty = types[declared["type"]]
        value = values.get(name, declared.get("default", empty))
        value = empty if value is None else value
        if not isinstance(value, kind):
            raise WorkflowError(f"input {name}: {value!r} is no {declared['type']}")
        result[name] = value
    return result


def _stays(ran: JobRun, only: frozenset[str]) -> bool:
    """Whether a job stays as it is when its run is run again."""
    return ran.name not in only if only else ran.result == "success"


def listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


def triggers(definition: Mapping[str, Any]) -> dict[str, Any]:
    """The events of `on`, with what is said of each."""
    on = definition["on"]
    return dict.fromkeys(listed(on)) if isinstance(on, str | list) else dict(on)


def started_by(definition: Mapping[str, Any], event: Event) -> bool:
    """Whether the workflow's `on` has the event, and its branch: for a pull request and a merge group, the target.

    https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows
    """
    on = triggers(definition)
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

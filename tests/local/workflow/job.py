"""One job: its steps, each with exactly the environment that it would have on GitHub's runner."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.local.workflow import actions, expressions
from tests.local.workflow.api import REPOSITORY
from tests.local.workflow.expressions import Known, WorkflowError, fill, text
from tests.local.workflow.forge import Forge
from tests.local.workflow.runs import Event, JobRun, Run, known, parsed

STEP_KEYS = {
    *("id", "name", "if", "uses", "with", "run", "env", "shell", "working-directory"),
    *("continue-on-error", "timeout-minutes"),
}
ACTION_KEYS = {"name", "description", "author", "inputs", "outputs", "runs", "branding"}
ENVIRONMENT_KEYS = {"name", "url", "deployment"}
CONCURRENCY_KEYS = {"group", "cancel-in-progress", "queue"}
SUMMARY_BYTES = 1024 * 1024
"""GitHub drops the summary of a step that is longer."""
LONGEST_S = 900.0
"""For one step here, whatever `timeout-minutes` says."""


def run(
    forge: Forge,
    run: Run,
    ran: JobRun,
    definition: Mapping[str, Any],
    contexts: Mapping[str, Any],
    approve: Callable[[Run, str], bool] | None,
) -> None:
    """Run the job `ran.id`, and say in `ran` what came of it."""
    written = definition["jobs"][ran.id]
    permissions = permissions_of(definition, ran.id)
    ran.permissions = reduced(permissions) if from_elsewhere(run.event) else permissions
    place = written.get("environment") or {}
    place = known({"name": place} if isinstance(place, str) else place, ENVIRONMENT_KEYS, f"environment of {ran.id}")
    ran.environment = text(fill(place.get("name"), contexts))
    ran.concurrency = concurrency_of(written, contexts) or (ran.call.concurrency if ran.call else {})
    variables = dict(forge.variables)
    if ran.environment:
        refused = forge.enter(ran.environment, run.event)
        if not refused and ran.environment in forge.reviewed:
            if approve is None:
                raise WorkflowError(f"{ran.environment} waits for a reviewer, and this test has none")
            approved = approve(run, ran.environment)
            forge.api.reviewed(run.number, ran.environment, approved)
            refused = "" if approved else "the reviewer rejected it"
        if refused:
            ran.result, ran.log = "failure", refused
            return
        variables |= forge.environments[ran.environment]
    job = Job(forge, run, ran, {**contexts, "vars": Known(variables)}, definition)
    started = time.monotonic()
    job.steps(written["steps"], job.scope)
    ran.seconds = time.monotonic() - started
    ran.result = "failure" if job.scope.failed else "success"
    ran.outputs = {
        name: text(fill(value, job.scope.contexts)) for name, value in (written.get("outputs") or {}).items()
    }
    ran.url = text(fill(place.get("url"), job.scope.contexts))


def permissions_of(definition: Mapping[str, Any], identity: str) -> Mapping[str, str]:
    """What a job asks for, as it is written there or for its whole workflow."""
    permissions = definition["jobs"][identity].get("permissions", definition.get("permissions"))
    if not isinstance(permissions, dict):
        raise WorkflowError(f"job {identity}: permissions are to be listed one by one, not {permissions!r}")
    return permissions


def concurrency_of(written: Mapping[str, Any], contexts: Mapping[str, Any]) -> Mapping[str, Any]:
    group = fill(written.get("concurrency") or {}, contexts)
    return known({"group": group} if isinstance(group, str) else group, CONCURRENCY_KEYS, "concurrency")


def from_elsewhere(event: Event) -> bool:
    """Whether it is a pull request from a fork, or one of Dependabot, which counts as one."""
    if event.name != "pull_request":
        return False
    pull_request = event.payload["pull_request"]
    source, author = str(pull_request["head"]["repo"]["full_name"]), str(pull_request["user"]["login"])
    return source != REPOSITORY or author == "dependabot[bot]"


def reduced(permissions: Mapping[str, str]) -> dict[str, str]:
    """What is left of them: "Maximum access for pull requests from public forked repositories", GITHUB_TOKEN reference.

    An OIDC token cannot be read: its permission is to write or nothing.
    """
    return {name: "none" if name == "id-token" else "read" for name in permissions}


class Scope:
    """The steps of a job, or of a composite action: they see each other's outputs."""

    def __init__(self, contexts: Mapping[str, Any], steps: list[dict[str, Any]]) -> None:
        self.steps = Known({step["id"]: {} for step in steps if "id" in step})
        self.contexts = {**contexts, "steps": self.steps}
        self.failed = False

    @property
    def status(self) -> expressions.Functions:
        return {
            "always": lambda: True,
            "success": lambda: not self.failed,
            "failure": lambda: self.failed,
            "cancelled": lambda: False,
        }


class Job:
    """What the steps of a job leave to each other."""

    def __init__(
        self, forge: Forge, run: Run, ran: JobRun, contexts: Mapping[str, Any], definition: Mapping[str, Any]
    ) -> None:
        self.forge, self.run, self.ran = forge, run, ran
        written = definition["jobs"][ran.id]
        defaults = (definition.get("defaults") or {}).get("run") or {}
        if set(defaults) - {"shell"}:
            raise WorkflowError(f"defaults: these tests know shell only, not {defaults}")
        self.shell = defaults.get("shell")
        self.temp = Path(tempfile.mkdtemp(prefix=f"{ran.id}-", dir=run.folder))
        token = forge.api.token(ran.permissions)
        github = Known({**contexts["github"], "token": token, "job": ran.id})
        known = {
            **contexts,
            "github": github,
            "secrets": Known(GITHUB_TOKEN=token),
            "runner": Known(temp=str(self.temp), os="Linux", arch="X64"),
        }
        self.exported: dict[str, str] = {}
        for layer in (definition.get("env") or {}, written.get("env") or {}):
            self.exported |= {name: text(fill(value, known)) for name, value in layer.items()}
        self.path: list[str] = []
        self.scope = Scope(known, written["steps"])

    def say(self, line: str) -> None:
        self.ran.log += line if line.endswith("\n") else line + "\n"

    def steps(self, written: list[dict[str, Any]], scope: Scope) -> None:
        """Run them in their order; those after a failure only if their condition says so."""
        for step in written:
            self._step(step, scope)

    def _step(self, step: dict[str, Any], scope: Scope) -> None:
        name = step.get("name") or step.get("uses") or str(step.get("run", "")).strip().split("\n")[0]
        known(step, STEP_KEYS, f"step {name!r} of {self.ran.id}")
        contexts = {**scope.contexts, "env": dict(self.exported)}
        outputs: dict[str, str] = {}
        if not expressions.condition(step.get("if"), contexts, scope.status):
            outcome = "skipped"
            self.say(f"--- {name}: skipped")
        else:
            self.say(f"--- {name}")
            local = {key: text(fill(value, contexts)) for key, value in (step.get("env") or {}).items()}
            if "uses" in step:
                done = self._use(step["uses"], fill(step.get("with") or {}, contexts), scope, outputs)
            else:
                done = self._command(step, contexts, local, outputs)
            outcome = "success" if done else "failure"
        forgiven = outcome == "failure" and fill(step.get("continue-on-error", False), contexts) is True
        if "id" in step:
            conclusion = "success" if forgiven else outcome
            scope.steps[step["id"]] = {"outputs": outputs, "outcome": outcome, "conclusion": conclusion}
        scope.failed = scope.failed or (outcome == "failure" and not forgiven)

    def _command(
        self, step: Mapping[str, Any], contexts: Mapping[str, Any], local: Mapping[str, str], outputs: dict[str, str]
    ) -> bool:
        shell = step.get("shell", self.shell)
        if shell not in (None, "bash"):
            raise WorkflowError(f"shell: these tests know bash, not {shell}")
        options = ["--noprofile", "--norc", "-eo", "pipefail"] if shell else ["-e"]
        folder = Path(tempfile.mkdtemp(prefix="step-", dir=self.temp))
        files = {name: folder / name for name in ("output", "env", "path", "step_summary")}
        for file in files.values():
            file.touch()
        script = folder / "script.sh"
        script.write_text(text(fill(step["run"], contexts)))
        environment = {
            **self.forge.machine,
            **self.forge.defaults(self.run, self.ran.id),
            "RUNNER_TEMP": str(self.temp),
            **{f"GITHUB_{name.upper()}": str(file) for name, file in files.items()},
            **self.exported,
            **local,
        }
        environment["PATH"] = os.pathsep.join([*self.path, self.forge.machine["PATH"]])
        place = self.forge.workspace / text(fill(step.get("working-directory", "."), contexts))
        code = self._ended(["bash", *options, str(script)], place, environment)
        outputs |= assigned(files["output"].read_text())
        self.exported |= assigned(files["env"].read_text())
        self.path = [*reversed(files["path"].read_text().split()), *self.path]
        summary = files["step_summary"].read_text()
        if len(summary.encode()) > SUMMARY_BYTES:
            raise WorkflowError(f"{self.ran.name}: a step's summary has {len(summary.encode())} bytes: GitHub drops it")
        self.ran.summary += summary
        if code != 0:
            self.say(f"Error: Process completed with exit code {code}.")
        return code == 0

    def _ended(self, command: list[str], place: Path, environment: Mapping[str, str]) -> int:
        """The exit code, once it has ended; what it says is in the log."""
        process = subprocess.Popen(
            command,
            cwd=place,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            said, _ = process.communicate(timeout=LONGEST_S)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            self.say(process.communicate()[0])
            raise
        self.say(said)
        return process.returncode

    def _use(self, uses: str, given: dict[str, Any], scope: Scope, outputs: dict[str, str]) -> bool:
        if uses.startswith("./"):
            return self._composite(uses, given, scope, outputs)
        name, _, revision = uses.partition("@")
        if not re.fullmatch(r"[0-9a-f]{40}", revision):
            raise WorkflowError(f"{uses} is not pinned by its SHA")
        if name not in actions.ACTIONS:
            raise WorkflowError(f"these tests do not know what {name} does")
        try:
            actions.ACTIONS[name](self, given)
        except actions.ActionError as error:
            self.say(f"Error: {error}")
            return False
        return True

    def _composite(self, uses: str, given: dict[str, Any], scope: Scope, outputs: dict[str, str]) -> bool:
        """An action of this repository: its steps, which see their inputs and each other."""
        file = self.forge.workspace / uses / "action.yml"
        if not file.exists():
            raise WorkflowError(f"{uses} is not in the workspace: is there a checkout before it?")
        action = known(parsed(file.read_text()), ACTION_KEYS, uses)
        if action["runs"].get("using") != "composite":
            raise WorkflowError(f"{uses}: these tests know composite actions only")
        asked = action.get("inputs") or {}
        known(given, set(asked), f"with of {uses}")
        inputs = {name: text(given.get(name, wanted.get("default"))) for name, wanted in asked.items()}
        visible = {name: scope.contexts[name] for name in ("github", "runner")}
        steps = action["runs"]["steps"]
        if any("run" in step and "shell" not in step for step in steps):
            raise WorkflowError(f"{uses}: every step that runs something needs its shell")
        inner = Scope({**visible, "inputs": Known(inputs)}, steps)
        self.steps(steps, inner)
        outputs |= {
            name: text(fill(out["value"], inner.contexts)) for name, out in (action.get("outputs") or {}).items()
        }
        return not inner.failed


def assigned(written: str) -> dict[str, str]:
    """What a step wrote to GITHUB_OUTPUT or GITHUB_ENV: name=value, or name<<DELIMITER and lines up to it."""
    found: dict[str, str] = {}
    lines = iter(written.splitlines())
    for line in lines:
        name, sign, rest = re.match(r"([^=<]*)(=|<<)?(.*)", line, re.DOTALL).groups()  # type: ignore[union-attr] # matches always
        if not name or not sign:
            raise WorkflowError(f"{line!r} is no assignment")
        if sign == "=":
            found[name] = rest
            continue
        value: list[str] = []
        for further in lines:
            if further == rest:
                break
            value.append(further)
        else:
            raise WorkflowError(f"{name}: its delimiter {rest!r} does not come")
        found[name] = "\n".join(value)
    return found

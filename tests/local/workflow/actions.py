"""What stands for each action that the workflows use, with the inputs that they give it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.local.workflow.expressions import WorkflowError
from tests.local.workflow.forge import KEPT, git

if TYPE_CHECKING:
    from tests.local.workflow.job import Job

Given = Mapping[str, Any]


class ActionError(Exception):
    """An action ends its step: this is what it says."""


def _known(given: Given, *names: str) -> None:
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise WorkflowError(f"these tests do not know the input {', '.join(unknown)} of an action")


def checkout(job: Job, given: Given) -> None:
    """Real git in the one workspace, as on a self-hosted runner: cleaned, and as shallow as it is asked for."""
    _known(given, "ref", "fetch-depth", "persist-credentials")
    if job.ran.permissions.get("contents") not in ("read", "write"):
        raise ActionError("the token may not read the repository: permissions need contents: read")
    if given.get("persist-credentials") is not False:
        raise WorkflowError("a checkout leaves the token in .git/config: persist-credentials: false")
    event, workspace = job.run.event, job.forge.workspace
    wanted = str(given.get("ref") or event.sha)
    depth = int(given.get("fetch-depth", 1))
    git(workspace, "reset", "--quiet", "--hard")
    git(workspace, "clean", "-ffdxq", *(f"--exclude={name}" for name in KEPT))
    shallow = (workspace / ".git" / "shallow").exists()
    history = [f"--depth={depth}"] if depth else ["--unshallow"] if shallow else []
    branches = [] if depth else ["+refs/heads/*:refs/remotes/origin/*"]
    commit = git(job.forge.remote, "rev-parse", f"{wanted}^{{commit}}").strip()
    fetched = f"+{commit}:refs/remotes/origin/{'fetched' if depth else 'asked'}"
    git(workspace, "fetch", "--quiet", "--no-tags", "--force", *history, job.forge.remote.as_uri(), fetched, *branches)
    if event.ref.startswith("refs/heads/") and not given.get("ref"):
        git(workspace, "checkout", "--quiet", "--force", "-B", event.ref.removeprefix("refs/heads/"), commit)
    else:
        git(workspace, "checkout", "--quiet", "--force", "--detach", commit)
    job.say(f"HEAD is now at {commit}")


def tool(name: str) -> Callable[[Job, Given], None]:
    """Of a tool that is set up: that it is on PATH of this machine."""

    def check(job: Job, given: Given) -> None:
        _known(given, f"{name}-version", f"{name}-version-file", "cache", "cache-dependency-path", "check-latest")
        program = {"python": "python3"}.get(name, name)
        if shutil.which(program, path=job.forge.machine["PATH"]) is None:
            raise ActionError(f"{program} is not on PATH")

    return check


def pulumi(job: Job, given: Given) -> None:
    """Pulumi's CLI, only now on PATH, in exactly the version that is asked for."""
    _known(given, "pulumi-version")
    found = subprocess.run([job.forge.tools / "pulumi", "version"], capture_output=True, text=True, check=False)
    if found.stdout.strip().removeprefix("v") != given["pulumi-version"]:
        raise ActionError(f"pulumi is {found.stdout.strip() or found.stderr}, expected {given['pulumi-version']}")
    job.path = [str(job.forge.tools), *job.path]


def credentials(job: Job, given: Given) -> None:
    """A role's credentials, for a job with an OIDC token of the environment that the role trusts."""
    _known(given, "role-to-assume", "aws-region", "role-duration-seconds", "role-session-name")
    if job.ran.permissions.get("id-token") != "write":
        raise ActionError("Credentials could not be loaded: is id-token: write in the job's permissions?")
    role, environment = given["role-to-assume"], job.ran.environment
    if not role or job.forge.environments.get(environment, {}).get("AWS_ROLE_ARN") != role:
        raise ActionError(f"Not authorized to perform sts:AssumeRoleWithWebIdentity: {role!r} from {environment!r}")
    if not given.get("aws-region"):
        raise ActionError("Input required and not supplied: aws-region")
    session = str(given.get("role-session-name", "GitHubActions"))
    if not re.fullmatch(r"[\w+=,.@-]{2,64}", session):
        raise ActionError(f"{session!r} is no name of a session")
    if not 900 <= int(given.get("role-duration-seconds", 3600)) <= 43_200:
        raise ActionError(f"role-duration-seconds is {given['role-duration-seconds']}")
    region = str(given["aws-region"])
    job.exported |= {**job.forge.cloud, "AWS_REGION": region, "AWS_DEFAULT_REGION": region}
    job.ran.role = role


def upload(job: Job, given: Given) -> None:
    """Copies files to the run's artifacts: what is in a folder, or one file."""
    _known(given, "name", "path", "if-no-files-found", "retention-days")
    artifact = job.run.folder / "artifacts" / str(given["name"])
    source = job.forge.workspace / str(given["path"])
    if any(sign in str(given["path"]) for sign in "*?!\n"):
        raise WorkflowError("these tests know artifacts of one path only")
    if not source.exists() or (source.is_dir() and not any(source.iterdir())):
        problem = f"No files were found with the provided path: {given['path']}"
        if given.get("if-no-files-found", "warn") == "error":
            raise ActionError(problem)
        job.say(f"Warning: {problem}")
        return
    if artifact.exists() and job.run.attempt == 1:
        raise ActionError(f"Conflict: an artifact with this name already exists on the workflow run: {given['name']}")
    shutil.rmtree(artifact, ignore_errors=True)
    if source.is_dir():
        shutil.copytree(source, artifact)
    else:
        artifact.mkdir(parents=True)
        shutil.copy2(source, artifact / source.name)


def download(job: Job, given: Given) -> None:
    """Copies artifacts of the run to the workspace: one by its name, or all that a pattern names."""
    _known(given, "name", "path", "pattern", "merge-multiple")
    target = Path(job.forge.workspace / str(given.get("path", ".")))
    artifacts = job.run.folder / "artifacts"
    if "name" in given:
        if not (artifacts / str(given["name"])).is_dir():
            raise ActionError(f"Artifact not found for name: {given['name']}")
        shutil.copytree(artifacts / str(given["name"]), target, dirs_exist_ok=True)
        return
    for artifact in sorted(artifacts.glob(str(given["pattern"]))):
        place = target if given.get("merge-multiple") in (True, "true") else target / artifact.name
        shutil.copytree(artifact, place, dirs_exist_ok=True)


ACTIONS: Mapping[str, Callable[[Job, Given], None]] = {
    "actions/checkout": checkout,
    "actions/setup-python": tool("python"),
    "actions/setup-node": tool("node"),
    "actions/setup-go": tool("go"),
    "pulumi/actions": pulumi,
    "aws-actions/configure-aws-credentials": credentials,
    "actions/upload-artifact": upload,
    "actions/download-artifact": download,
}

"""What stands for each action that the workflows use, with the inputs that they give it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.github_oidc import GithubOidcArgs
from tests.local.workflow.api import REPOSITORY
from tests.local.workflow.expressions import WorkflowError
from tests.local.workflow.forge import KEPT, git

if TYPE_CHECKING:
    from tests.local.workflow.job import Job

Given = Mapping[str, Any]

OWN = ".local/git-of-the-clone"
"""Where the repository of the workspace's clone is during a walk."""
PREVIEW_SESSION_S = 3600
"""What a role's session lasts at most unless it says otherwise: MaxSessionDuration of IAM's CreateRole."""


class ActionError(Exception):
    """An action ends its step: this is what it says."""


def _known(given: Given, *names: str) -> None:
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise WorkflowError(f"these tests do not know the input {', '.join(unknown)} of an action")


def checkout(job: Job, given: Given) -> None:
    """Real git in the one workspace, which knows as little as that of a hosted runner: what this checkout fetches.

    Commit, branches and tags are those of "Checkout" (README of actions/checkout) and its `src/ref-helper.ts`. The
    token is not kept, so that the repository, if it is private, cannot be fetched from again.
    """
    _known(given, "ref", "fetch-depth", "persist-credentials")
    if job.ran.permissions.get("contents") not in ("read", "write"):
        raise ActionError("the token may not read the repository: permissions need contents: read")
    if given.get("persist-credentials") is not False:
        raise WorkflowError("a checkout leaves the token in a file: persist-credentials: false")
    event, workspace = job.run.event, job.forge.workspace
    wanted = str(given.get("ref") or event.sha)
    depth = int(given.get("fetch-depth", 1))
    commit = git(job.forge.remote, "rev-parse", f"{wanted}^{{commit}}").strip()
    _begin_anew(workspace)
    fetched = "refs/remotes/" + event.ref.replace("refs/heads/", "origin/").removeprefix("refs/")
    everything = [f"--depth={depth}"] if depth else ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"]
    options = [option for option in everything if option.startswith("--")]
    history = [ref for ref in everything if ref not in options]
    git(workspace, "fetch", "--quiet", "--no-tags", *options, job.forge.remote.as_uri(), *history)
    git(workspace, "fetch", "--quiet", "--no-tags", *options, job.forge.remote.as_uri(), f"+{commit}:{fetched}")
    if event.ref.startswith("refs/heads/") and not given.get("ref"):
        git(workspace, "checkout", "--quiet", "--force", "-B", event.ref.removeprefix("refs/heads/"), commit)
    else:
        git(workspace, "checkout", "--quiet", "--force", "--detach", commit)
    git(workspace, "clean", "-ffdxq", *(f"--exclude={name}" for name in KEPT))
    job.say(f"HEAD is now at {commit}")


def _begin_anew(workspace: Path) -> None:
    """A repository without a commit. The local environments lie beside it, which Git is told to leave alone.

    The clone's own repository is put aside, for `put_back`.
    """
    repository, own = workspace / ".git", workspace / OWN
    ignored = (repository / "info" / "exclude").read_text()
    if own.exists():
        shutil.rmtree(repository)
    else:
        repository.rename(own)
    git(workspace, "init", "--quiet")
    (repository / "info").mkdir(exist_ok=True)
    (repository / "info" / "exclude").write_text(ignored)
    git(workspace, "remote", "add", "origin", f"https://github.invalid/{REPOSITORY}")


def put_back(workspace: Path) -> None:
    """Give a clone its own repository back."""
    if (workspace / OWN).exists():
        shutil.rmtree(workspace / ".git")
        (workspace / OWN).rename(workspace / ".git")


def tool(name: str) -> Callable[[Job, Given], None]:
    """Of a tool that is set up: that it is on PATH of this machine, in whatever version.

    A cache is never there. What it would be found by has to be: "No file in … matched to …"
    (`src/cache-distributions/cache-distributor.ts` of actions/setup-python), "Some specified paths were not resolved"
    (`src/cache-restore.ts` of actions/setup-node). actions/setup-go only warns.
    """

    def check(job: Job, given: Given) -> None:
        _known(given, f"{name}-version", f"{name}-version-file", "cache", "cache-dependency-path", "check-latest")
        paths = str(given.get("cache-dependency-path", "")).split()
        missing = [path for path in paths if not any(job.forge.workspace.glob(path))]
        if missing and name != "go":
            raise ActionError(f"No file in {job.forge.workspace} matched to {missing}: was the repository checked out?")
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
    """A role's credentials, for a job with an OIDC token of the environment that the role trusts.

    Of the time that they last, AWS says: "The requested DurationSeconds exceeds the MaxSessionDuration set for this
    role" (AssumeRoleWithWebIdentity).
    """
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
    lasts = int(given.get("role-duration-seconds", 3600))
    longest = PREVIEW_SESSION_S if environment.endswith("-preview") else GithubOidcArgs.max_session_s
    if not 900 <= lasts <= longest:
        raise ActionError(f"{lasts} s: The requested DurationSeconds exceeds the MaxSessionDuration set for this role")
    region = str(given["aws-region"])
    job.exported |= {**job.forge.cloud, "AWS_REGION": region, "AWS_DEFAULT_REGION": region}
    job.ran.role = role


def upload(job: Job, given: Given) -> None:
    """Keeps files as an artifact of the run: what is in a folder, or one file.

    "Upload Actions Artifacts" (README of actions/upload-artifact): hidden files are left out unless they are asked for,
    permissions are lost, and a name is there once in a run, which all attempts belong to.
    """
    _known(given, "name", "path", "if-no-files-found", "retention-days", "overwrite", "include-hidden-files")
    name, path = str(given["name"]), str(given["path"])
    # `path-and-artifact-name-validation.ts` of @actions/artifact.
    if set(name) & set('":<>|*?\r\n\\/'):
        raise ActionError(f"The artifact name is not valid: {name}")
    if any(sign in path for sign in "*?!\n"):
        raise WorkflowError("these tests know artifacts of one path only")
    if not 1 <= int(given.get("retention-days", 90)) <= 90:
        raise ActionError(f"Invalid retention-days: {given['retention-days']}")
    artifact, source = job.run.folder / "artifacts" / name, job.forge.workspace / path
    files = _files(source, hidden=given.get("include-hidden-files", False) is True)
    if not files:
        problem = f"No files were found with the provided path: {path}"
        if given.get("if-no-files-found", "warn") == "error":
            raise ActionError(problem)
        job.say(f"Warning: {problem}")
        return
    if artifact.exists() and given.get("overwrite", False) is not True:
        raise ActionError(f"Conflict: an artifact with this name already exists on the workflow run: {name}")
    shutil.rmtree(artifact, ignore_errors=True)
    for relative, file in files.items():
        if set(relative) & set('":<>|*?\r\n'):
            raise ActionError(f"The path for one of the files in artifact is not valid: {relative}")
        _copy(file, artifact / relative)


def _files(source: Path, *, hidden: bool) -> dict[str, Path]:
    """The files of an artifact by their paths in it."""
    if source.is_file():
        return {source.name: source} if hidden or not source.name.startswith(".") else {}
    found = {path.relative_to(source): path for path in sorted(source.rglob("*")) if path.is_file()}
    return {
        relative.as_posix(): path
        for relative, path in found.items()
        if hidden or not any(part.startswith(".") for part in relative.parts)
    }


def _copy(file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, target)
    target.chmod(0o644)


def download(job: Job, given: Given) -> None:
    """Copies artifacts of the run to the workspace: one by its name, or all that a pattern names, if any."""
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

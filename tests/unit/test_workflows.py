"""What the workflows may do, and in which order: read as YAML, run nowhere. (tests/local/workflow runs their steps.)"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.local.parts import PARTS

ROOT = Path(__file__).resolve().parents[2]
GITHUB = ROOT / ".github"
ENVIRONMENTS = ("dev", "impl", "prod")
READ = {"contents": "read"}
ROLE = {"contents": "read", "id-token": "write"}
APPROVAL = {"contents": "read", "actions": "read"}
RELEASE = ROLE | {"actions": "read"}
# Every job, with all it may do. A new job or permission is a line here that somebody reads.
PERMISSIONS = {
    "checks/fast": READ,
    "checks/local": READ,
    "build/frontend": READ,
    "evidence/preview": ROLE,
    "release/release": RELEASE,
    "deploy/checks": READ,
    "deploy/build": READ,
    "deploy/dev": RELEASE,
    "deploy/impl-preview": ROLE,
    "deploy/impl-approval": APPROVAL,
    "deploy/impl": RELEASE,
    "deploy/prod-preview": ROLE,
    "deploy/prod-approval": APPROVAL,
    "deploy/prod": RELEASE,
    "pull_request/checks": READ,
    "pull_request/build": READ,
    "pull_request/preview": ROLE,
    "pull_request/comment": {"contents": "read", "pull-requests": "write"},
    "rollback/rollback": RELEASE,
    "drift/preview": ROLE,
    "drift/issue": {"contents": "read", "issues": "write"},
}
# The environment decides which role AWS gives: https://docs.github.com/en/actions/concepts/security/openid-connect
JOB_ENVIRONMENTS = {
    "evidence/preview": "${{ inputs.environment }}-preview",
    "release/release": "${{ inputs.environment }}",
    "deploy/impl-approval": "impl-approval",
    "deploy/prod-approval": "prod-approval",
    "pull_request/preview": "${{ matrix.stack }}-preview",
    "rollback/rollback": "${{ inputs.environment }}",
    "drift/preview": "${{ matrix.stack }}-preview",
}
# Every job that calls a workflow, with what it passes.
CALLS: dict[str, tuple[str, dict[str, str]]] = {
    "deploy/checks": ("checks", {}),
    "deploy/build": ("build", {}),
    "deploy/dev": ("release", {"environment": "dev"}),
    "deploy/impl-preview": ("evidence", {"environment": "impl"}),
    "deploy/impl": ("release", {"environment": "impl"}),
    "deploy/prod-preview": ("evidence", {"environment": "prod"}),
    "deploy/prod": ("release", {"environment": "prod"}),
    "pull_request/checks": (
        "checks",
        {"since": "${{ github.event.pull_request.base.sha || github.event.merge_group.base_sha }}"},
    ),
    "pull_request/build": ("build", {}),
}
GROUPS = {
    "deploy/dev": {"group": "release-dev", "cancel-in-progress": False},
    "deploy/impl": {"group": "release-impl", "cancel-in-progress": False, "queue": "max"},
    "deploy/prod": {"group": "release-prod", "cancel-in-progress": False, "queue": "max"},
    "rollback/rollback": {"group": "release-${{ inputs.environment }}", "cancel-in-progress": False, "queue": "max"},
}
RELEASES = ("release/release", "rollback/rollback")
"""The jobs that release."""
LOCKS = ("requirements.lock", "requirements-dev.lock")
APPROVALS = ("deploy/impl-approval", "deploy/prod-approval")
SESSION_S = 7200
"""Seconds that a deploy role's credentials last: GithubOidcArgs.max_session_s."""

UPLOAD = "actions/upload-artifact"

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


def test_every_action_is_pinned_by_its_whole_commit_and_says_its_version() -> None:
    own = r"\./\.github/actions/(?:setup|setup-tests)|\./\.github/workflows/(?:checks|build|evidence|release)\.yml"
    pinned = re.compile(rf"(?:{own}|[\w-]+/[\w-]+@[0-9a-f]{{40}} # v\d+\.\d+\.\d+)")
    lines = [
        (path.name, line.split("uses:", 1)[1].strip())
        for path in [*(GITHUB / "workflows").iterdir(), *(GITHUB / "actions").glob("*/action.yml")]
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.match(r"\s*(?:- )?uses:", line)
    ]
    assert len(lines) == len([step for _, step in ALL_STEPS if "uses" in step]) + len(CALLING)
    assert [line for line in lines if not pinned.fullmatch(line[1])] == []


def test_an_action_has_one_version_everywhere() -> None:
    versions: dict[str, set[str]] = {}
    for _, step in ALL_STEPS:
        action, _, commit = step.get("uses", "").partition("@")
        versions.setdefault(action, set()).add(commit)
    assert {action: commits for action, commits in versions.items() if len(commits) > 1} == {}


def test_every_job_may_do_what_is_written_here_and_no_more() -> None:
    assert {name: job.get("permissions") for name, job in WRITTEN.items()} == PERMISSIONS
    assert {name: workflow.get("permissions") for name, workflow in WORKFLOWS.items()} == {
        name: {} for name in WORKFLOWS
    }


def test_a_call_passes_what_is_written_here_and_no_secret() -> None:
    assert {
        name: (job["uses"].removeprefix("./.github/workflows/").removesuffix(".yml"), job.get("with", {}))
        for name, job in CALLING.items()
    } == CALLS
    # `secrets: inherit` would be one; `env` is not passed on at all.
    keys = {"needs", "uses", "with", "concurrency", "permissions"}
    assert {name: sorted(set(job) - keys) for name, job in CALLING.items()} == {name: [] for name in CALLING}


def test_a_call_allows_what_the_called_jobs_ask_for_and_no_more() -> None:
    """GitHub does not start a run whose called jobs ask for more than their caller has."""
    for name, (workflow, _) in CALLS.items():
        asked = [job["permissions"] for job in WORKFLOWS[workflow]["jobs"].values()]
        assert CALLING[name]["permissions"] == {key: value for each in asked for key, value in each.items()}, name


def test_every_job_belongs_to_the_environment_that_is_written_here() -> None:
    assert {name: environment(job) for name, job in JOBS.items() if "environment" in job} == JOB_ENVIRONMENTS


@pytest.mark.parametrize("name", [name for name in JOBS if "id-token" in PERMISSIONS[name]])
def test_a_job_with_a_token_for_aws_uses_it_for_the_role_of_its_environment(name: str) -> None:
    (setup,) = uses(JOBS[name], "./.github/actions/setup")
    assert setup["with"]["role"] == "${{ vars.AWS_ROLE_ARN }}"
    assert environment(JOBS[name]), "repositories' tokens without an environment have no role"


@pytest.mark.parametrize("name", [name for name in JOBS if "id-token" not in PERMISSIONS[name]])
def test_a_job_without_such_a_token_asks_for_no_role(name: str) -> None:
    assert [step for step in JOBS[name]["steps"] if "role" in step.get("with", {})] == []


def test_nothing_that_writes_to_github_has_credentials_of_aws_or_runs_pulumi() -> None:
    for name, may in PERMISSIONS.items():
        if any(value == "write" for key, value in may.items() if key != "id-token"):
            assert "id-token" not in may, name
            assert all("with" not in step for step in uses(JOBS[name], "./.github/actions/setup")), name


def test_the_token_of_github_is_given_only_to_steps_that_need_it() -> None:
    with_token = [(name, step["run"].split()[3]) for name, step in STEPS if "GITHUB_TOKEN" in step.get("env", {})]
    assert sorted(with_token) == [
        ("deploy/impl-approval", "approved"),
        ("deploy/prod-approval", "approved"),
        ("drift/issue", "drift-issue"),
        ("pull_request/comment", "comment"),
        ("release/release", "approved"),
        ("release/release", "recover"),
        ("rollback/rollback", "recover"),
    ]
    for path in (GITHUB / "workflows").iterdir():
        assert "secrets." not in path.read_text(encoding="utf-8"), path.name


def test_a_pull_request_never_gets_a_deploy_environment_and_a_fork_none_at_all() -> None:
    workflow = WORKFLOWS["pull_request"]
    assert set(workflow["on"]) == {"pull_request", "merge_group"}
    with_environment = {name: job for name, job in workflow["jobs"].items() if environment(job)}
    called = [
        job
        for name, (path, _) in CALLS.items()
        if name.startswith("pull_request")
        for job in WORKFLOWS[path]["jobs"].values()
    ]
    assert called
    assert [job for job in called if environment(job)] == []
    assert list(with_environment) == ["preview"]
    assert with_environment["preview"]["environment"]["name"].endswith("-preview")
    assert " ".join(with_environment["preview"]["if"].split()) == (
        "${{ github.event_name == 'pull_request' "
        "&& github.event.pull_request.head.repo.full_name == github.repository "
        "&& github.event.pull_request.user.login != 'dependabot[bot]' }}"
    )
    # The comment follows the previews: none for a fork, whose token could not write one.
    assert workflow["jobs"]["comment"]["if"] == "${{ !cancelled() && needs.preview.result != 'skipped' }}"


def test_no_workflow_runs_a_forks_code_with_the_repositorys_rights() -> None:
    triggers = {name: set(workflow["on"]) for name, workflow in WORKFLOWS.items()}
    assert triggers == {
        **{name: {"workflow_call"} for name in ("build", "checks", "evidence", "release")},
        "deploy": {"push"},
        "pull_request": {"pull_request", "merge_group"},
        "rollback": {"workflow_dispatch"},
        "drift": {"schedule", "workflow_dispatch"},
    }
    assert WORKFLOWS["deploy"]["on"]["push"] == {"branches": ["main"]}


def test_the_checks_that_main_requires_report_to_a_merge_queue() -> None:
    """Else it waits for them: "Events that trigger workflows", merge_group."""
    account = (ROOT / "docs" / "set-up-accounts.md").read_text(encoding="utf-8")
    required = re.findall(r'\{"context": "([^"]+)", "integration_id": 15368\}', account)
    workflow, checks = WORKFLOWS["pull_request"], WORKFLOWS["checks"]["jobs"]
    assert workflow["on"]["merge_group"] == workflow["on"]["pull_request"] == {"branches": ["main"]}
    assert required == [
        "checks / fast",
        *(f"checks / local ({part})" for part in checks["local"]["strategy"]["matrix"]["part"]),
        "build / frontend",
    ]
    # What is skipped counts as passed, also where what it needs has failed.
    for job in (workflow["jobs"]["checks"], workflow["jobs"]["build"], *checks.values(), JOBS["build/frontend"]):
        assert not {"if", "needs", "environment"} & set(job)


def test_nothing_is_run_twice_and_every_part_of_the_local_tests_once() -> None:
    commands = [run for name, run in runs(STEPS) if name.startswith("checks/")]
    assert commands == ["make checkov", "make test-fast", "make test-local"]
    assert tuple(JOBS["checks/local"]["strategy"]["matrix"]["part"]) == PARTS
    (local,) = [step for step in JOBS["checks/local"]["steps"] if "run" in step]
    assert local["env"] == {"PART": "${{ matrix.part }}", "SINCE": "${{ inputs.since }}"}


def test_an_artifact_has_every_file_and_is_replaced_by_its_job() -> None:
    """Without being told, `actions/upload-artifact` leaves out `.well-known`, and refuses a job that is run again."""
    uploads = {(name, step["with"]["name"]): step["with"] for name, job in JOBS.items() for step in uses(job, UPLOAD)}
    assert {artifact for _, artifact in uploads} == {
        *("frontend", "preview-${{ matrix.stack }}", "drift-${{ matrix.stack }}")
    }
    assert all(given["overwrite"] is True for given in uploads.values())
    hidden = {artifact for (_, artifact), given in uploads.items() if given.get("include-hidden-files") is True}
    assert hidden == {"frontend"}


def test_every_release_waits_in_the_group_of_its_environment_and_is_never_cancelled_by_another() -> None:
    assert {name: job["concurrency"] for name, job in WRITTEN.items() if "concurrency" in job} == GROUPS
    assert {*(name for name, (workflow, _) in CALLS.items() if workflow == "release"), "rollback/rollback"} == set(
        GROUPS
    )
    # A group of the whole workflow would be held while a reviewer is waited for.
    for workflow in ("deploy", "rollback", *{called for called, _ in CALLS.values()}):
        assert "concurrency" not in WORKFLOWS[workflow]


def test_only_what_changes_nothing_is_cancelled_by_a_newer_run() -> None:
    groups = [job["concurrency"] for job in WRITTEN.values() if "concurrency" in job]
    groups += [workflow["concurrency"] for workflow in WORKFLOWS.values() if "concurrency" in workflow]
    assert [group["group"] for group in groups if group["cancel-in-progress"] is not False] == [
        "pull-request-${{ github.event.pull_request.number || github.ref }}"
    ]
    # actionlint does not know the key yet (.github/actionlint.yaml): GitHub takes `single` or `max`, and never with
    # cancel-in-progress. https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax
    for group in groups:
        assert group.get("queue", "single") in {"single", "max"}
        assert group.keys() <= {"group", "queue", "cancel-in-progress"}
        assert not ("queue" in group and group["cancel-in-progress"] is not False)


@pytest.mark.parametrize("name", APPROVALS)
def test_an_approval_holds_no_group_and_no_credentials_and_fails_where_nobody_was_asked(name: str) -> None:
    job = JOBS[name]
    assert "concurrency" not in job
    assert "if" not in job
    assert "env" not in job
    assert [run for _, run in runs([("", step) for step in job["steps"]])] == [
        f"python -m ci approved --environment {environment(job)}"
    ]


def test_the_train_stops_at_every_station() -> None:
    needs = {job: content.get("needs") for job, content in WORKFLOWS["deploy"]["jobs"].items()}
    assert needs == {
        "checks": None,
        "build": None,
        "dev": ["checks", "build"],
        "impl-preview": "dev",
        "impl-approval": "impl-preview",
        "impl": "impl-approval",
        "prod-preview": "impl",
        "prod-approval": "prod-preview",
        "prod": "prod-approval",
    }
    # A condition could let a job run after one that failed.
    walked = [*WORKFLOWS["deploy"]["jobs"].values(), JOBS["release/release"], JOBS["evidence/preview"]]
    assert [job for job in walked if "if" in job] == []
    assert [name for name, step in STEPS if "continue-on-error" in step] == []


def test_the_run_names_no_version_so_that_an_old_one_that_is_repeated_is_refused() -> None:
    for name in ("deploy", "release", "evidence"):
        assert "EASI_VERSION:" not in (GITHUB / "workflows" / f"{name}.yml").read_text(encoding="utf-8")


def test_what_was_approved_is_released_once_and_dev_alone_asks_nobody() -> None:
    (approved,) = [step for step in JOBS["release/release"]["steps"] if "approved" in step.get("run", "")]
    assert approved["if"] == "${{ inputs.environment != 'dev' }}"
    assert approved["run"] == 'python -m ci approved --environment "$STACK-approval" --job "$STACK / release"'
    assert JOBS["release/release"]["env"]["STACK"] == "${{ inputs.environment }}"
    for name, (workflow, inputs) in CALLS.items():
        if workflow == "release":
            environment = inputs["environment"]
            assert name == f"deploy/{environment}", "the job's name on GitHub is its caller's, then its own"
            assert environment == "dev" or CALLING[name]["needs"] == f"{environment}-approval"


def test_previews_do_not_count_as_deployments() -> None:
    for name, job in JOBS.items():
        if (environment(job) or "").endswith("-preview"):
            assert job["environment"].get("deployment") is False, name
        elif environment(job):
            assert "deployment" not in job["environment"], name


def test_every_step_is_a_command_that_a_person_can_run() -> None:
    command = re.compile(r"make [a-z-]+|python -m (ci|release) .+|exec env --unset=GITHUB_TOKEN pulumi up .+")
    lines = [(name, line) for name, run in runs(ALL_STEPS) for line in run.strip().splitlines()]
    assert [line for line in lines if not command.fullmatch(line[1])] == []


def test_no_expression_is_pasted_into_a_command() -> None:
    assert [found for found in runs(ALL_STEPS) if "${{" in found[1]] == []


@pytest.mark.parametrize("name", RELEASES)
def test_a_release_recovers_first_and_hands_its_process_to_pulumi(name: str) -> None:
    release = step_of(JOBS[name], "release")
    recover, up = release["run"].strip().splitlines()
    assert recover == 'python -m ci recover -s "$STACK"'
    # Last and by exec: the runner signals the step's own process only. `recover` notes that process, too. What is
    # released has no use for GitHub's token.
    options = "--yes --non-interactive --suppress-outputs"
    assert up.startswith(f'exec env --unset=GITHUB_TOKEN pulumi up -s "$STACK" {options}')


@pytest.mark.parametrize("name", RELEASES)
def test_every_release_that_was_tried_is_proven_or_told(name: str) -> None:
    job = JOBS[name]
    assert job["steps"][-2:] == [step_of(job, "release"), step_of(job, "proof")]
    proof = step_of(job, "proof")
    assert proof["if"] == "${{ always() && steps.release.outcome != 'skipped' }}"
    assert proof["run"] == 'python -m ci proof -s "$STACK"'
    assert job["env"]["STACK"] == environment(job) == "${{ inputs.environment }}"
    assert job["environment"]["url"] == "${{ steps.proof.outputs.url }}"
    assert proof.get("env", {}) == {
        key: value for key, value in step_of(job, "release").get("env", {}).items() if key == "EASI_VERSION"
    }


@pytest.mark.parametrize("name", RELEASES)
def test_a_release_may_take_as_long_as_its_credentials_last(name: str) -> None:
    (setup,) = uses(JOBS[name], "./.github/actions/setup")
    assert int(setup["with"]["duration"]) == SESSION_S
    assert JOBS[name]["timeout-minutes"] * 60 > SESSION_S


def test_every_job_ends() -> None:
    assert {name: job.get("timeout-minutes", 0) > 0 for name, job in JOBS.items()} == dict.fromkeys(JOBS, True)


def test_the_runners_image_is_a_named_one() -> None:
    assert {job["runs-on"] for job in JOBS.values()} == {"ubuntu-24.04"}


def test_no_checkout_leaves_credentials_behind_and_what_asks_the_gate_has_the_history() -> None:
    for name, job in JOBS.items():
        (checkout,) = uses(job, "actions/checkout@")
        assert checkout["with"]["persist-credentials"] is False, name
        if "id-token" in job["permissions"]:
            assert checkout["with"]["fetch-depth"] == 0, name


def test_frontend_is_built_once_and_released_by_dev_alone() -> None:
    assert [name for name, run in runs(STEPS) if run == "make frontend"] == ["build/frontend", "drift/preview"]
    downloads = {name: uses(job, "actions/download") for name, job in JOBS.items()}
    assert [name for name, steps in downloads.items() if steps and name.startswith(("deploy", "release", "evid"))] == [
        "release/release"
    ]
    assert [step["if"] for step in downloads["release/release"]] == ["${{ inputs.environment == 'dev' }}"]


def test_the_actions_of_every_folder_are_kept_up_to_date() -> None:
    updates = yaml.safe_load((GITHUB / "dependabot.yml").read_text())["updates"]
    (actions,) = [update for update in updates if update["package-ecosystem"] == "github-actions"]
    assert actions["directories"] == ["/", *(f"/.github/actions/{name}" for name in ACTIONS)]


def test_ci_installs_what_was_tested() -> None:
    pins = {name: re.findall(r"^([\w.-]+==[^\s\\;]+)", (ROOT / name).read_text(), re.MULTILINE) for name in LOCKS}
    released, tested = (set(pins[name]) for name in LOCKS)
    assert released
    assert released - tested == set()


def _locked(pin: str) -> str:
    """A pin as `pip-compile --strip-extras` writes it."""
    return re.sub(r"\[[^]]*\]", "", pin.lower())


def test_the_locks_have_what_is_asked_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    released, tested = ((ROOT / name).read_text(encoding="utf-8").lower() for name in LOCKS)
    missing = [pin for pin in project["dependencies"] if f"\n{_locked(pin)} " not in released]
    missing += [pin for pin in project["optional-dependencies"]["dev"] if f"\n{_locked(pin)} " not in tested]
    assert missing == [], "write both locks again, as the README says"


def test_pulumi_has_one_version() -> None:
    (cli,) = [step for step in ACTIONS["setup"]["runs"]["steps"] if step.get("uses", "").startswith("pulumi/actions@")]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"pulumi=={cli['with']['pulumi-version']}" in project["dependencies"]
    assert f"github.com/pulumi/pulumi/pkg/v3 v{cli['with']['pulumi-version']}" in (
        ROOT / "local" / "engine" / "go.mod"
    ).read_text(encoding="utf-8")


def test_the_builders_image_is_named_by_its_digest_and_kept_up_to_date() -> None:
    (image,) = re.findall(r"^ARG GO_IMAGE=(\S+)$", (ROOT / "example/backend/Dockerfile").read_text(), re.MULTILINE)
    assert re.fullmatch(r"\S+:\S+@sha256:[0-9a-f]{64}", image)
    assert yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]["goImage"]["default"] == image
    updates = yaml.safe_load((GITHUB / "dependabot.yml").read_text())["updates"]
    assert [each["directory"] for each in updates if each["package-ecosystem"] == "docker"] == ["/example/backend"]

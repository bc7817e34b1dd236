"""What the workflows may do: read as YAML, run nowhere. (tests/local/workflow runs their steps.)"""

from __future__ import annotations

import re

import pytest

from tests.unit.workflow_files import (
    ACTIONS,
    ALL_STEPS,
    CALLING,
    CALLS,
    GITHUB,
    JOBS,
    ROOT,
    STEPS,
    WORKFLOWS,
    WRITTEN,
    environment,
    runs,
    step_of,
    uses,
)

READ = {"contents": "read"}
ROLE = {"contents": "read", "id-token": "write"}
APPROVAL = {"contents": "read", "actions": "read"}
RELEASE = ROLE | {"actions": "read"}
# Every job, with all it may do. A new job or permission is a line here that somebody reads.
PERMISSIONS = {
    "checks/fast": READ,
    "checks/local": READ,
    "build/sites": READ,
    "evidence/preview": ROLE,
    "release/release": RELEASE,
    "test/application": READ,
    "deploy/test": READ,
    "deploy/build": READ,
    "deploy/dev": RELEASE,
    "deploy/impl-preview": ROLE,
    "deploy/impl-approval": APPROVAL,
    "deploy/impl": RELEASE,
    "deploy/prod-preview": ROLE,
    "deploy/prod-approval": APPROVAL,
    "deploy/prod": RELEASE,
    "pull_request/test": READ,
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
    more = {name: sorted(set(job) - keys) for name, job in CALLING.items()}
    assert {name: others for name, others in more.items() if others} == {"deploy/impl-preview": ["if"]}


def test_a_call_allows_what_the_called_jobs_ask_for_and_no_more() -> None:
    """GitHub does not start a run whose called jobs ask for more than their caller has."""
    for name, (workflow, _) in CALLS.items():
        asked = [job["permissions"] for job in WORKFLOWS[workflow]["jobs"].values()]
        assert CALLING[name]["permissions"] == {key: value for each in asked for key, value in each.items()}, name


def test_every_job_belongs_to_the_environment_that_is_written_here() -> None:
    assert {name: environment(job) for name, job in JOBS.items() if "environment" in job} == JOB_ENVIRONMENTS


@pytest.mark.parametrize("name", [name for name in JOBS if "id-token" in PERMISSIONS[name]])
def test_a_job_with_a_token_for_aws_uses_it_for_the_role_of_its_environment(name: str) -> None:
    setup = step_of(JOBS[name], "setup")
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
        **{name: {"workflow_call"} for name in ("build", "evidence", "release", "test")},
        "checks": {"push", "pull_request", "merge_group"},
        "deploy": {"push", "workflow_dispatch"},
        "pull_request": {"pull_request", "merge_group"},
        "rollback": {"workflow_dispatch"},
        "drift": {"schedule", "workflow_dispatch"},
    }
    assert WORKFLOWS["deploy"]["on"]["push"] == {"branches": ["main"]}


def test_the_checks_that_main_requires_report_to_a_merge_queue() -> None:
    """Else it waits for them: "Events that trigger workflows", merge_group."""
    account = (ROOT / "docs" / "set-up-accounts.md").read_text(encoding="utf-8")
    required = re.findall(r'\{"context": "([^"]+)", "integration_id": 15368\}', account)
    workflow = WORKFLOWS["pull_request"]
    assert workflow["on"]["merge_group"] == workflow["on"]["pull_request"] == {"branches": ["main"]}
    assert required == ["test / application", "build / sites"]
    # What is skipped counts as passed, also where what it needs has failed.
    for job in (
        *(workflow["jobs"][name] for name in ("test", "build")),
        JOBS["test/application"],
        JOBS["build/sites"],
    ):
        assert not {"if", "needs", "environment"} & set(job)


def test_one_place_says_in_which_folder_of_the_repository_the_program_is() -> None:
    folder = "${{ steps.setup.outputs.folder }}"
    setup = ACTIONS["setup"]
    assert setup["inputs"]["folder"]["default"] == "."
    assert setup["outputs"]["folder"]["value"] == "${{ inputs.folder }}"
    ours = [(name, step) for name, step in STEPS if not name.startswith("checks/")]
    assert [name for name, step in ours if "run" in step and step.get("working-directory") != folder] == []
    assert [name for name, step in ours if "folder" in step.get("with", {})] == []
    files = [(name, path) for name, step in ours if (path := step.get("with", {}).get("path"))]
    assert files
    assert [name for name, path in files if not f"{path}/".startswith(f"{folder}/")] == []
    # The action's own steps have no outputs of it yet.
    assert {step.get("working-directory") for step in setup["runs"]["steps"] if "run" in step} == {
        "${{ inputs.folder }}"
    }
    for name, job in JOBS.items():
        if not name.startswith("checks/"):
            assert step_of(job, "setup")["uses"] == "./.github/actions/setup", name


def test_every_step_is_a_command_that_a_person_can_run() -> None:
    command = re.compile(r"make [a-z-]+|python -m (ci|release) .+|exec env --unset=GITHUB_TOKEN pulumi up .+")
    lines = [(name, line) for name, run in runs(ALL_STEPS) for line in run.strip().splitlines()]
    assert [line for line in lines if not command.fullmatch(line[1])] == []


def test_no_expression_is_pasted_into_a_command() -> None:
    assert [found for found in runs(ALL_STEPS) if "${{" in found[1]] == []


def test_no_checkout_leaves_credentials_behind_and_what_asks_the_gate_has_the_history() -> None:
    for name, job in JOBS.items():
        (checkout,) = uses(job, "actions/checkout@")
        assert checkout["with"]["persist-credentials"] is False, name
        if "id-token" in job["permissions"]:
            assert checkout["with"]["fetch-depth"] == 0, name

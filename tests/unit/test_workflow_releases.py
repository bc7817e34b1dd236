"""In which order the workflows build, ask, release and prove: read as YAML, run nowhere."""

from __future__ import annotations

import pytest

from tests.local.parts import PARTS
from tests.unit.workflow_files import (
    CALLING,
    CALLS,
    GITHUB,
    JOBS,
    STEPS,
    WORKFLOWS,
    WRITTEN,
    environment,
    runs,
    step_of,
    uses,
)

GROUPS = {
    "deploy/dev": {"group": "release-dev", "cancel-in-progress": False},
    "deploy/impl": {"group": "release-impl", "cancel-in-progress": False, "queue": "max"},
    "deploy/prod": {"group": "release-prod", "cancel-in-progress": False, "queue": "max"},
    "rollback/rollback": {"group": "release-${{ inputs.environment }}", "cancel-in-progress": False, "queue": "max"},
}
RELEASES = ("release/release", "rollback/rollback")
"""The jobs that release."""
APPROVALS = ("deploy/impl-approval", "deploy/prod-approval")
SESSION_S = 7200
"""Seconds that a deploy role's credentials last: GithubOidcArgs.max_session_s."""

UPLOAD = "actions/upload-artifact"


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
        "checks-${{ github.event.pull_request.number || github.sha }}",
        "pull-request-${{ github.event.pull_request.number || github.ref }}",
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
        "test": None,
        "build": None,
        "dev": ["test", "build"],
        "impl-preview": "dev",
        "impl-approval": "impl-preview",
        "impl": "impl-approval",
        "prod-preview": "impl",
        "prod-approval": "prod-preview",
        "prod": "prod-approval",
    }
    # A condition could let a job run after one that failed.
    walked = [*WORKFLOWS["deploy"]["jobs"].values(), JOBS["release/release"], JOBS["evidence/preview"]]
    assert [job["if"] for job in walked if "if" in job] == ["${{ github.ref == 'refs/heads/main' }}"]
    assert "if" in WORKFLOWS["deploy"]["jobs"]["impl-preview"], "a branch that somebody starts by hand ends in dev"
    assert [name for name, step in STEPS if "continue-on-error" in step] == []


def test_the_run_names_no_version_so_that_an_old_one_that_is_repeated_is_refused() -> None:
    for name in ("deploy", "release", "evidence"):
        assert "RELEASE_VERSION:" not in (GITHUB / "workflows" / f"{name}.yml").read_text(encoding="utf-8")


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
        key: value for key, value in step_of(job, "release").get("env", {}).items() if key == "RELEASE_VERSION"
    }


@pytest.mark.parametrize("name", RELEASES)
def test_a_release_may_take_as_long_as_its_credentials_last(name: str) -> None:
    (setup,) = uses(JOBS[name], "./.github/actions/setup")
    assert int(setup["with"]["duration"]) == SESSION_S
    assert JOBS[name]["timeout-minutes"] * 60 > SESSION_S


def test_every_job_ends() -> None:
    assert {name: job.get("timeout-minutes", 0) > 0 for name, job in JOBS.items()} == dict.fromkeys(JOBS, True)


def test_sites_are_built_once_and_released_by_dev_alone() -> None:
    assert [name for name, run in runs(STEPS) if run == "python -m release build"] == ["build/sites"]
    # A commit that runs may be of an earlier program, which has no `release build`.
    assert [name for name, run in runs(STEPS) if run == "make frontend"] == ["drift/preview"]
    downloads = {name: uses(job, "actions/download") for name, job in JOBS.items()}
    assert [name for name, steps in downloads.items() if steps and name.startswith(("deploy", "release", "evid"))] == [
        "release/release"
    ]
    assert [step["if"] for step in downloads["release/release"]] == ["${{ inputs.environment == 'dev' }}"]


def test_an_artifact_has_every_file_and_is_replaced_by_its_job() -> None:
    """Without being told, `actions/upload-artifact` refuses a job that is run again."""
    uploads = {(name, step["with"]["name"]): step["with"] for name, job in JOBS.items() for step in uses(job, UPLOAD)}
    assert {artifact for _, artifact in uploads} == {
        *("sites", "preview-${{ matrix.stack }}", "drift-${{ matrix.stack }}")
    }
    assert all(given["overwrite"] is True for given in uploads.values())
    # The files of the sites are in one archive, with those whose names begin with a dot.
    assert [run for name, run in runs(STEPS) if "ci sites" in run] == [
        "python -m ci sites --save sites.tar",
        *["python -m ci sites --load sites.tar"] * 2,
    ]


def test_a_release_needs_the_applications_tests_and_nothing_of_this_projects_own() -> None:
    """Whoever takes the project for their application deletes checks.yml, and no other workflow misses it."""
    assert [run for name, run in runs(STEPS) if name == "test/application"] == ["python -m ci test"]
    own = ("checks.yml", "setup-tests", "make check", "make test")
    for path in sorted((GITHUB / "workflows").iterdir()):
        if path.stem != "checks":
            assert [word for word in own if word in path.read_text(encoding="utf-8")] == [], path.name


def test_the_application_is_tested_and_its_sites_are_built_with_its_own_tools() -> None:
    commands = ("python -m release build", "make frontend", "python -m ci test")
    with_tools = [name for name, job in JOBS.items() if uses(job, "./.github/actions/setup-application")]
    assert with_tools == list(dict.fromkeys(name for name, run in runs(STEPS) if run in commands))


def test_nothing_is_run_twice_and_every_part_of_the_local_tests_once() -> None:
    commands = [run for name, run in runs(STEPS) if name.startswith("checks/")]
    assert commands == ["make checkov", "make test-fast", "make test-local"]
    assert tuple(JOBS["checks/local"]["strategy"]["matrix"]["part"]) == PARTS
    (local,) = [step for step in JOBS["checks/local"]["steps"] if "run" in step]
    since = "${{ github.event.pull_request.base.sha || github.event.merge_group.base_sha }}"
    assert local["env"] == {"PART": "${{ matrix.part }}", "SINCE": since}

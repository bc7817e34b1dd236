"""The commands of the deploy function, with boto3 checking every argument and files in place of AWS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from functions.deploy import clients, commands
from functions.deploy.errors import RefusedError, UnavailableError
from functions.deploy.requests import Deploy, Status
from tests.unit.ecs_answers import ARN, CLUSTER, LEASE, NEW, SERVICE, Answers, failing, updating

CURRENT = "ecs-svc/5846192370518264913"
"""The deployment in question of every file."""
ENVIRONMENT = {"CLUSTER": "c", "SERVICE": "s", "RECORDS_BUCKET": "b"}


def wanted(revision: int, **changes: Any) -> Deploy:
    settings: dict[str, Any] = {
        "minimum_count": 1,
        "maximum_count": 4,
        "lease": LEASE,
        "expected_deployment": CURRENT,
    }
    return Deploy(task_definition=ARN.format(revision), **(settings | changes))


def test_deploy_of_a_new_revision_starts_a_deployment_that_replaces_the_running_one() -> None:
    answers = Answers("aws_succeeded")
    updates = updating(answers)

    answer = commands.deploy(answers.aws(), wanted(8))

    assert updates == [
        {
            "cluster": CLUSTER,
            "service": SERVICE,
            "taskDefinition": ARN.format(8),
            "desiredCount": 2,
            "forceNewDeployment": False,
        }
    ]
    assert answer == {
        "service": SERVICE,
        "deployment": NEW,
        "taskDefinition": ARN.format(8),
        "createdAt": answers.began.isoformat(),
        "started": True,
        "replaces": ARN.format(7),
        "desiredCount": 2,
    }


@pytest.mark.parametrize("name", ["aws_succeeded", "aws_in_progress"])
def test_repeated_deploy_returns_the_same_deployment_and_changes_nothing(name: str) -> None:
    answers = Answers(name)

    answer = commands.deploy(answers.aws(), wanted(7))

    assert "UpdateService" not in answers.names
    assert (answer["started"], answer["deployment"]) == (False, answers.asked.deployment)


def test_repeated_deploy_still_knows_what_it_replaces() -> None:
    assert commands.deploy(Answers("aws_in_progress").aws(), wanted(7))["replaces"] == ARN.format(6)
    assert commands.deploy(Answers("aws_succeeded").aws(), wanted(7))["replaces"] is None


@pytest.mark.parametrize(
    ("now", "minimum", "maximum", "expected"), [(2, 3, 4, 3), (2, 1, 1, 1), (2, 1, 4, 2), (0, 2, 4, 2), (9, 1, 4, 4)]
)
def test_desired_count_is_the_current_one_within_the_limits(
    now: int, minimum: int, maximum: int, expected: int
) -> None:
    answers = Answers("aws_succeeded")
    answers.service["desiredCount"] = now
    updates = updating(answers)

    commands.deploy(answers.aws(), wanted(8, minimum_count=minimum, maximum_count=maximum))

    assert updates[0]["desiredCount"] == expected


def test_changed_count_of_the_same_revision_is_no_new_deployment() -> None:
    answers = Answers("aws_succeeded")
    updates = updating(answers)

    answer = commands.deploy(answers.aws(), wanted(7, minimum_count=3))

    assert updates == [{"cluster": CLUSTER, "service": SERVICE, "desiredCount": 3}]
    assert (answer["deployment"], answer["desiredCount"]) == (answers.asked.deployment, 3)


def test_first_tasks_of_a_service_are_a_deployment_of_their_own() -> None:
    answers = Answers("aws_succeeded")
    answers.service["desiredCount"] = 0
    updates = updating(answers)

    answer = commands.deploy(answers.aws(), wanted(7))

    assert updates[0]["forceNewDeployment"] is True
    assert (answer["deployment"], answer["replaces"]) == (NEW, None)


def test_revision_whose_deployment_failed_is_deployed_anew() -> None:
    answers = Answers("aws_first_release_failed")
    updates = updating(answers)

    answer = commands.deploy(answers.aws(), wanted(1))

    assert (answer["started"], answer["replaces"]) == (True, None)
    assert updates[0]["forceNewDeployment"] is True


def test_force_starts_a_new_deployment_once() -> None:
    answers = Answers("aws_succeeded")
    updates = updating(answers)
    command = wanted(7, force=True)

    first = commands.deploy(answers.aws(), command)
    again = commands.deploy(answers.aws(), command)

    assert len(updates) == 1
    assert (first["started"], again["started"]) == (True, False)
    assert first["deployment"] == again["deployment"] == NEW


def test_deployment_of_somebody_else_is_not_replaced_but_named() -> None:
    answers = Answers("aws_superseded")
    updates = updating(answers)
    primary = answers.service["deployments"][0]

    with pytest.raises(RefusedError) as caught:
        commands.deploy(answers.aws(), wanted(7))

    named = f"its primary is {primary['id']} on easi-dev:8 since {primary['createdAt']:%Y-%m-%d %H:%M:%S} UTC"
    assert named in str(caught.value)
    assert CURRENT in str(caught.value)
    assert updates == []


def test_deployment_of_the_wanted_revision_is_ours_whoever_started_it() -> None:
    answers = Answers("aws_superseded")
    updates = updating(answers)

    answer = commands.deploy(answers.aws(), wanted(8, force=True))

    assert (answer["started"], answer["deployment"]) == (False, answers.service["deployments"][0]["id"])
    assert updates == []


def test_inactive_revision_is_refused_before_anything_changes() -> None:
    answers = Answers("aws_succeeded")
    answers.replies["DescribeTaskDefinition"] = lambda _: {"taskDefinition": {"status": "INACTIVE"}}

    with pytest.raises(RefusedError, match="taskDefinition easi-dev:8 is INACTIVE: it was deregistered"):
        commands.deploy(answers.aws(), wanted(8))
    assert "UpdateService" not in answers.names


def test_revision_of_another_family_is_refused() -> None:
    foreign = replace(wanted(8), task_definition=ARN.format(8).replace("easi-dev:", "easi-prod:"))

    with pytest.raises(RefusedError, match="easi-prod:8 is of family easi-prod; easi-dev runs easi-dev"):
        commands.deploy(Answers("aws_succeeded").aws(), foreign)


@pytest.mark.parametrize(("status", "says"), [("INACTIVE", "is INACTIVE"), (None, "does not exist")])
def test_service_that_is_not_there_is_refused(status: str | None, says: str) -> None:
    answers = Answers("aws_succeeded")
    answers.service["status"] = status
    if status is None:
        answers.content["describe_services"]["services"] = []

    message = f"service easi-dev in cluster easi-dev {says}"
    with pytest.raises(RefusedError, match=message):
        commands.deploy(answers.aws(), wanted(8))
    with pytest.raises(RefusedError, match=message):
        commands.status(answers.aws(), Status())


def test_update_that_ecs_does_not_list_yet_is_worth_another_try() -> None:
    answers = Answers("aws_succeeded")
    answers.replies["UpdateService"] = lambda _: {"service": answers.service}

    with pytest.raises(UnavailableError, match="does not list its deployment yet"):
        commands.deploy(answers.aws(), wanted(8))


def test_calls_that_change_are_made_once_and_reads_are_retried() -> None:
    aws = clients.Aws(ENVIRONMENT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-west-2")
        # The stubs know the arguments of Config, not its attributes.
        changing, reading = list[Any](client.meta.config for client in (aws.ecs_changing, aws.ecs))

    assert changing.retries["total_max_attempts"] == 1
    assert reading.retries["total_max_attempts"] == 3
    assert reading.read_timeout * 3 < 60


@pytest.mark.parametrize("missing", list(ENVIRONMENT))
def test_function_without_its_service_says_so(missing: str) -> None:
    environment = ENVIRONMENT | {missing: ""}

    with pytest.raises(RefusedError, match=f"environment has no {missing}"):
        clients.Aws(environment)


def test_status_without_a_deployment_says_what_runs() -> None:
    answers = Answers("aws_succeeded")

    assert commands.status(answers.aws(), Status()) == {
        "service": SERVICE,
        "outcome": "idle",
        "current": {
            "deployment": answers.asked.deployment,
            "taskDefinition": ARN.format(7),
            "rolloutState": "COMPLETED",
            "desiredCount": 2,
            "runningCount": 2,
            "network": {"subnets": ["subnet-0a1b2c3d4e5f60718"], "securityGroups": ["sg-0f1e2d3c4b5a69788"]},
            "executeCommand": False,
        },
    }
    assert answers.names == ["DescribeServices"]


def test_status_of_a_service_that_was_never_deployed_names_no_revision() -> None:
    answers = Answers("aws_succeeded")
    answers.service["desiredCount"] = 0

    assert commands.status(answers.aws(), Status())["current"]["taskDefinition"] is None


def ask(answers: Answers, **changes: Any) -> dict[str, Any]:
    question: dict[str, Any] = {
        "deployment": answers.asked.deployment,
        "task_definition": answers.asked.task_definition,
        "created_at": answers.began,
    }
    return commands.status(answers.aws(), Status(**(question | changes)))


def test_status_while_rolling_asks_for_nothing_that_is_only_known_at_the_end() -> None:
    answers = Answers("aws_in_progress")

    answer = ask(answers)

    assert (answer["outcome"], answer["runningCount"], answer["healthyTargets"]) == ("in_progress", 1, 0)
    assert answers.names == ["DescribeServices", "ListTasks", "DescribeTasks", "DescribeTargetHealth"]


def test_status_at_the_end_asks_for_ecs_own_record() -> None:
    answers = Answers("aws_succeeded")

    answer = ask(answers)

    assert answer["outcome"] == "succeeded"
    assert answer["tasks"] == ["1dd7d92a2f3b4b0bb4ab3a1f0f2d7a11", "2f3c8e0b5c1d4f6e8a9b0c1d2e3f4a22"]
    assert answers.names[-3:] == ["ListServiceDeployments", "DescribeServiceDeployments", "DescribeServiceRevisions"]


def test_status_of_a_failure_has_exit_codes_and_what_the_task_that_failed_last_wrote() -> None:
    answers = Answers("aws_rolled_back")
    streams: list[str] = []

    def lines(asked: Mapping[str, Any]) -> dict[str, Any]:
        assert (asked["logGroupName"], asked["startFromHead"]) == ("/ecs/easi-dev", False)
        streams.append(asked["logStreamName"])
        return {"events": [{"message": f"line {'x' * number}\n"} for number in range(15)]}

    answers.replies["GetLogEvents"] = lines

    answer = ask(answers)

    assert answer["outcome"] == "rolled_back"
    newest = "3a5e1c7d9b2f4e6a8c0d1e2f3a4b5c33"
    assert answer["details"][:2] == [
        f"task {newest} container backend: exit code 1",
        f"task {newest} stopped: Essential container in task exited",
    ]
    assert streams[0] == f"backend/backend/{newest}"
    logged = [line for line in answer["details"] if " backend | line" in line]
    assert logged == [f"task {newest} backend | line {'x' * number}" for number in range(9, 15)]
    assert answer["details"][8] == (
        "whole log: aws logs filter-log-events --region us-west-2 --log-group-name /ecs/easi-dev --log-stream-names "
        f"backend/backend/{newest} --query 'events[].[message]' --output text"
    )
    assert answer["current"]["taskDefinition"] == ARN.format(6)


def test_log_lines_are_fetched_while_rolling_only_when_an_explanation_is_wanted() -> None:
    answers = Answers("aws_rolling_back")
    answers.replies["GetLogEvents"] = lambda _: {"events": [{"message": "panic: no database"}]}

    assert not any("panic" in line for line in ask(answers)["details"])
    assert any("backend | panic: no database" in line for line in ask(answers, explain=True)["details"])


@pytest.mark.parametrize(("code", "says"), [("ResourceNotFoundException", False), ("AccessDeniedException", True)])
def test_log_that_cannot_be_read_does_not_hide_the_verdict(code: str, *, says: bool) -> None:
    answers = Answers("aws_rolled_back")
    answers.replies["GetLogEvents"] = failing(code)

    answer = ask(answers)

    assert answer["outcome"] == "rolled_back"
    assert any("no log lines of backend" in line for line in answer["details"]) == says


def test_container_that_logs_elsewhere_has_no_lines() -> None:
    answers = Answers("aws_rolled_back")
    container = {"name": "backend", "logConfiguration": {"logDriver": "awsfirelens", "options": {}}}
    answers.replies["DescribeTaskDefinition"] = lambda _: {"taskDefinition": {"containerDefinitions": [container]}}

    assert not any(" | " in line for line in ask(answers)["details"])


@pytest.mark.parametrize("name", ["aws_rolled_back", "aws_rolling_back"])
def test_what_ecs_says_of_a_failure_is_without_secrets(name: str) -> None:
    answers = Answers(name)
    answers.replies["GetLogEvents"] = lambda _: {"events": []}
    (record,) = answers.content["describe_service_deployments"]["serviceDeployments"]
    record["rollback"]["reason"] = "token=hunter2 is wrong"
    answers.service["events"].insert(0, {"message": "password=hunter2", "createdAt": answers.began})

    answer = ask(answers)

    assert answer["reason"] == "token=[hidden] is wrong"
    assert "event: password=[hidden]" in answer["details"]


def test_lease_of_another_release_deploys_nothing() -> None:
    answers = Answers("aws_succeeded")

    with pytest.raises(RefusedError, match="the lease is held by octocat"):
        commands.deploy(answers.aws(), wanted(8, lease="another"))
    assert answers.names == ["GetObject"]


def test_killed_container_is_explained() -> None:
    answers = Answers("aws_rolled_back")
    answers.replies["GetLogEvents"] = lambda _: {"events": []}
    container = answers.content["describe_tasks"]["tasks"][-1]["containers"][0]
    container |= {"exitCode": 137, "reason": "OutOfMemoryError: Container killed due to memory usage"}

    line = next(line for line in ask(answers)["details"] if "137" in line)

    assert "exit code 137 (killed: out of memory" in line
    assert line.endswith("OutOfMemoryError: Container killed due to memory usage")

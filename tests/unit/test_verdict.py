"""Verdicts on answers of ECS, and on what each of them must not be fooled by."""

from __future__ import annotations

from datetime import timedelta

import pytest

from functions.deploy import facts, verdict
from functions.deploy.steady import Seen
from tests.unit.ecs_answers import ARN, Answers

OUTCOMES = {
    "aws_in_progress": "in_progress",
    "aws_succeeded": "succeeded",
    "aws_completed_but_unhealthy": "in_progress",
    "aws_rolling_back": "in_progress",
    "aws_rolled_back": "rolled_back",
    "aws_alarm_rolled_back": "rolled_back",
    "aws_image_not_found": "no_tasks",
    "aws_superseded": "superseded",
    "aws_first_release_failed": "failed",
    "listed_succeeded": "succeeded",
    "listed_rolled_back": "rolled_back",
    "forgotten_rolled_back": "rolled_back",
    "listed_superseded": "superseded",
}


def decide(answers: Answers) -> verdict.Verdict:
    return verdict.decide(answers.asked, answers.seen)


@pytest.mark.parametrize("name", OUTCOMES)
def test_outcome(name: str) -> None:
    found = decide(Answers(name))

    assert found.outcome == OUTCOMES[name], found
    assert bool(found.missing) == (found.outcome == "in_progress")
    assert found.task_definition == Answers(name).asked.task_definition


@pytest.mark.parametrize("name", [name for name in OUTCOMES if name.startswith("aws_")])
def test_outcome_is_the_same_where_ecs_keeps_no_service_deployments(name: str) -> None:
    answers = Answers(name)
    answers.content["describe_service_deployments"]["serviceDeployments"] = []

    assert decide(answers).outcome == OUTCOMES[name]


def test_in_progress_says_what_is_missing() -> None:
    assert decide(Answers("aws_in_progress")).missing == (
        "1 of 2 tasks running on easi-dev:7",
        "0 of 2 targets healthy (10.0.1.23:8080 is initial Elb.InitialHealthChecking: "
        "Initial health checks in progress)",
        "2 tasks still running on easi-dev:6",
    )


def test_completed_rollout_with_an_unhealthy_target_has_not_succeeded() -> None:
    found = decide(Answers("aws_completed_but_unhealthy"))

    assert found.healthy == 1
    assert found.missing == (
        "1 of 2 targets healthy (10.0.2.24:8080 is unhealthy Target.ResponseCodeMismatch: "
        "Health checks failed with these codes: [500])",
    )


def test_healthy_target_of_another_address_or_port_is_not_ours() -> None:
    for change in ({"Id": "10.0.9.9"}, {"Port": 8081}):
        answers = Answers("aws_succeeded")
        answers.content["describe_target_health"]["TargetHealthDescriptions"][0]["Target"] |= change

        assert decide(answers).missing == ("1 of 2 targets healthy (10.0.1.23:8080 is not registered)",)


def test_draining_target_of_ours_is_not_healthy_and_of_the_old_revision_does_not_matter() -> None:
    answers = Answers("aws_succeeded")
    targets = answers.content["describe_target_health"]["TargetHealthDescriptions"]
    assert [each["TargetHealth"]["State"] for each in targets[2:]] == ["draining", "draining"]
    targets[0]["TargetHealth"] = {"State": "draining"}

    assert decide(answers).missing == ("1 of 2 targets healthy (10.0.1.23:8080 is draining)",)


def test_task_of_the_old_revision_still_running_has_not_succeeded() -> None:
    answers = Answers("aws_succeeded")
    old = answers.content["describe_tasks"]["tasks"][2]
    old |= {"lastStatus": "RUNNING", "desiredStatus": "RUNNING"}

    assert decide(answers).missing == ("1 task still running on easi-dev:6",)


def test_task_of_the_replaced_deployment_of_the_same_revision_has_not_succeeded() -> None:
    answers = Answers("aws_succeeded")
    old = {**answers.service["deployments"][0], "id": "ecs-svc/1", "status": "ACTIVE", "runningCount": 1}
    answers.service["deployments"].append(old)

    assert decide(answers).missing == ("1 task of an earlier deployment still running",)


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ({"desiredCount": 3}, "2 of 3 tasks running on easi-dev:7"),
        ({"desiredCount": 1}, "2 of 1 tasks running on easi-dev:7"),
        ({"desiredCount": 0}, "the service's desired count is 0: no task can prove the revision"),
    ],
)
def test_running_must_equal_desired(change: dict[str, int], missing: str) -> None:
    answers = Answers("aws_succeeded")
    answers.service.update(change)

    assert missing in decide(answers).missing


def test_task_that_its_own_health_check_calls_unhealthy_has_not_succeeded() -> None:
    answers = Answers("listed_succeeded")
    answers.content["describe_tasks"]["tasks"][0]["healthStatus"] = "UNHEALTHY"

    assert decide(answers).missing == ("1 of 2 tasks unhealthy by their container's health check",)


def test_tasks_and_targets_alone_are_no_success_before_ecs_completes() -> None:
    answers = Answers("listed_succeeded")
    answers.service["deployments"][0]["rolloutState"] = "IN_PROGRESS"

    assert decide(answers).missing == ("ECS still calls the rollout IN_PROGRESS",)


def test_service_deployment_in_bake_time_is_no_success() -> None:
    answers = Answers("aws_succeeded")
    answers.content["describe_service_deployments"]["serviceDeployments"][0] |= {
        "status": "IN_PROGRESS",
        "lifecycleStage": "BAKE_TIME",
    }

    assert decide(answers).missing == ("ECS still calls the service deployment IN_PROGRESS BAKE_TIME",)


def test_strategy_other_than_rolling_needs_a_service_deployment() -> None:
    answers = Answers("listed_succeeded")
    answers.service["deploymentConfiguration"]["strategy"] = "BLUE_GREEN"

    assert decide(answers).missing == ("ECS has no record of the BLUE_GREEN deployment yet",)


def test_service_without_a_load_balancer_needs_no_targets() -> None:
    answers = Answers("listed_succeeded")
    seen = answers.seen
    answers.service["loadBalancers"] = []
    answers.content["describe_target_health"]["TargetHealthDescriptions"] = []
    bare = facts.service(answers.content["describe_services"]["services"][0])
    assert bare is not None

    assert verdict.decide(answers.asked, Seen(service=bare, tasks=seen.tasks)).outcome == "succeeded"


def test_way_back_is_waited_for_and_its_reason_is_told() -> None:
    found = decide(Answers("aws_rolling_back"))

    assert found.taken_back
    assert found.missing == ("ECS took it back: 2 of 2 tasks running on easi-dev:6",)
    assert found.reason == "Circuit breaker threshold was exceeded."


def test_rolled_back_names_failed_tasks_newest_first_and_what_the_events_say() -> None:
    found = decide(Answers("aws_rolled_back"))

    assert [task.id[:4] for task in found.failed_tasks] == ["3a5e", "2f3c", "1dd7"]
    assert found.events[-1] == (
        "(service easi-dev) (deployment ecs-svc/5846192370518264913) deployment failed: tasks failed to start."
    )
    assert not any("steady state" in message or "has started" in message for message in found.events)


def test_alarm_that_took_it_back_is_named() -> None:
    assert decide(Answers("aws_alarm_rolled_back")).reason == "Alarm was triggered. (alarms: easi-dev-5xx)"


def test_rollback_that_failed_itself_has_nothing_to_return_to() -> None:
    answers = Answers("aws_rolling_back")
    answers.content["describe_service_deployments"]["serviceDeployments"][0]["status"] = "ROLLBACK_FAILED"

    assert decide(answers).outcome == "failed"


def test_way_back_to_the_revision_that_failed_is_no_way_back() -> None:
    answers = Answers("aws_rolling_back")
    answers.service["deployments"][0]["taskDefinition"] = ARN.format(7)

    assert decide(answers).outcome == "failed"


@pytest.mark.parametrize("evidence", ["event", "reason"])
def test_rolled_back_is_told_from_superseded_by_either_of_two_signs(evidence: str) -> None:
    answers = Answers("aws_rolled_back")
    answers.content["describe_service_deployments"]["serviceDeployments"] = []
    if evidence == "event":
        answers.service["deployments"][0]["rolloutStateReason"] = "ECS deployment completed."
    else:
        answers.service["events"] = []

    assert decide(answers).outcome == "rolled_back"


def test_replaced_deployment_that_ecs_has_not_decided_on_is_not_judged() -> None:
    answers = Answers("aws_superseded")
    answers.content["describe_service_deployments"]["serviceDeployments"][1]["status"] = "IN_PROGRESS"

    assert decide(answers).missing == ("ECS still calls the service deployment IN_PROGRESS",)


def test_failed_primary_with_a_completed_revision_listed_is_about_to_be_taken_back() -> None:
    answers = Answers("aws_rolling_back")
    answers.content["describe_service_deployments"]["serviceDeployments"] = []
    new, ours = answers.service["deployments"]
    new |= {"status": "ACTIVE", "rolloutState": "COMPLETED"}
    ours |= {"status": "PRIMARY"}

    found = decide(answers)

    assert (found.outcome, found.taken_back) == ("in_progress", True)


def test_deployment_not_listed_yet_is_not_superseded() -> None:
    answers = Answers("aws_rolled_back")
    answers.content["describe_service_deployments"]["serviceDeployments"] = []
    answers.content["describe_tasks"]["tasks"] = []
    primary = answers.service["deployments"][0]
    primary |= {"createdAt": answers.began - timedelta(minutes=25), "rolloutStateReason": "completed."}
    answers.service["events"] = answers.service["events"][-1:]

    assert decide(answers).missing == ("ECS does not list the deployment yet",)


def test_earlier_failure_in_the_events_is_not_ours() -> None:
    answers = Answers("aws_superseded")
    answers.content["describe_service_deployments"]["serviceDeployments"] = []
    answers.service["events"].append(
        {
            "message": "(service easi-dev) (deployment ecs-svc/1) deployment failed: tasks failed to start.",
            "createdAt": answers.began - timedelta(hours=1),
        }
    )

    found = decide(answers)

    assert found.outcome == "superseded"
    assert found.events == ()


def test_stopped_task_of_another_deployment_is_not_ours() -> None:
    answers = Answers("aws_image_not_found")
    for task in answers.content["describe_tasks"]["tasks"][-3:]:
        task["startedBy"] = "ecs-svc/1"

    assert decide(answers).failed_tasks == ()


@pytest.mark.parametrize(("seconds", "found"), [(0, True), (59, True), (61, False)])
def test_service_deployment_is_ours_by_revision_and_time(seconds: int, *, found: bool) -> None:
    answers = Answers("aws_succeeded")
    mine = answers.content["describe_service_deployments"]["serviceDeployments"][0]
    mine["createdAt"] = answers.began + timedelta(seconds=seconds)

    assert (answers.seen.service_deployment is not None) == found


def test_service_deployment_of_another_revision_is_not_ours() -> None:
    answers = Answers("aws_succeeded")
    answers.content["describe_service_revisions"]["serviceRevisions"][2]["taskDefinition"] = ARN.format(8)

    assert answers.seen.service_deployment is None

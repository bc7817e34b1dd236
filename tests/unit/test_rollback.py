"""The deploy function going back: by ECS where it still can, else by a deployment; never over somebody else's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from functions.deploy import rollback
from functions.deploy.errors import RefusedError, UnavailableError
from functions.deploy.requests import Rollback
from tests.unit.ecs_answers import ARN, CLUSTER, LEASE, NEW, SERVICE, Answers, failing, updating

OURS = "ecs-svc/5846192370518264913"
RECORD = "arn:aws:ecs:us-west-2:111122223333:service-deployment/easi-dev/easi-dev/NCWGC2ZR-OURS"


def wanted(revision: int | None, **changes: Any) -> Rollback:
    settings: dict[str, Any] = {"lease": LEASE, "minimum_count": 1, "maximum_count": 4, "deployment": OURS}
    definition = ARN.format(revision) if revision else None
    return Rollback(task_definition=definition, **(settings | changes))


def primaries(answers: Answers) -> list[str]:
    return [each["id"] for each in answers.service["deployments"] if each["status"] == "PRIMARY"]


def stopping(answers: Answers) -> list[dict[str, Any]]:
    """Let StopServiceDeployment work, as ECS does it; the list has its arguments."""
    stopped: list[dict[str, Any]] = []

    def stop(asked: Mapping[str, Any]) -> dict[str, Any]:
        stopped.append(dict(asked))
        answers.content["describe_service_deployments"]["serviceDeployments"][0]["status"] = "ROLLBACK_REQUESTED"
        return {"serviceDeploymentArn": asked["serviceDeploymentArn"]}

    answers.replies["StopServiceDeployment"] = stop
    return stopped


def test_rollout_that_ecs_can_take_back_is_stopped_once() -> None:
    answers = Answers("aws_in_progress_recorded")
    stopped, updates = stopping(answers), updating(answers)

    first = rollback.rollback(answers.aws(), wanted(6))
    again = rollback.rollback(answers.aws(), wanted(6))

    assert stopped == [{"serviceDeploymentArn": RECORD, "stopType": "ROLLBACK"}]
    assert updates == []
    assert (first["outcome"], first["started"], first["deployment"]) == ("stopping", True, OURS)
    assert (again["outcome"], again["started"]) == ("stopping", False)


def test_answer_has_the_fields_of_a_deploy_and_the_outcome() -> None:
    answers = Answers("aws_succeeded")
    updating(answers)

    assert rollback.rollback(answers.aws(), wanted(6)) == {
        "service": SERVICE,
        "outcome": "started",
        "deployment": NEW,
        "taskDefinition": ARN.format(6),
        "createdAt": answers.began.isoformat(),
        "started": True,
        "replaces": ARN.format(7),
        "desiredCount": 2,
    }


def test_proven_deployment_is_replaced_once_by_the_revision_before() -> None:
    answers = Answers("aws_succeeded")
    updates = updating(answers)

    first = rollback.rollback(answers.aws(), wanted(6))
    again = rollback.rollback(answers.aws(), wanted(6))

    assert [update["taskDefinition"] for update in updates] == [ARN.format(6)]
    assert (first["outcome"], again["outcome"]) == ("started", "there")
    assert again["deployment"] == first["deployment"] == NEW


def two_to_go_back_to(answers: Answers, suffix: str = "") -> None:
    (record,) = answers.content["describe_service_deployments"]["serviceDeployments"]
    record["sourceServiceRevisions"].append({"arn": record["targetServiceRevision"]["arn"] + suffix})


def one_that_ecs_does_not_describe(answers: Answers) -> None:
    two_to_go_back_to(answers, "-gone")


def cannot_stop(code: str) -> Callable[[Answers], None]:
    return lambda answers: answers.replies.update(StopServiceDeployment=failing(code))


@pytest.mark.parametrize(
    ("name", "change", "revision"),
    [
        ("aws_in_progress", lambda _: None, 6),
        ("aws_in_progress_recorded", lambda _: None, 5),
        ("aws_in_progress_recorded", two_to_go_back_to, 6),
        ("aws_in_progress_recorded", one_that_ecs_does_not_describe, 6),
        ("aws_in_progress_recorded", cannot_stop("UnsupportedFeatureException"), 6),
        ("aws_in_progress_recorded", cannot_stop("InvalidParameterException"), 6),
    ],
    ids=["no record", "another revision is wanted", "two revisions before", "one unknown", "unsupported", "invalid"],
)
def test_rollout_that_ecs_cannot_take_back_is_replaced(
    name: str, change: Callable[[Answers], None], revision: int
) -> None:
    answers = Answers(name)
    stopped, updates = stopping(answers), updating(answers)
    change(answers)

    assert rollback.rollback(answers.aws(), wanted(revision))["outcome"] == "started"
    assert stopped == []
    assert [update["taskDefinition"] for update in updates] == [ARN.format(revision)]


@pytest.mark.parametrize("code", ["ConflictException", "ServiceDeploymentNotFoundException"])
def test_rollout_that_changed_meanwhile_is_looked_at_again(code: str) -> None:
    answers = Answers("aws_in_progress_recorded")
    updates = updating(answers)
    answers.replies["StopServiceDeployment"] = failing(code)

    with pytest.raises(UnavailableError, match="changed while it was being stopped"):
        rollback.rollback(answers.aws(), wanted(6))
    assert updates == []


@pytest.mark.parametrize(
    "name",
    ["aws_rolling_back", "aws_rolled_back", "aws_alarm_rolled_back", "listed_rolled_back", "forgotten_rolled_back"],
)
def test_what_ecs_took_back_itself_is_left_to_it(name: str) -> None:
    answers = Answers(name)

    answer = rollback.rollback(answers.aws(), wanted(6))

    assert (answer["outcome"], answer["started"]) == ("there", False)
    assert answer["taskDefinition"] == ARN.format(6)
    assert answer["deployment"] in primaries(answers)


@pytest.mark.parametrize("name", ["aws_rolling_back", "aws_rolled_back", "listed_rolled_back"])
def test_what_ecs_went_back_to_is_replaced_where_another_revision_was_proven(name: str) -> None:
    answers = Answers(name)
    updates = updating(answers)

    if name == "aws_rolling_back":  # ECS has not finished: a deployment now would be one more to wait for
        assert rollback.rollback(answers.aws(), wanted(5))["outcome"] == "stopping"
        assert updates == []
    else:
        assert rollback.rollback(answers.aws(), wanted(5))["outcome"] == "started"
        assert len(updates) == 1


@pytest.mark.parametrize("revision", [6, None])
@pytest.mark.parametrize("name", ["aws_superseded", "listed_superseded"])
def test_deployment_of_somebody_else_is_named_and_left(name: str, revision: int | None) -> None:
    answers = Answers(name)
    updates = updating(answers)
    primary = answers.service["deployments"][0]

    with pytest.raises(RefusedError, match="somebody else deploys it") as caught:
        rollback.rollback(answers.aws(), wanted(revision))
    assert f"{primary['id']} on easi-dev:8 since " in str(caught.value)
    assert updates == []


def test_without_a_deployment_of_ours_nothing_is_undone() -> None:
    answers = Answers("aws_succeeded")
    updates = updating(answers)

    with pytest.raises(RefusedError, match="taken back from no deployment"):
        rollback.rollback(answers.aws(), wanted(6, deployment=None))
    assert rollback.rollback(answers.aws(), wanted(7, deployment=None))["outcome"] == "there"
    assert updates == []


def test_failed_first_release_ends_with_no_tasks_wanted_once() -> None:
    answers = Answers("aws_first_release_failed")
    updates = updating(answers)

    first = rollback.rollback(answers.aws(), wanted(None))
    again = rollback.rollback(answers.aws(), wanted(None))

    assert updates == [{"cluster": CLUSTER, "service": SERVICE, "desiredCount": 0}]
    assert [(answer["outcome"], answer["started"]) for answer in (first, again)] == [
        ("stopped", True),
        ("stopped", False),
    ]
    assert first["desiredCount"] == 0


def test_revision_that_was_deregistered_is_no_way_back() -> None:
    answers = Answers("aws_succeeded")
    updates = updating(answers)
    answers.replies["DescribeTaskDefinition"] = lambda _: {"taskDefinition": {"status": "INACTIVE"}}

    with pytest.raises(RefusedError, match="easi-dev:6 is INACTIVE"):
        rollback.rollback(answers.aws(), wanted(6))
    assert updates == []


def test_lease_of_another_release_changes_nothing() -> None:
    answers = Answers("aws_succeeded")

    with pytest.raises(RefusedError, match="the lease is held by octocat"):
        rollback.rollback(answers.aws(), wanted(6, lease="another"))
    assert answers.names == ["GetObject"]

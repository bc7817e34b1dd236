"""A release begins only if what runs could be gone back to, or if there is a reason to do without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from functions.deploy.network import Network
from release.records import Proven
from tests.unit.one_of_each import one_of_each
from tests.unit.preflight_world import (
    EXECUTION,
    IMAGE,
    OLD_TASK,
    RUNTIME,
    SECRET,
    TASK,
    Registry,
    World,
    asked,
    fake_registry,
    problems,
)

ALL_THE_SAME = "RELEASE_REASON='why' pulumi up -s impl"
OLD_SECRET = f"{SECRET}-before"
OLD_ROLE = EXECUTION.replace("/teams/", "/before/")


registry = pytest.fixture(fake_registry, autouse=True)


def proven(**changes: Any) -> Proven:
    given: dict[str, Any] = {
        "version": "1" * 40,
        "image": IMAGE,
        "task_definition": OLD_TASK,
        "static_manifest": "sha256:" + "a" * 64,
        "verified_at": "2026-01-01T00:00:00Z",
    }
    verified_at = given.pop("verified_at")
    return Proven(**one_of_each(**(given | changes)), verified_at=verified_at)


def world() -> World:
    """The definition before has a secret of its own."""
    made = World()
    assert made.old_task
    made.old_task["containerDefinitions"] = [{**made.container, "secrets": [{"name": "D", "valueFrom": OLD_SECRET}]}]
    made.secrets[OLD_SECRET] = {"VersionIdsToStages": {"v1": ["AWSCURRENT"]}}
    return made


def in_old_task(**changes: Any) -> Callable[[World], None]:
    def change(world: World) -> None:
        assert world.old_task
        world.old_task |= changes

    return change


def without_old_task(world: World) -> None:
    world.old_task = None


def forbid(action: str, resource: str) -> Callable[[World], None]:
    return lambda world: world.forbidden.update({(action, resource): "implicitDeny"})


def test_a_way_back_that_is_there_is_no_problem() -> None:
    assert problems(world(), proven=proven()) == ((), [])


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (without_old_task, "the task definition easi-impl:1 does not exist"),
        (in_old_task(status="INACTIVE"), "the task definition easi-impl:1 is INACTIVE, and ECS runs ACTIVE ones only"),
        (in_old_task(executionRoleArn=OLD_ROLE.replace("execution", "gone")), "of the task definition does not exist"),
        (lambda world: world.secrets.pop(OLD_SECRET), f"the secret {OLD_SECRET} does not exist"),
        (
            forbid("secretsmanager:GetSecretValue", OLD_SECRET),
            f"the execution role {EXECUTION} may not read {OLD_SECRET} (secretsmanager:GetSecretValue is implicitDeny)",
        ),
        (forbid("iam:PassRole", RUNTIME), f"the deploy function may not pass its role {RUNTIME}"),
    ],
)
def test_what_is_missing_of_the_way_back_is_refused(broken: Callable[[World], Any], problem: str) -> None:
    made = world()
    broken(made)
    answer = asked(made, [], proven=proven())
    first, *others = answer.lines
    assert first.startswith("there is no way back to 111111111111 (easi-impl:1): ")
    assert first.endswith(problem)
    assert others == [] or "gone" in first
    assert answer.all_the_same == ALL_THE_SAME


def test_image_that_is_gone_is_no_way_back(registry: Registry) -> None:
    gone = IMAGE.replace("easi-impl@sha256:b", "easi-gone@sha256:c")
    ((first,), all_the_same) = asked(world(), [], proven=proven(image=gone))
    assert "the image sha256:cb" in first
    assert first.endswith("/easi-gone"), "how it is mended is about what comes"
    assert all_the_same == ALL_THE_SAME
    registry.places.add("easi-gone")
    assert problems(world(), proven=proven(image=gone)) == ((), [])


def test_a_reason_is_enough_to_do_without() -> None:
    made = world()
    del made.secrets[OLD_SECRET]
    found, said = problems(made, proven=proven(), reason="it is broken")
    assert found == ()
    assert len(said) == 1
    assert said[0].endswith(f"the secret {OLD_SECRET} does not exist; released all the same, for a reason was given")


def test_version_that_was_named_is_named_again() -> None:
    made = world()
    del made.secrets[OLD_SECRET]
    all_the_same = asked(made, [], proven=proven(), named=True).all_the_same
    assert all_the_same == f"RELEASE_VERSION={'2' * 40} RELEASE_REASON='why' pulumi up -s impl"


def test_what_is_released_again_needs_no_way_back() -> None:
    made = world()
    without_old_task(made)
    assert problems(made, proven=proven(task_definition=TASK)) == ((), [])


def test_what_the_role_may_not_ask_about_the_way_back_is_said() -> None:
    made = world()
    made.denied = {"simulate_principal_policy"}
    found, said = problems(made, proven=proven())
    assert found == ()
    assert "impl: whether the deploy function may start it was not checked" in "\n".join(said)


def test_a_network_before_without_an_exit_is_no_way_back() -> None:
    made = World()
    made.routes["rtb-a"] = []
    before = proven(task_definition=TASK, network=Network(subnets=("subnet-a",), security_groups=("sg-1",)))
    here, there = ({"subnets": [subnet], "securityGroups": ["sg-1"]} for subnet in ("subnet-a", "subnet-b"))

    found, _ = problems(made, proven=before, network=there)
    assert found[0].startswith(
        "there is no way back to 111111111111 (easi-impl:2): the subnet subnet-a (rtb-a) has no route"
    )
    assert len(found) == 1
    # The network that comes is checked for itself.
    found, _ = problems(made, proven=before, network=here)
    assert [problem.startswith("the subnet subnet-a") for problem in found] == [True]

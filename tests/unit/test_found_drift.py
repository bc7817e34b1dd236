"""What of a service and a site is seen by whom, and how it is told."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from botocore.exceptions import ClientError

from release import drift, session
from release.session import Clients
from release.static.errors import StaticReleaseError
from tests.unit.preflight_world import ECS, TASK, World, refused, request

MANIFEST = "sha256:" + "c" * 64


def look(world: World, site: Any = MANIFEST) -> drift.Running:
    def made(**_: Any) -> str | None:
        if isinstance(site, Exception):
            raise site
        found: str | None = site
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("release.static.drift.look", made)
        return drift.look(request(), world.clients)


def differences(found: drift.Running, **before: Any) -> tuple[str, ...]:
    """With what the last release left."""
    service = {"taskDefinition": TASK, **before}
    return drift.differences({"services": {"backend": service}, "sites": {"site": {"manifest": MANIFEST}}}, found)


def running(world: World, **changes: Any) -> World:
    assert world.service
    world.service |= changes
    return world


def test_what_runs_is_read_from_ecs_and_the_record() -> None:
    found = look(running(World(), taskDefinition=TASK))
    assert (found.services["backend"].task_definition, found.sites.get("site"), found.denied) == (TASK, MANIFEST, None)
    assert found.release is not None
    assert differences(found) == ()


def test_service_moved_by_hand_is_told() -> None:
    found = look(running(World(), taskDefinition=f"{ECS}:task-definition/easi-impl:7"))
    assert differences(found) == ("the service is to run easi-impl:7, and ran easi-impl:2",)


def test_service_scaled_to_nothing_by_hand_is_told() -> None:
    found = look(running(World(), taskDefinition=TASK, desiredCount=0))
    told = ("the service is to run easi-impl:2 scaled to 0 tasks, and ran easi-impl:2",)
    assert differences(found) == told
    wanted = request(counts={"minimum": 0.0, "maximum": 2.0})
    assert drift.look(wanted, denied_objects()).services["backend"].task_definition == TASK


def test_service_moved_to_another_network_by_hand_is_told() -> None:
    configuration: dict[str, Any] = {"subnets": ["subnet-b", "subnet-a"], "securityGroups": ["sg-1"]}
    moved = running(
        World(),
        taskDefinition=TASK,
        networkConfiguration={"awsvpcConfiguration": configuration | {"assignPublicIp": "ENABLED"}},
        enableExecuteCommand=True,
    )
    found = look(moved)
    network = {"subnets": ["subnet-a", "subnet-b"], "securityGroups": ["sg-1"]}
    assert differences(found, network=network, executeCommand=False) == (
        "the service is to run in subnet-a, subnet-b, sg-1, public addresses, and ran in subnet-a, subnet-b, sg-1",
        "ECS Exec of the service is on",
    )
    assert differences(found) == ()
    configuration["assignPublicIp"] = "DISABLED"
    assert moved.service
    moved.service["networkConfiguration"] = {"awsvpcConfiguration": configuration}
    found = look(moved)
    assert differences(found, network=network, executeCommand=True) == ()


def denied_objects() -> Clients:
    """The preview role's: ECS answers, S3 does not let it read."""
    world = running(World(), taskDefinition=TASK, desiredCount=0)

    class Denied:
        def get_object(self, **_: Any) -> None:
            raise refused("AccessDenied")

    return dataclasses.replace(world.clients, s3=Denied())


@pytest.mark.parametrize("service", [None, {"status": "INACTIVE"}])
def test_service_that_is_gone_is_told(service: dict[str, Any] | None) -> None:
    world = World()
    world.service = service
    found = look(world)
    assert found.services["backend"].task_definition is None
    assert differences(found)[0].startswith("the service is to run nothing: it is gone")


def test_changed_site_is_told() -> None:
    found = look(running(World(), taskDefinition=TASK), site=f"{MANIFEST} changed: index.html")
    assert differences(found) == (f"the site is {MANIFEST} changed: index.html, and was {MANIFEST}",)
    found = look(running(World(), taskDefinition=TASK), site=None)
    assert differences(found) == (f"the site is empty, and was {MANIFEST}",)


def test_role_that_reads_no_object_still_sees_the_service() -> None:
    found = drift.look(request(), denied_objects())
    assert found.services["backend"].task_definition == f"{TASK} scaled to 0 tasks"
    assert (found.release, found.sites.get("site")) == (None, None)
    assert found.denied is not None
    assert "AccessDenied" in found.denied
    assert len(differences(found)) == 1


def test_what_fails_otherwise_is_raised() -> None:
    error = StaticReleaseError("could not list: SlowDown")
    with pytest.raises(StaticReleaseError, match="SlowDown"):
        look(World(), site=error)


@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"])
def test_denials_are_known_in_every_services_words(code: str) -> None:
    assert session.is_denied(refused(code))
    wrapped = StaticReleaseError("could not read")
    wrapped.__cause__ = refused(code)
    assert session.is_denied(wrapped)


@pytest.mark.parametrize("error", [refused("Throttling"), ClientError({"Error": {"Code": "404"}}, "Head"), OSError()])
def test_other_errors_are_no_denials(error: Exception) -> None:
    assert not session.is_denied(error)


def test_clients_are_made_when_they_are_asked_for_and_once() -> None:
    made: list[tuple[str, str]] = []

    def make(service: str, region: str) -> str:
        made.append((service, region))
        return service

    clients = Clients(s3=None, cloudfront=None, function=None, make=make)
    assert made == []
    names: list[Any] = [clients.ecs, clients.ecs, clients.ec2, clients.iam, clients.elbv2]
    assert names == ["ecs", "ecs", "ec2", "iam", "elbv2"]
    clients.secretsmanager("us-east-1")
    clients.ssm()
    expected = [("ecs", ""), ("ec2", ""), ("iam", ""), ("elbv2", ""), ("secretsmanager", "us-east-1"), ("ssm", "")]
    assert made == expected
    assert clients.caller == ""


def test_clients_of_a_test_that_made_none_say_so() -> None:
    with pytest.raises(LookupError, match="a client of ecs"):
        _ = Clients(s3=None, cloudfront=None, function=None).ecs

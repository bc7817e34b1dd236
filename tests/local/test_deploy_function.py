"""The deploy function as it runs: a real invocation, real tasks in containers, real health checks of targets."""

from __future__ import annotations

import contextlib
import itertools
import socket
from collections.abc import Iterator

import docker
import pytest

from local.emulator import process
from release.rollout import RolloutFailed, RolloutRequest, roll_out
from tests.local.deployed_service import Aws, Service, build_image, create

NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    folder = tmp_path_factory.mktemp("emulator")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    name = f"deploy-test-{port}"
    engine = docker.from_env()
    image = build_image(engine, tmp_path_factory.mktemp("program"), f"{name}:latest")
    settings = process.EmulatorSettings(folder=folder, port=port)
    try:
        emulator = process.start(settings, print)
        yield Aws(endpoint=emulator.endpoint, name=name, image=image)
    finally:
        process.stop(folder, print)
        with contextlib.suppress(docker.errors.ImageNotFound):
            engine.images.remove(image, force=True)
        engine.close()


@pytest.fixture
def service(aws: Aws) -> Service:
    name = f"deploy-{next(NUMBERS)}"
    made = Service(aws=aws, name=name, function=f"{name}-deploy", said=[], suffix="-1a2b3c4")
    create(made)
    return made


def test_first_deployment_brings_a_service_from_no_tasks_to_healthy_targets(service: Service) -> None:
    revision = service.register("one")
    assert service.on() is None

    done = service.roll_out(revision)

    assert (done.started, done.replaced, done.desired_count) == (True, None, 2)
    assert service.running() == [revision, revision]
    assert service.on() == revision
    assert any("0 of 2 targets healthy" in line or "of 2 tasks running" in line for line in service.said), service.said


def test_second_revision_replaces_the_first_and_only_force_repeats_it(service: Service) -> None:
    first, second = service.register("one"), service.register("two")
    service.roll_out(first)

    done = service.roll_out(second)
    again = service.roll_out(second)
    forced = service.roll_out(second, force=True)

    assert (done.started, done.replaced) == (True, first)
    assert (again.started, again.deployment) == (False, done.deployment)
    assert forced.started
    assert forced.deployment != done.deployment
    assert service.running() == [second, second]


@pytest.mark.parametrize("mode", ["crash", "broken"])
def test_bad_revision_is_taken_back_and_explained(service: Service, mode: str) -> None:
    good, bad = service.register("one"), service.register(mode)
    service.roll_out(good)

    with pytest.raises(RolloutFailed) as caught:
        service.roll_out(bad)

    assert caught.value.outcome == "rolled_back"
    assert f"The service is on {good.rsplit('/', 1)[-1]}, 2 of 2 tasks running" in caught.value.message
    assert service.running() == [good, good]
    expected = {"crash": "exit code 3", "broken": "health checks"}[mode]
    assert any(expected in line for line in caught.value.details), caught.value.details
    assert any(f"backend | starting {mode}" in line for line in caught.value.details), caught.value.details


def test_image_that_does_not_exist_is_no_tasks(service: Service) -> None:
    good, bad = service.register("one"), service.register("two", image="localhost:9/nowhere@sha256:" + "0" * 64)
    service.roll_out(good)

    with pytest.raises(RolloutFailed) as caught:
        service.roll_out(bad)

    assert caught.value.outcome == "no_tasks"
    assert service.running() == [good, good]


def test_failed_first_deployment_has_nothing_to_return_to_and_can_be_repeated(service: Service) -> None:
    with pytest.raises(RolloutFailed) as caught:
        service.roll_out(service.register("crash"))
    assert caught.value.outcome == "failed"

    good = service.register("one")
    assert service.roll_out(good).started
    assert service.running() == [good, good]


def test_deadline_says_what_was_still_missing(service: Service) -> None:
    with pytest.raises(RolloutFailed) as caught:
        service.roll_out(service.register("silent"), deadline_s=3)

    assert caught.value.outcome == "timed_out"
    assert "0 of 2 targets healthy" in caught.value.message


def test_newer_deployment_supersedes(service: Service) -> None:
    first, second, third = service.register("one"), service.register("two"), service.register("three")
    service.roll_out(first)
    ecs = service.aws.client("ecs")
    began: list[str] = []

    def overtake(line: str) -> None:
        if " begins" in line and not began:
            began.append(line)
            ecs.update_service(cluster=service.aws.name, service=service.service_name, taskDefinition=third)

    request = RolloutRequest(
        function=service.function, task_definition=second, minimum_count=2, maximum_count=4, deadline_s=60
    )
    with pytest.raises(RolloutFailed) as caught:
        roll_out(service.aws.client("lambda"), request, overtake)

    assert caught.value.outcome == "superseded"
    assert third.rsplit("/", 1)[-1] in caught.value.message


def test_inactive_revision_is_refused(service: Service) -> None:
    revision = service.register("one")
    service.aws.client("ecs").deregister_task_definition(taskDefinition=revision)

    with pytest.raises(RolloutFailed, match=r"is INACTIVE: it was deregistered") as caught:
        service.roll_out(revision)

    assert caught.value.outcome == "refused"
    assert service.on() is None


def test_bad_event_sets_function_error_and_names_the_field(service: Service) -> None:
    with pytest.raises(RolloutFailed, match='"minimumCount" must be a whole number') as caught:
        service.roll_out(service.register("one"), minimum_count=0)

    assert caught.value.outcome == "refused"

"""A task of several containers behind a load balancer, in the emulator."""

from __future__ import annotations

from tests.local.emulator_world import Service, wait_for

pytest_plugins = ["tests.local.emulator_fixtures"]


def test_requests_reach_the_container_that_the_service_names(service: Service) -> None:
    revision = service.revision("", "main")
    client = service.world.client("ecs")
    app = client.describe_task_definition(taskDefinition=revision)["taskDefinition"]["containerDefinitions"][0]
    # It listens, too: without the right address, it would be the one that answers.
    sidecar = app | {"name": "a-sidecar", "essential": False, "portMappings": []}
    sidecar["environment"] = [{"name": "VERSION", "value": "sidecar"}]
    both = client.register_task_definition(
        family=service.name,
        containerDefinitions=[sidecar, app],
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="256",
        memory="512",
    )["taskDefinition"]["taskDefinitionArn"]
    service.create(both, count=1)
    assert wait_for(lambda: service.targets() == [("healthy", "")], seconds=60), service.describe()
    assert service.get() == (200, "main uid=65532")
    assert len(service.containers()) == 2

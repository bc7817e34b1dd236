"""What the emulator answers where it used to differ from AWS."""

from __future__ import annotations

import base64
import hashlib
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.emulated import REGION
from tests.local.emulator_world import Service, World, wait_for

pytest_plugins = ["tests.local.emulator_fixtures"]


def test_inactive_task_definition_is_refused(service: Service) -> None:
    good, gone = service.revision("healthy"), service.revision("healthy")
    service.create(good)
    client = service.world.client("ecs")
    client.deregister_task_definition(taskDefinition=gone)
    with pytest.raises(ClientError, match="TaskDefinition is inactive"):
        service.deploy(gone)
    with pytest.raises(ClientError, match="TaskDefinition is inactive"):
        client.run_task(cluster="tests", taskDefinition=gone)
    assert service.describe()["taskDefinition"] == good


def test_container_settings_reach_docker(service: Service) -> None:
    settings: dict[str, Any] = {
        "entryPoint": ["/server"],
        "workingDirectory": "/tmp",
        "linuxParameters": {"capabilities": {"drop": ["ALL"]}, "initProcessEnabled": True},
        "dockerLabels": {"team": "platform"},
        "healthCheck": {"command": ["CMD", "/server", "probe", "health"], "interval": 5, "timeout": 2, "retries": 2},
    }
    service.create(service.revision("healthy", **settings), count=1)
    client = service.world.client("ecs")

    assert wait_for(lambda: len(service.containers()) == 1)
    attributes = service.containers()[0].attrs
    host, config = attributes["HostConfig"], attributes["Config"]
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert host["Init"] is True
    assert host["Memory"] == 512 * 1024 * 1024
    assert config["User"] == "65532"
    assert config["WorkingDir"] == "/tmp"
    assert config["Entrypoint"] == ["/server"]
    assert config["Labels"]["team"] == "platform"
    assert config["Healthcheck"]["Test"] == ["CMD", "/server", "probe", "health"]
    arns = client.list_tasks(cluster="tests", serviceName=service.name)["taskArns"]

    def health() -> str:
        return str(client.describe_tasks(cluster="tests", tasks=arns)["tasks"][0]["healthStatus"])

    assert wait_for(lambda: health() == "HEALTHY")


def test_lines_of_one_stream_are_found_by_its_prefix(world: World) -> None:
    client = world.client("logs")
    for name in ("one/app/1", "two/app/1"):
        client.create_log_stream(logGroupName="/ecs/tests", logStreamName=name)
        event = {"timestamp": int(time.time() * 1000), "message": name}
        client.put_log_events(logGroupName="/ecs/tests", logStreamName=name, logEvents=[event])
    for prefix, lines in (("one/", ["one/app/1"]), ("none/", [])):
        found = client.filter_log_events(logGroupName="/ecs/tests", logStreamNamePrefix=prefix)["events"]
        assert [event["message"] for event in found] == lines


def test_object_checksum_is_answered(world: World) -> None:
    client = world.client("s3")
    client.create_bucket(Bucket="tests", CreateBucketConfiguration={"LocationConstraint": REGION})
    digest = base64.b64encode(hashlib.sha256(b"content").digest()).decode()
    answer = client.put_object(Bucket="tests", Key="a", Body=b"content", ChecksumSHA256=digest)
    assert answer["ChecksumSHA256"] == digest
    wrong = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    with pytest.raises(ClientError, match="BadDigest"):
        client.put_object(Bucket="tests", Key="a", Body=b"content", ChecksumSHA256=wrong)


def test_both_addresses_of_an_image_are_pulled(service: Service) -> None:
    _, _, digest = service.world.image.partition("@")
    local = f"localhost:{service.world.emulator.port}/server@{digest}"
    for image in (service.world.image, local):
        revision = service.revision("healthy", image=image)
        if image == local:
            assert service.outcome(service.deploy(revision)) == "COMPLETED"
        else:
            service.create(revision, count=1)
            assert wait_for(lambda: ("healthy", "") in service.targets())


def test_another_network_is_a_deployment_and_one_without_a_way_out_is_taken_back(service: Service) -> None:
    ecs, ec2 = service.world.client("ecs"), service.world.client("ec2")
    service.create(service.revision("healthy"))
    first = service.deploy(service.describe()["taskDefinition"])
    assert service.outcome(first) == "COMPLETED"

    def network() -> list[str]:
        subnets: list[str] = service.describe()["networkConfiguration"]["awsvpcConfiguration"]["subnets"]
        return subnets

    def move(subnet: str) -> str:
        place = {"subnets": [subnet], "securityGroups": [service.world.group]}
        answer = ecs.update_service(
            cluster="tests", service=service.name, networkConfiguration={"awsvpcConfiguration": place}
        )
        return str(answer["service"]["deployments"][0]["id"])

    second = move("subnet-2")
    assert second != first
    assert service.outcome(second) == "COMPLETED"
    assert move("subnet-2") == second
    vpc = ec2.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
    third = move(ec2.create_subnet(VpcId=vpc, CidrBlock="10.77.1.0/24")["Subnet"]["SubnetId"])
    assert service.outcome(third) == "FAILED"
    assert wait_for(lambda: service.outcome(second) == "COMPLETED")
    assert network() == ["subnet-2"]
    assert any("unable to retrieve ecr registry auth" in str(task["stoppedReason"]) for task in service.stopped())

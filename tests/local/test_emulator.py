"""The emulator as a release meets it: only a task that really serves becomes a healthy deployment.

Real containers in an emulator of its own, on a free port, in a temporary folder.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import io
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import docker
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local.emulator.process import EmulatorSettings, Running, running, start, stop

SERVER = """
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	mode := os.Getenv("MODE")
	if len(os.Args) > 1 && os.Args[1] == "probe" {
		answer, err := http.Get("http://127.0.0.1:8080/" + os.Args[2])
		if err != nil || answer.StatusCode != 200 {
			os.Exit(1)
		}
		return
	}
	switch mode {
	case "crash":
		fmt.Println("no settings")
		os.Exit(3)
	case "deaf":
		time.Sleep(time.Hour)
	case "slow-start":
		time.Sleep(2 * time.Second)
	case "crash-later":
		go func() { time.Sleep(4 * time.Second); fmt.Println("lost"); os.Exit(4) }()
	}
	started := time.Now()
	http.HandleFunc("/health", func(w http.ResponseWriter, r *http.Request) {
		if mode == "500" || (mode == "turns" && time.Since(started) > 8*time.Second) {
			w.WriteHeader(500)
		}
	})
	http.HandleFunc("/wrong", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) })
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			time.Sleep(1500 * time.Millisecond)
		}
		fmt.Fprintf(w, "%s uid=%d", os.Getenv("VERSION"), os.Getuid())
	})
	server := &http.Server{Addr: ":8080"}
	go server.ListenAndServe()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	<-stop
	fmt.Println("asked to stop")
	server.Shutdown(context.Background())
}
"""

REGION = "us-west-2"
SETTLED_S = 40.0


@dataclass(frozen=True, kw_only=True)
class World:
    """One emulator with a network, a load balancer and an image to run."""

    emulator: Running
    image: str
    balancer: dict[str, Any]
    folder: Path

    def client(self, name: str) -> Any:
        return boto3.client(
            name,
            endpoint_url=self.emulator.endpoint,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}),
        )

    def get(self, path: str, host: str, **headers: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.emulator.port, timeout=20)
        connection.request("GET", path, headers={"Host": host, **headers})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    if shutil.which("go") is None:
        pytest.fail("these tests build a small server: Go is needed on PATH")
    folder = tmp_path_factory.mktemp("emulator")
    emulator = start(EmulatorSettings(folder=folder / "run", port=_free_port()), print)
    try:
        world = World(emulator=emulator, image="", balancer={}, folder=folder / "run")
        image = _push_server(world, tmp_path_factory.mktemp("server"))
        balancer = world.client("elbv2").create_load_balancer(Name="lb", Subnets=["subnet-1", "subnet-2"])
        world.client("ecs").create_cluster(clusterName="tests")
        world.client("logs").create_log_group(logGroupName="/ecs/tests")
        yield World(emulator=emulator, image=image, balancer=balancer["LoadBalancers"][0], folder=folder / "run")
    finally:
        stop(folder / "run", print)
        engine = docker.from_env()
        for pushed in engine.images.list():
            names = [*pushed.attrs["RepoTags"], *pushed.attrs["RepoDigests"]]
            if any(name.startswith(f"localhost:{emulator.port}/") for name in names):
                engine.images.remove(str(pushed.id), force=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _push_server(world: World, folder: Path) -> str:
    (folder / "main.go").write_text(SERVER)
    (folder / "go.mod").write_text("module server\n\ngo 1.21\n")
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=mod"}
    subprocess.run(["go", "build", "-o", "server", "."], cwd=folder, env=environment, check=True)
    world.client("ecr").create_repository(repositoryName="server")
    repository = f"localhost:{world.emulator.port}/server"
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        archive.add(folder / "server", "server")
        dockerfile = b'FROM scratch\nCOPY server /server\nENTRYPOINT ["/server"]\n'
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(dockerfile)
        archive.addfile(entry, io.BytesIO(dockerfile))
    context.seek(0)
    engine = docker.from_env()
    engine.images.build(fileobj=context, custom_context=True, tag=f"{repository}:1", rm=True)
    for line in engine.images.push(repository, tag="1", stream=True, decode=True):
        assert "error" not in line, line
    engine.images.remove(f"{repository}:1")
    details = world.client("ecr").describe_images(repositoryName="server")["imageDetails"]
    return f"000000000000.dkr.ecr.{REGION}.amazonaws.com/server@{details[0]['imageDigest']}"


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service behind a listener rule of its own."""

    world: World
    name: str
    group: str
    port: int

    def revision(self, mode: str, version: str = "1", **settings: Any) -> str:
        container = {
            "name": "app",
            "image": self.world.image,
            "essential": True,
            "portMappings": [{"containerPort": 8080}],
            "environment": [{"name": "MODE", "value": mode}, {"name": "VERSION", "value": version}],
            "user": "65532",
            "readonlyRootFilesystem": True,
            "stopTimeout": 5,
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": "/ecs/tests",
                    "awslogs-region": REGION,
                    "awslogs-stream-prefix": self.name,
                },
            },
            **settings,
        }
        answer = self.world.client("ecs").register_task_definition(
            family=self.name,
            containerDefinitions=[container],
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="256",
            memory="512",
        )
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def create(self, revision: str, count: int = 0) -> None:
        self.world.client("ecs").create_service(
            cluster="tests",
            serviceName=self.name,
            taskDefinition=revision,
            desiredCount=count,
            launchType="FARGATE",
            loadBalancers=[{"targetGroupArn": self.group, "containerName": "app", "containerPort": 8080}],
            networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
            deploymentConfiguration={
                "deploymentCircuitBreaker": {"enable": True, "rollback": True},
                "minimumHealthyPercent": 100,
                "maximumPercent": 200,
            },
        )

    def deploy(self, revision: str, count: int = 1) -> str:
        answer = self.world.client("ecs").update_service(
            cluster="tests", service=self.name, taskDefinition=revision, desiredCount=count, forceNewDeployment=True
        )
        return str(answer["service"]["deployments"][0]["id"])

    def describe(self) -> dict[str, Any]:
        services = self.world.client("ecs").describe_services(cluster="tests", services=[self.name])["services"]
        found: dict[str, Any] = services[0]
        return found

    def outcome(self, deployment: str) -> str:
        deadline = time.monotonic() + SETTLED_S
        while time.monotonic() < deadline:
            state = next((item for item in self.describe()["deployments"] if item["id"] == deployment), None)
            if state is None:
                return "gone"
            if state["rolloutState"] in {"COMPLETED", "FAILED"}:
                return str(state["rolloutState"])
            time.sleep(0.3)
        return f"nothing within {SETTLED_S:.0f} s: {self.describe()}"

    def targets(self) -> list[tuple[str, str]]:
        found = self.world.client("elbv2").describe_target_health(TargetGroupArn=self.group)
        health = [item["TargetHealth"] for item in found["TargetHealthDescriptions"]]
        return [(item["State"], item.get("Reason", "")) for item in health]

    def stopped(self) -> list[dict[str, Any]]:
        client = self.world.client("ecs")
        arns = client.list_tasks(cluster="tests", family=self.name, desiredStatus="STOPPED")["taskArns"]
        tasks: list[dict[str, Any]] = client.describe_tasks(cluster="tests", tasks=arns)["tasks"] if arns else []
        return tasks

    def containers(self) -> list[Any]:
        family = f"com.amazonaws.ecs.task-definition-family={self.name}"
        found: list[Any] = docker.from_env().containers.list(filters={"label": family})
        image = f"localhost:{self.world.emulator.port}/"
        return [item for item in found if str(item.attrs["Config"]["Image"]).startswith(image)]

    def delete(self) -> None:
        with contextlib.suppress(ClientError):  # it was never made
            self.world.client("ecs").delete_service(cluster="tests", service=self.name, force=True)

    def get(self, path: str = "/") -> tuple[int, str]:
        return self.world.get(path, f"lb.alb.localhost:{self.port}")


def make_service(world: World, name: str) -> Service:
    balancing = world.client("elbv2")
    group = balancing.create_target_group(
        Name=name,
        Protocol="HTTP",
        Port=8080,
        VpcId="vpc-1",
        TargetType="ip",
        HealthCheckPath="/health",
        HealthCheckIntervalSeconds=5,  # the least that AWS takes
        HealthCheckTimeoutSeconds=2,
        HealthyThresholdCount=2,
        UnhealthyThresholdCount=2,
    )["TargetGroups"][0]["TargetGroupArn"]
    attributes = [{"Key": "deregistration_delay.timeout_seconds", "Value": "5"}]
    balancing.modify_target_group_attributes(TargetGroupArn=group, Attributes=attributes)
    port = _free_port()
    balancing.create_listener(
        LoadBalancerArn=world.balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=port,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    return Service(world=world, name=name, group=group, port=port)


@pytest.fixture
def service(world: World, request: pytest.FixtureRequest) -> Iterator[Service]:
    name = str(request.node.name).removeprefix("test_").replace("_", "-")
    made = make_service(world, name[:32].strip("-"))
    yield made
    made.delete()


def _await(what: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if what():
            return True
        time.sleep(0.2)
    return False


def test_healthy_task_completes_and_is_served(service: Service) -> None:
    service.create(service.revision("healthy"))
    deployment = service.deploy(service.revision("healthy", "2"))
    assert service.get()[0] == 503  # before the first passed check
    assert service.outcome(deployment) == "COMPLETED"
    assert service.get() == (200, "2 uid=65532")
    assert ("healthy", "") in service.targets()


FAILURES = {
    "crash": ({}, "Essential container exited"),
    "crash-later": ({}, "Essential container exited"),
    "deaf": ({}, "Task failed ELB health checks in (target-group "),
    "500": ({}, "Task failed ELB health checks in (target-group "),
    "healthy": (
        {"healthCheck": {"command": ["CMD", "/server", "probe", "wrong"], "interval": 5, "timeout": 2, "retries": 1}},
        "Task failed container health checks",
    ),
}


@pytest.fixture(scope="module")
def failing(world: World) -> Iterator[dict[str, tuple[Service, str]]]:
    """One service per way to fail, all deployed at once: the slow ones take half a minute by AWS's own minimums."""
    started = {}
    for mode, (settings, _) in FAILURES.items():
        made = make_service(world, f"fails-{mode}")
        made.create(made.revision("healthy"))
        started[mode] = (made, made.deploy(made.revision(mode, "1", **settings)))
    yield started
    for made, _ in started.values():
        made.delete()


@pytest.mark.parametrize("mode", FAILURES)
def test_task_that_does_not_serve_fails_its_deployment(failing: dict[str, tuple[Service, str]], mode: str) -> None:
    service, deployment = failing[mode]
    assert service.outcome(deployment) == "FAILED"
    reason = FAILURES[mode][1]
    tasks = service.stopped()
    assert tasks
    assert all(task["stoppedReason"].startswith(reason) for task in tasks), tasks


def test_crash_loop_without_a_deployment_is_slowed_down(service: Service) -> None:
    service.create(service.revision("crash"), count=1)  # such a deployment has completed before its first task
    slowed = "is unable to consistently start tasks successfully"
    assert _await(lambda: any(slowed in event["message"] for event in service.describe()["events"]))
    before = len(service.stopped())
    time.sleep(4)
    assert len(service.stopped()) - before <= 2
    assert service.get()[0] == 503


def test_failed_deployment_goes_back_to_the_one_before(service: Service) -> None:
    service.create(service.revision("healthy"))
    good = service.revision("healthy", "good")
    assert service.outcome(service.deploy(good)) == "COMPLETED"
    assert service.outcome(service.deploy(service.revision("crash", "bad"))) == "FAILED"
    assert service.describe()["taskDefinition"] == good
    assert service.get() == (200, "good uid=65532")


def test_target_that_turns_unhealthy_gets_no_traffic_and_is_replaced(service: Service) -> None:
    service.create(service.revision("healthy"))
    deployment = service.deploy(service.revision("turns"))
    assert service.outcome(deployment) == "COMPLETED"
    assert service.get()[0] == 200
    assert _await(lambda: any("ELB health checks" in task["stoppedReason"] for task in service.stopped()), 40)
    assert _await(lambda: service.get()[0] == 200)  # the replacement, which is well for a while again
    assert any("is unhealthy in" in event["message"] for event in service.describe()["events"])


def test_rolling_update_loses_no_request(service: Service) -> None:
    service.create(service.revision("healthy"))
    assert service.outcome(service.deploy(service.revision("healthy", "old"), 2)) == "COMPLETED"
    answers: list[tuple[int, str]] = []
    done = threading.Event()

    def ask(path: str) -> None:
        while not done.is_set():
            answers.append(service.get(path))
            time.sleep(0.02)

    callers = [threading.Thread(target=ask, args=(path,)) for path in ("/", "/", "/slow", "/slow")]
    for caller in callers:
        caller.start()
    try:
        assert service.outcome(service.deploy(service.revision("slow-start", "new"), 2)) == "COMPLETED"
        assert _await(lambda: len(service.stopped()) == 2)
    finally:
        done.set()
        for caller in callers:
            caller.join()
    assert {status for status, _ in answers} == {200}
    assert service.get()[1].startswith("new")
    assert len(answers) > 100


def test_stopped_task_drains_and_ends_by_itself(service: Service) -> None:
    service.create(service.revision("healthy"))
    assert service.outcome(service.deploy(service.revision("healthy"))) == "COMPLETED"
    slow: list[tuple[int, str]] = []
    caller = threading.Thread(target=lambda: slow.append(service.get("/slow")))
    caller.start()
    time.sleep(0.3)
    service.world.client("ecs").update_service(cluster="tests", service=service.name, desiredCount=0)
    assert service.targets() == [("draining", "Target.DeregistrationInProgress")]
    caller.join()
    assert slow == [(200, "1 uid=65532")]
    assert _await(lambda: [task["lastStatus"] for task in service.stopped()] == ["STOPPED"])
    assert service.stopped()[0]["containers"][0]["exitCode"] == 0
    assert service.stopped()[0]["stopCode"] == "ServiceSchedulerInitiated"
    events = service.world.client("logs").filter_log_events(
        logGroupName="/ecs/tests", logStreamNamePrefix=f"{service.name}/"
    )["events"]
    assert [event["message"] for event in events] == ["asked to stop"]
    assert service.targets() == []


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

    assert _await(lambda: len(service.containers()) == 1)
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

    assert _await(lambda: health() == "HEALTHY")


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
            assert _await(lambda: ("healthy", "") in service.targets())


def test_distribution_reaches_the_balancer_through_a_vpc_origin(service: Service) -> None:
    service.create(service.revision("healthy", "behind"), count=1)
    assert _await(lambda: service.get()[0] == 200)
    client = service.world.client("cloudfront")
    origin = client.create_vpc_origin(
        VpcOriginEndpointConfig={
            "Name": "to-balancer",
            "Arn": service.world.balancer["LoadBalancerArn"],
            "HTTPPort": service.port,
            "HTTPSPort": 443,
            "OriginProtocolPolicy": "http-only",
        }
    )["VpcOrigin"]
    distribution = client.create_distribution(
        DistributionConfig={
            "CallerReference": "1",
            "Comment": "",
            "Enabled": True,
            "Origins": {
                "Quantity": 1,
                "Items": [
                    {
                        "Id": "api",
                        "DomainName": service.world.balancer["DNSName"],
                        "VpcOriginConfig": {"VpcOriginId": origin["Id"]},
                    }
                ],
            },
            "DefaultCacheBehavior": {
                "TargetOriginId": "api",
                "ViewerProtocolPolicy": "redirect-to-https",
                "CachePolicyId": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
            },
        }
    )["Distribution"]
    host = f"{distribution['Id']}.cloudfront.localhost:{service.world.emulator.port}"
    assert service.world.get("/", host) == (200, "behind uid=65532")
    assert service.world.get("/", host, **{"X-Forwarded-Proto": "http"})[0] == 301


def test_scalable_target_is_registered_and_described(world: World) -> None:
    client = world.client("application-autoscaling")
    which = {
        "ServiceNamespace": "ecs",
        "ResourceId": "service/tests/any",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    policy = {
        "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
        "TargetValue": 60.0,
    }
    with pytest.raises(ClientError, match="No scalable target registered"):
        client.put_scaling_policy(PolicyName="cpu", PolicyType="TargetTrackingScaling", **which)
    client.register_scalable_target(MinCapacity=1, MaxCapacity=4, **which)
    client.put_scaling_policy(
        PolicyName="cpu",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=policy,
        **which,
    )
    found = client.describe_scalable_targets(ServiceNamespace="ecs", ResourceIds=["service/tests/any"])
    assert [(item["MinCapacity"], item["MaxCapacity"]) for item in found["ScalableTargets"]] == [(1, 4)]
    policies = client.describe_scaling_policies(**which)["ScalingPolicies"]
    assert policies[0]["TargetTrackingScalingPolicyConfiguration"] == policy
    client.deregister_scalable_target(**which)
    assert client.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"] == []


@pytest.mark.parametrize("how", ["in order", "killed"])
def test_service_comes_back_after_a_restart(world: World, how: str) -> None:
    service = make_service(world, f"restart-{how.replace(' ', '-')}")
    service.create(service.revision("healthy"))
    assert service.outcome(service.deploy(service.revision("healthy", "kept"))) == "COMPLETED"
    folder = world.folder
    before = running(folder)
    assert before is not None
    if how == "killed":
        time.sleep(2)  # what was changed last is on disk a second later
        os.kill(before.pid, signal.SIGKILL)
        assert _await(lambda: running(folder) is None)
    else:
        stop(folder, print)
    again = start(EmulatorSettings(folder=folder), print)
    assert again.port == before.port
    assert again.pid != before.pid
    assert start(EmulatorSettings(folder=folder), print) == again
    assert _await(lambda: service.get() == (200, "kept uid=65532"))
    assert [container.status for container in service.containers()] == ["running"]
    client = world.client("ecs")
    tasks = client.list_tasks(cluster="tests", serviceName=service.name)["taskArns"]
    assert len(tasks) == 1
    assert client.describe_tasks(cluster="tests", tasks=tasks)["tasks"][0]["lastStatus"] == "RUNNING"
    service.delete()

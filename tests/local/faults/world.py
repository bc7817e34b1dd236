"""One environment that is up, releases of it in processes of their own, and what serves there."""

from __future__ import annotations

import json
import os
import secrets
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
from botocore.config import Config
from botocore.exceptions import ClientError

from release import http, lease, records, stack
from release.inputs import upgraded
from release.static import builds
from tests.bench.load import vegeta
from tests.local.clone import Clone
from tests.local.emulated import client
from tests.local.faults import image, sites
from tests.local.faults.case import Case
from tests.local.faults.page import RATE
from tests.local.faults.process import Ended, Process
from tests.local.faults.proxy import Proxy

HEALTH = {"deadline": 8, "passes": 3, "interval": 0.3}
"""Seconds, and passes in a row: shorter than the environment's own, as every failing case waits for them."""
SCALED_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What serves, and what is left behind."""

    backend: str
    """Version by the health check through CDN and load balancer."""
    tasks: tuple[str, ...]
    """Versions that the healthy targets of the service answer, each once."""
    site: str
    record: str
    """Version of the record."""
    revision: str
    """Task definition of the service's primary deployment."""
    recorded_revision: str
    lease: bool
    unsettled: bool

    @property
    def version(self) -> str:
        """The one that all of it is on; otherwise which differ."""
        tasks = " and ".join(self.tasks) or "no healthy target"
        of = {"backend": self.backend, "tasks": tasks, "site": self.site, "record": self.record}
        return self.backend if len(set(of.values())) == 1 else json.dumps(of)


class World:
    """The environment `dev` of a clone, with a proxy before the release and one before the deploy function."""

    def __init__(self, clone: Clone, proxy: Proxy, function_proxy: Proxy, folder: Path) -> None:
        """`folder` is for the image, the frontends that are released, and the load."""
        self.clone, self.proxy, self.function_proxy, self.folder = clone, proxy, function_proxy, folder
        exported = stack.from_export("dev", json.loads(clone.run("pulumi stack export -s dev")))
        assert exported.inputs, "the stack has no Release"
        named = upgraded(exported.inputs)
        self.original = {key: value for key, value in named.items() if not key.startswith("__")}
        service, site = self.original["services"]["backend"], self.original["sites"]["site"]
        self.records = str(self.original["recordsBucket"])
        self.cluster, self.service = str(service["service"]).split("/")[1:]
        self.function = str(service["deployFunction"])
        self.site = str(site["url"])
        self.health_path = str(service["health"]["path"])
        engine = docker.DockerClient(os.environ["DOCKER_HOST"]) if "DOCKER_HOST" in os.environ else docker.from_env()
        self.image = image.build(engine, folder, str(service["image"]).partition("@")[0])
        self.vegeta = vegeta.build(folder)
        self._started: list[Process] = []

    def aws(self, service: str) -> Any:
        """A client of the emulator itself."""
        patient = Config(connect_timeout=5, read_timeout=60, retries={"total_max_attempts": 5})
        return client(f"http://127.0.0.1:{self.clone.port}", service, config=patient)

    def inputs(self, case: Case | None = None, **changes: Any) -> dict[str, Any]:
        """Inputs of a new version: those of the stack, and what the case changes. Without a case, a good one."""
        case = case or Case(name="good", about="", expect="proven")
        version = secrets.token_hex(20)
        folder = self.folder / version
        sites.VARIANTS[case.files](folder, version)
        try:
            digest = builds.from_folder(folder).digest
        except Exception:  # such a folder has none; the release itself has to say so
            digest = "sha256:" + "0" * 64
        reference = self.image if case.digest is None else f"{self.image.partition('@')[0]}@{case.digest}"
        service, site = self.original["services"]["backend"], self.original["sites"]["site"]
        through = {"connectTo": f"127.0.0.1:{self.proxy.port}"}
        changed_service = {
            "image": reference,
            "taskDefinition": self._register(case, version, reference),
            "health": {**service["health"], **HEALTH},
            "rehearsal": service["rehearsal"] if case.rehearsed else None,
            "migration": {"command": list(case.migration), "timeout": case.migration_timeout_s},
            **through,
        }
        return {
            **self.original,
            "version": version,
            "rolloutDeadline": case.rollout_deadline_s,
            "restart": "",
            "services": {"backend": {**service, **changed_service}},
            "sites": {"site": {**site, "manifest": digest, "source": {"folder": str(folder)}, **through}},
            **changes,
        }

    def _register(self, case: Case, version: str, reference: str) -> str:
        """A revision that differs from the environment's own in what the case changes."""
        kept = ("family", "taskRoleArn", "executionRoleArn", "networkMode", "cpu", "memory", "runtimePlatform")
        ecs, own = self.aws("ecs"), self.original["services"]["backend"]["taskDefinition"]
        definition = ecs.describe_task_definition(taskDefinition=own)["taskDefinition"]
        container = definition["containerDefinitions"][0]
        variables = {one["name"]: one["value"] for one in container["environment"]}
        variables |= {image.MODE_VARIABLE: case.mode, image.VERSION_VARIABLE: version}
        container |= {
            "image": reference,
            "environment": [{"name": name, "value": value} for name, value in variables.items()],
            "secrets": [{"name": name, "valueFrom": arn} for name, arn in case.secrets.items()],
        }
        answer = ecs.register_task_definition(
            **{name: definition[name] for name in kept},
            requiresCompatibilities=definition["requiresCompatibilities"],
            containerDefinitions=[container],
        )
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def start(self, inputs: Mapping[str, Any], *, endpoint: str | None = None) -> Process:
        """Begin a release in a process of its own; through the proxy unless an endpoint is given."""
        process = Process(inputs, endpoint=endpoint or self.proxy.endpoint, folder=self.clone.root)
        self._started.append(process)
        return process

    def stop(self) -> None:
        """End what a test that was cut short has left."""
        for process in self._started:
            process.kill()

    def end(self, process: Process, *, recorded: bool = True) -> Ended:
        """Wait for its end. `recorded`: whether it can have kept how it ended."""
        code, said, seconds = process.wait()
        if code < 0:
            outcome = "killed"
        elif not recorded:
            outcome = "failed" if code else "proven"
        else:
            kept = records.list_attempts(self.aws("s3"), self.records, 5)
            outcome = next(
                (one.state for one in kept if one.version == process.version), "refused" if code else "proven"
            )
            # The process and what it keeps must say the same.
            assert (outcome == "proven") == (code == 0), (outcome, said)
        return Ended(outcome=outcome, said=said, seconds=seconds)

    def release(self, inputs: Mapping[str, Any]) -> Ended:
        """One release from its beginning to its end."""
        return self.end(self.start(inputs))

    def observe(self) -> Observed:
        """What serves now, asked directly and not through a proxy."""
        s3 = self.aws("s3")
        record = records.read_release(s3, self.records)
        assert record is not None
        primary = next(one for one in self.described()["deployments"] if one["status"] == "PRIMARY")
        # Tasks are asked themselves: nobody outside reaches the load balancer.
        tasks = {self._version(address + self.health_path) for address in self._healthy_targets()}
        return Observed(
            backend=self._version(self.site + self.health_path, through_cdn=True),
            tasks=tuple(sorted(tasks)),
            site=self._version(self.site + "/version.json", through_cdn=True),
            record=record.version,
            revision=primary["taskDefinition"],
            recorded_revision=record.services["backend"].task_definition,
            lease=lease.look(s3, self.records) is not None,
            unsettled=self._exists("unsettled.json"),
        )

    def _version(self, url: str, *, through_cdn: bool = False) -> str:
        """The version that an address answers, or what is wrong with its answer."""
        try:
            answer = http.get(url, connect_to=f"127.0.0.1:{self.clone.port}" if through_cdn else None, timeout_s=10)
            return str(json.loads(answer.body)["version"]) if answer.status == 200 else f"status {answer.status}"
        except (http.HttpError, ValueError, KeyError) as error:
            return repr(error)

    def described(self) -> dict[str, Any]:
        """The service, as ECS describes it."""
        answer: dict[str, Any] = self.aws("ecs").describe_services(cluster=self.cluster, services=[self.service])
        return dict(answer["services"][0])

    def _healthy_targets(self) -> list[str]:
        group = self.described()["loadBalancers"][0]["targetGroupArn"]
        described = self.aws("elbv2").describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        targets = [item["Target"] for item in described if item["TargetHealth"]["State"] == "healthy"]
        return [f"http://{target['Id']}:{target['Port']}" for target in targets]

    def _exists(self, key: str) -> bool:
        try:
            self.aws("s3").head_object(Bucket=self.records, Key=key)
        except ClientError:
            return False
        return True

    def visit(self) -> None:
        """Ask for the site through the proxy, as a visitor whose edge keeps what it gets."""
        for path in ("/version.json", "/"):
            http.get(self.site + path, connect_to=f"127.0.0.1:{self.proxy.port}")

    @contextmanager
    def load(self, versions: tuple[str, ...]) -> Iterator[list[vegeta.Report]]:
        """Visitors ask for the health check through CDN and load balancer until the end of the block.

        The list has one report after it. Right is a passing answer of one of the versions.
        """
        host = urllib.parse.urlsplit(self.site).netloc
        path = f"{self.health_path}?visitor=1"
        target = vegeta.Target(name="visitors", host=host, port=self.clone.port, path=path, versions=versions)
        with vegeta.attack(self.vegeta, self.folder, [target], RATE) as reports:
            yield reports

    @contextmanager
    def tasks(self, count: int) -> Iterator[None]:
        """The service has so many tasks when the block begins, and one at its end, whatever scaled it meanwhile."""
        self._scale_and_wait(count)
        try:
            yield
        finally:
            self._scale_and_wait(1)

    def scale(self, count: int) -> None:
        """Change the desired count, as autoscaling does."""
        self.aws("ecs").update_service(cluster=self.cluster, service=self.service, desiredCount=count)

    def _scale_and_wait(self, count: int) -> None:
        if self.described()["desiredCount"] == count:
            return
        self.scale(count)
        ends = time.monotonic() + SCALED_S
        while self.described()["runningCount"] != count or len(self._healthy_targets()) != count:
            assert time.monotonic() < ends, f"the service has not {count} healthy tasks after {SCALED_S:.0f} s"
            time.sleep(0.5)

    @contextmanager
    def function_settings(self, *, through_proxy: bool, timeout_s: int | None) -> Iterator[None]:
        """The deploy function calls AWS through its proxy, and may have less time, until the end of the block."""
        if not through_proxy and timeout_s is None:
            yield
            return
        functions = self.aws("lambda")
        before = functions.get_function_configuration(FunctionName=self.function)
        variables = dict(before["Environment"]["Variables"])
        if through_proxy:
            variables |= {"AWS_ENDPOINT_URL": self.function_proxy.endpoint}
        self._configure(variables, timeout_s or int(before["Timeout"]))
        try:
            yield
        finally:
            self._configure(before["Environment"]["Variables"], int(before["Timeout"]))

    def _configure(self, variables: Mapping[str, str], timeout_s: int) -> None:
        functions = self.aws("lambda")
        functions.update_function_configuration(
            FunctionName=self.function, Timeout=timeout_s, Environment={"Variables": dict(variables)}
        )
        end = time.monotonic() + 20
        while functions.get_function_configuration(FunctionName=self.function).get("LastUpdateStatus") == "InProgress":
            assert time.monotonic() < end, "the function's settings are not updated after 20 s"
            time.sleep(0.1)


@contextmanager
def opened(clone: Clone, folder: Path) -> Iterator[World]:
    """The environment `dev` of a clone; at the end with what was proven there before, in its record, too.

    The versions that are released in the block are in no repository: nobody is to find them in the record.
    """
    with Proxy(clone.port) as proxy, Proxy(clone.port) as function_proxy:
        world = World(clone, proxy, function_proxy, folder)
        at = {"Bucket": world.records, "Key": records.RELEASE_KEY}
        record = world.aws("s3").get_object(**at)["Body"].read()
        try:
            yield world
        finally:
            world.stop()
            proxy.use([])
            function_proxy.use([])
            ended = world.release(world.original)
            assert ended.outcome == "proven", ended.said
            world.aws("s3").put_object(**at, Body=record, ContentType="application/json")

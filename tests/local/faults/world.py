"""One environment that is up, releases of it in processes of their own, and what serves there."""

from __future__ import annotations

import contextlib
import json
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError

from release import http, lease, records, stack
from release.static import manifest
from tests.local.clone import ROOT, Clone, caller_environment
from tests.local.emulated import client
from tests.local.faults import image, sites
from tests.local.faults.cases import Case
from tests.local.faults.proxy import Proxy

RELEASE_DEADLINE_S = 400.0
HEALTH = {"deadline": 8, "passes": 3, "interval": 0.3}
"""Seconds, and passes in a row: shorter than the environment's own, as every failing case waits for them."""
ROLLOUT_DEADLINE_S = 60


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a release's process ended."""

    outcome: str
    """As the attempt was recorded; refused where there was none; killed."""
    said: str
    """All lines, and the error."""
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What serves, and what is left behind."""

    backend: str
    """Version by the health check through the CDN."""
    tasks: tuple[str, ...]
    """What the healthy targets of the service answer, each once."""
    """Version by the health check through the load balancer."""
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
        found = {"backend": self.backend, "tasks": tasks, "site": self.site, "record": self.record}
        return self.backend if len(set(found.values())) == 1 else json.dumps(found)


@dataclass
class Process:
    """A release under way."""

    popen: subprocess.Popen[str]
    inputs: Mapping[str, Any]
    lines: list[dict[str, Any]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def kill(self) -> None:
        """End it as a machine does that loses power."""
        with contextlib.suppress(ProcessLookupError):
            self.popen.send_signal(signal.SIGKILL)

    def interrupt(self, number: int) -> None:
        """Send it a signal."""
        with contextlib.suppress(ProcessLookupError):
            self.popen.send_signal(number)


class World:
    """The environment `dev` of a clone, with a proxy before the release and one before the deploy function."""

    def __init__(self, clone: Clone, proxy: Proxy, function_proxy: Proxy, folder: Path) -> None:
        """`folder` is for the frontends that are released."""
        self.clone, self.proxy, self.function_proxy, self.folder = clone, proxy, function_proxy, folder
        exported = clone.shell("pulumi stack export -s dev")
        assert exported.returncode == 0, exported.stderr
        found = stack.from_export("dev", json.loads(exported.stdout))
        assert found.inputs, "the stack has no Release"
        self.original: Mapping[str, Any] = {k: v for k, v in found.inputs.items() if not k.startswith("__")}
        self.records = str(self.original["recordsBucket"])
        self.cluster, self.service = str(self.original["service"]).split("/")[1:]
        self.function = str(self.original["deployFunction"])
        self.site = str(self.original["site"]["url"])
        self.image = ""
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
            digest = manifest.from_folder(folder).digest
        except Exception:  # such a folder has none; the release itself has to say so
            digest = "sha256:" + "0" * 64
        reference = self.image if case.digest is None else f"{self.image.partition('@')[0]}@{case.digest}"
        migration = {"command": list(case.migration), "timeout": 30}
        return {
            **self.original,
            "version": version,
            "image": reference,
            "taskDefinition": self._register(case, version, reference),
            "staticManifest": digest,
            "source": {"folder": str(folder)},
            "rolloutDeadline": ROLLOUT_DEADLINE_S,
            "health": {**self.original["health"], **HEALTH},
            "site": {**self.original["site"], "connectTo": f"127.0.0.1:{self.proxy.port}"},
            "container": self.original.get("container") or self._container(),
            "migration": migration,
            "restart": "",
            "urn": None,
            **case.inputs,
            **changes,
        }

    def _container(self) -> str:
        definition = self._definition(str(self.original["taskDefinition"]))
        return str(definition["containerDefinitions"][0]["name"])

    def _definition(self, arn: str) -> dict[str, Any]:
        found: dict[str, Any] = self.aws("ecs").describe_task_definition(taskDefinition=arn)["taskDefinition"]
        return found

    def _register(self, case: Case, version: str, reference: str) -> str:
        """A revision that differs from the environment's own in what the case changes."""
        kept = ("family", "taskRoleArn", "executionRoleArn", "networkMode", "cpu", "memory", "runtimePlatform")
        found = self._definition(str(self.original["taskDefinition"]))
        container = found["containerDefinitions"][0]
        own = {image.MODE_VARIABLE: case.mode, image.VERSION_VARIABLE: version}
        container |= {
            "image": reference,
            "environment": container["environment"] + [{"name": name, "value": value} for name, value in own.items()],
            "secrets": [{"name": name, "valueFrom": arn} for name, arn in case.secrets.items()],
        }
        answer = self.aws("ecs").register_task_definition(
            **{name: found[name] for name in kept},
            requiresCompatibilities=found["requiresCompatibilities"],
            containerDefinitions=[container],
        )
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def start(self, inputs: Mapping[str, Any], *, endpoint: str | None = None) -> Process:
        """Begin a release in a process of its own; through the proxy unless an endpoint is given."""
        region = str(self.original["service"]).split(":")[3]
        environment = {
            **caller_environment(),
            "AWS_ENDPOINT_URL": endpoint or self.proxy.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": region,
            "PYTHONPATH": str(ROOT),
        }
        popen = subprocess.Popen(
            [sys.executable, "-m", "tests.local.faults.run_release"],
            cwd=self.clone.root,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        process = Process(popen, inputs)
        self._started.append(process)
        assert popen.stdin
        popen.stdin.write(json.dumps(dict(inputs)))
        popen.stdin.close()
        threading.Thread(target=_read, args=(process,), daemon=True).start()
        return process

    def stop(self) -> None:
        """End what a test that was cut short has left."""
        for process in self._started:
            if process.popen.poll() is None:
                process.kill()
                process.popen.wait()

    def end(self, process: Process, *, recorded: bool = True) -> Ended:
        """Wait for its end. `recorded`: whether it can have kept how it ended."""
        process.popen.wait(timeout=RELEASE_DEADLINE_S)
        seconds = time.monotonic() - process.began
        time.sleep(0.05)  # the last line is on its way
        said = [str(line.get("said") or line.get("error") or "") for line in process.lines]
        version = process.inputs["version"]
        if process.popen.returncode < 0:
            outcome = "killed"
        elif not recorded:
            outcome = "proven" if process.popen.returncode == 0 else "failed"
        else:
            kept = records.list_attempts(self.aws("s3"), self.records, 5)
            proven = process.popen.returncode == 0
            outcome = next((each.state for each in kept if each.version == version), "proven" if proven else "refused")
            # The process and what it keeps must say the same.
            assert (outcome == "proven") == proven, (outcome, said)
        return Ended(outcome=outcome, said="\n".join(said), seconds=seconds)

    def release(self, inputs: Mapping[str, Any]) -> Ended:
        """One release from its beginning to its end."""
        return self.end(self.start(inputs))

    def observe(self) -> Observed:
        """What serves now, asked directly and not through a proxy."""
        s3 = self.aws("s3")
        found = records.read_release(s3, self.records)
        service = self.aws("ecs").describe_services(cluster=self.cluster, services=[self.service])["services"][0]
        primary = next(each for each in service["deployments"] if each["status"] == "PRIMARY")
        assert found is not None
        return Observed(
            backend=self._version(self.site + str(self.original["health"]["path"])),
            tasks=self._tasks(service),
            site=self._version(self.site + "/version.json"),
            record=found.version,
            revision=primary["taskDefinition"],
            recorded_revision=found.task_definition,
            lease=lease.look(s3, self.records) is not None,
            unsettled=self._exists("unsettled.json"),
        )

    def _version(self, url: str, *, direct: bool = False) -> str:
        """What answers at an address: at the emulator's, unless it is asked directly."""
        try:
            answer = http.get(url, connect_to=None if direct else f"127.0.0.1:{self.clone.port}", timeout_s=10)
            return str(json.loads(answer.body)["version"]) if answer.status == 200 else f"status {answer.status}"
        except (http.HttpError, ValueError, KeyError) as error:
            return repr(error)

    def _tasks(self, service: Mapping[str, Any]) -> tuple[str, ...]:
        """Asked themselves: nobody outside reaches the load balancer."""
        group, path = service["loadBalancers"][0]["targetGroupArn"], str(self.original["health"]["path"])
        described = self.aws("elbv2").describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        targets = [item["Target"] for item in described if item["TargetHealth"]["State"] == "healthy"]
        return tuple(sorted({self._version(f"http://{one['Id']}:{one['Port']}{path}", direct=True) for one in targets}))

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

    @contextlib.contextmanager
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


def _read(process: Process) -> None:
    assert process.popen.stdout
    for line in process.popen.stdout:
        try:
            process.lines.append(json.loads(line))
        except ValueError:
            process.lines.append({"said": line.rstrip()})

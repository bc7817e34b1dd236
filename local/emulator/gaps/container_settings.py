"""Gap: most settings of a container definition are dropped on the way to Docker.

A task whose image cannot run as its user, on a read-only root or within its memory passes here and fails on AWS. An
image is looked for at the address it has on AWS, where the emulator's own registry is not.
"""

from __future__ import annotations

import copy
import os
import re
from typing import Any

from ministack.services import ecs

from local.emulator.gaps import around

STOP_TIMEOUT_LABEL = "com.amazonaws.ecs.stop-timeout"
_SECOND_NS = 1_000_000_000
_ECR_HOST = re.compile(r"^\d{12}\.dkr[.-]ecr(-fips)?\.[a-z0-9-]+\.(amazonaws\.com(\.cn)?|on\.aws)/")


def docker_settings(container: dict[str, Any], task_definition: dict[str, Any]) -> dict[str, Any]:
    """What `docker run` must be told, in the words of the Docker SDK."""
    linux = container.get("linuxParameters") or {}
    dropped = (linux.get("capabilities") or {}).get("drop")
    memory = container.get("memory") or task_definition.get("memory")
    settings: dict[str, Any] = {
        "entrypoint": container.get("entryPoint") or None,
        "user": container.get("user") or None,
        "working_dir": container.get("workingDirectory") or None,
        "read_only": bool(container.get("readonlyRootFilesystem")) or None,
        "cap_drop": dropped or None,
        "init": bool(linux.get("initProcessEnabled")) or None,
        "mem_limit": f"{int(memory)}m" if memory else None,
        "mem_reservation": f"{container['memoryReservation']}m" if container.get("memoryReservation") else None,
        "healthcheck": _health_check(container.get("healthCheck")),
        "tmpfs": {item["containerPath"]: f"size={item['size']}m" for item in linux.get("tmpfs") or []} or None,
    }
    return {name: value for name, value in settings.items() if value is not None}


def local_image(image: str, port: int) -> str:
    """The address of an ECR image in the emulator's registry; any other image as it is."""
    return _ECR_HOST.sub(f"localhost:{port}/", image)


def _health_check(check: dict[str, Any] | None) -> dict[str, Any]:
    if not check or not check.get("command"):
        # ECS does not look at one that only the image has (HealthCheck, Amazon ECS API Reference).
        return {"test": ["NONE"]}
    return {
        "test": check["command"],
        "interval": int(check.get("interval", 30)) * _SECOND_NS,
        "timeout": int(check.get("timeout", 5)) * _SECOND_NS,
        "retries": int(check.get("retries", 3)),
        "start_period": int(check.get("startPeriod", 0)) * _SECOND_NS,
    }


@around(ecs, "_build_run_kwargs")
def build_run_kwargs(
    build: Any, container: dict[str, Any], definition: dict[str, Any], environment: dict[str, str], *rest: Any
) -> dict[str, Any]:
    arguments: dict[str, Any] = build(container, definition, environment, *rest)
    environment.setdefault("AWS_REGION", ecs.get_region())
    environment.setdefault("AWS_DEFAULT_REGION", ecs.get_region())
    environment.setdefault("AWS_EXECUTION_ENV", "AWS_ECS_FARGATE")  # "Amazon ECS environment variables"
    # Or the SDK of Docker adds the proxies that ~/.docker/config.json has for this machine's containers.
    arguments["use_config_proxy"] = False
    arguments.update(docker_settings(container, definition))
    arguments["labels"].update(container.get("dockerLabels") or {})
    if container.get("stopTimeout"):
        arguments["labels"][STOP_TIMEOUT_LABEL] = str(container["stopTimeout"])
    return arguments


@around(ecs, "_start_task_worker")
def start_task_worker(start: Any, task: Any, definition: dict[str, Any], *rest: Any) -> None:
    port = int(os.environ["GATEWAY_PORT"])
    local = copy.deepcopy(definition)
    for container in local.get("containerDefinitions", []):
        container["image"] = local_image(container["image"], port)
    start(task, local, *rest)

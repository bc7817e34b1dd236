"""Gap: a stopped task is gone at once: no draining, five seconds for any container, an exit code that nobody saw.

Here a task is DEACTIVATING while its targets drain, then its containers get SIGTERM and their own `stopTimeout` before
they are killed, and the task is STOPPED with the exit codes that they had. A service replaces a task that somebody
stopped by hand.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from ministack.core.concurrency import resource_lock, spawn_background
from ministack.core.responses import error_response_json, get_account_id, get_region, json_response, request_scope
from ministack.services import ecs, ecs_metadata

from local.emulator.gaps import around, instead_of, target_health
from local.emulator.gaps.container_settings import STOP_TIMEOUT_LABEL
from local.emulator.gaps.task_address import service_key

DEFAULT_STOP_TIMEOUT_S = 30
LAST_LINES_S = 3.0
"""How long the end of a container's output may take to reach its log group before the container is removed."""
_POLL_S = 0.1


def stop(task: dict[str, Any], reason: str, code: str) -> bool:
    """Begin to stop a task; False if it is stopped or being stopped already. The rest happens in the background."""
    arn = task["taskArn"]
    with resource_lock("ecs-task", arn):
        if not ecs._task_is_active(arn, task):
            return False
        ecs._bump_task_version(task)
        task.update(desiredStatus="STOPPED", lastStatus="DEACTIVATING", stoppingAt=ecs._iso())
        task.update(stoppedReason=reason, stopCode=code)
    _tell_service(task)
    spawn_background(_finish, task, get_account_id(), get_region(), thread_name=f"stop-{arn[-8:]}")
    return True


@around(ecs, "_restore_state")
def restore_state(restore: Any, data: Any) -> None:
    """After a restart no container of a task is left: it is stopped for everybody who asks, not only in part."""
    restore(data)
    for _, task in ecs._tasks.all_items():
        if task.get("desiredStatus") != "STOPPED" or not task.get("stoppedAt"):
            now = ecs._iso()
            task.update(desiredStatus="STOPPED", stoppedAt=now, executionStoppedAt=now, attachments=[])
            task.update(stopCode="ServiceSchedulerInitiated", stoppedReason="The emulator was restarted")


@instead_of(ecs._ACTION_MAP, "StopTask")
def _stop_for_user(data: dict[str, Any]) -> Any:
    answer = _stop(data, data.get("reason", "Task stopped by user"), "UserInitiated")
    cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
    task = ecs._resolve_task(data.get("task", ""), cluster) if cluster else None
    if key := service_key(task or {}):
        ecs._reconcile_service_tasks(cluster, key)
    return answer


@instead_of(ecs, "_stop_task")
def _stop_for_scheduler(data: dict[str, Any]) -> Any:
    return _stop(data, data.get("reason", "Scaling activity initiated by the service"), "ServiceSchedulerInitiated")


def _stop(data: dict[str, Any], reason: str, code: str) -> Any:
    cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
    if cluster is None:
        return error_response_json("ClusterNotFoundException", "Cluster not found.", 400)
    task = ecs._resolve_task(data.get("task", ""), cluster)
    if not task:
        return error_response_json("InvalidParameterException", "The referenced task was not found.", 400)
    stop(task, reason, code)
    return json_response({"task": ecs._sanitize(task)})


def _finish(task: dict[str, Any], account: str, region: str) -> None:
    with request_scope(account, region):
        address = ecs._task_ip(task)
        while address and not target_health.drained(address):
            time.sleep(_POLL_S)
        task["lastStatus"] = "STOPPING"
        docker = ecs._get_docker()
        codes = [_stop_container(docker, container) for container in list(task.get("_docker_ids") or [])]
        _wait_for_output(task["taskArn"])
        ecs._cleanup_task_resources(task, docker)
        _mark_stopped(task, codes)
        _tell_service(task)


def _stop_container(docker: Any, container_id: str) -> int | None:
    try:
        container = docker.containers.get(container_id)
        container.stop(timeout=int(container.labels.get(STOP_TIMEOUT_LABEL, DEFAULT_STOP_TIMEOUT_S)))
        return int(container.wait()["StatusCode"])
    except Exception:  # it is gone already: removed by hand, or Docker itself was stopped
        return None


def _wait_for_output(arn: str) -> None:
    deadline = time.monotonic() + LAST_LINES_S
    name = f"ministack-ecs-awslogs-{arn.rsplit('/', 1)[-1][:8]}"
    for thread in threading.enumerate():
        if thread.name.startswith(name):
            thread.join(timeout=max(0.0, deadline - time.monotonic()))


def _mark_stopped(task: dict[str, Any], codes: list[int | None]) -> None:
    with resource_lock("ecs-task", task["taskArn"]):
        now = ecs._iso()
        ecs._bump_task_version(task)
        task.update(lastStatus="STOPPED", stoppedAt=now, executionStoppedAt=now)
        for index, container in enumerate(task.get("containers", [])):
            container["lastStatus"] = "STOPPED"
            if index < len(codes) and codes[index] is not None and container.get("exitCode") is None:
                container["exitCode"] = codes[index]
    ecs_metadata.set_task_status(task["taskArn"], known_status="STOPPED", desired_status="STOPPED")
    ecs_metadata.set_all_container_status(task["taskArn"], "STOPPED")


def _tell_service(task: dict[str, Any]) -> None:
    """Count again; a task that is not RUNNING any more leaves its target groups."""
    cluster = ecs._cluster_name_from_arn(task.get("clusterArn", ""))
    if cluster:
        ecs._recount_cluster(cluster)
        ecs._refresh_service_state(cluster, task.get("group", ""))

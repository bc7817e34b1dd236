"""Gap: a container that cannot start is taken for one of a foreign architecture, and made again under its name.

The second one fails because the first is still there, so that a task tells of a name in use, and a container is left
that nobody started. Here it is removed, and the task has the reason that ECS gives: the agent's name of the error, and
what Docker said. "The following error message appears in the `stoppedReason`: `CannotStartContainerError: Error
response from daemon: error gathering device information …`" ("Amazon ECS task definitions for video transcoding
workloads", Amazon ECS Developer Guide); the names are those of agent/engine/errors.go in amazon-ecs-agent.
"""

from __future__ import annotations

import contextlib
import re
from typing import Any

import docker.errors
from ministack.services import ecs

from local.emulator.gaps import around

_STEPS = (
    (re.compile(r"/containers/(?P<id>\w+)/start$"), "CannotStartContainerError"),
    (re.compile(r"/containers/create$"), "CannotCreateContainerError"),
    (re.compile(r"/images/"), "CannotPullContainerError"),
)
"""By the path of the call of Docker's API that failed."""
_OF_ONE_CONTAINER = ("CannotStartContainerError", "CannotCreateContainerError")
_OF_THE_ARCHITECTURE = re.compile(
    r"does not (provide|match) the specified platform|no matching manifest"  # of Docker, for an image
    r"|exec format error"  # of the kernel
)


class _NotStartedError(Exception):
    """A task cannot start; the message is its reason."""


class _NotStarted:
    """Stands for a container until ministack has looked at it: an error would make it try without an architecture."""

    status = "created"

    def __init__(self, error: docker.errors.APIError) -> None:
        self.error = error

    def reload(self) -> None:
        """Nothing changes."""


class _Docker:
    """Docker's client, which keeps no container that did not start."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.containers = self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def get(self, container: str) -> Any:
        return self._client.containers.get(container)

    def run(self, image: str, **settings: Any) -> Any:
        try:
            return self._client.containers.run(image, **settings)
        except docker.errors.APIError as error:
            step, container = _step(error)
            if container:
                with contextlib.suppress(docker.errors.APIError):  # it is gone already
                    self._client.api.remove_container(container, v=True, force=True)
            if step not in _OF_ONE_CONTAINER or _OF_THE_ARCHITECTURE.search(str(error.explanation)):
                raise
            return _NotStarted(error)


def _step(error: docker.errors.APIError) -> tuple[str, str]:
    """What failed, in the words of ECS's agent, and the container that was not started; both empty for another call."""
    path = str(getattr(error.response, "url", "")).partition("?")[0]
    for pattern, name in _STEPS:
        if match := pattern.search(path):
            return name, match.groupdict().get("id", "")
    return "", ""


@around(ecs, "_run_docker_container")
def run_docker_container(run: Any, docker_client: Any, *rest: Any, **settings: Any) -> Any:
    try:
        container = run(_Docker(docker_client), *rest, **settings)
        if isinstance(container, _NotStarted):
            raise container.error
    except docker.errors.APIError as error:
        name, _ = _step(error)
        if not name:
            raise
        raise _NotStartedError(f"{name}: Error response from daemon: {error.explanation}") from error
    return container


@around(ecs, "_start_task_worker")
def start_task_worker(start: Any, task: dict[str, Any], definition: Any, overrides: Any, docker_client: Any) -> None:
    try:
        start(task, definition, overrides, docker_client)
    except _NotStartedError as error:
        ecs.logger.warning("ECS: %s does not start: %s", task["taskArn"], error)
        ecs._fail_task_start(task, docker_client, str(error))

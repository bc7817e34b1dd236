"""`make up` calls only proven what answers: the version, by a task of its release."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from local import answer, status, unchanged, up
from local.layout import Layout, LocalError
from tests.http_servers import Handler, listening
from tests.unit import rollout_world
from tests.unit.rollout_world import NEW

VERSION = "3f2c1aa" + "0" * 33
OURS, STRANGER = "1" * 32, "2" * 32


def service(function: str, health: dict[str, Any] | None) -> dict[str, Any]:
    """What the inputs of a release say of a service."""
    return {"deployFunction": function, "health": health, "url": "http://d1.cloudfront.localhost:1"}


class Here(ThreadingHTTPServer):
    """The emulator, as far as this needs it: a health check behind a load balancer, and the deploy function."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.task: str | None = OURS
        self.running = [OURS]
        self.services = {"backend": service("easi-dev-deploy", {"path": "/api/v1/healthcheck"})}

    @property
    def outputs(self) -> dict[str, Any]:
        """What the stack's outputs say."""
        return {
            "url": "http://d1.cloudfront.localhost:1",
            "questions": answer.questions_of({"services": self.services}),
            "release": {
                "version": VERSION,
                "services": {name: {"image": "i", "taskDefinition": NEW} for name in self.services},
                "sites": {},
                "verifiedAt": "2026-01-02T03:04:05Z",
            },
        }

    def why(self) -> str | None:
        return answer.why_not_proven(self.outputs, self.server_address[1], deadline_s=0.2)


class Answering(Handler):
    server: Here

    def do_GET(self) -> None:  # noqa: N802 - the base class wants this name
        assert self.headers["Host"] == "d1.cloudfront.localhost:1"
        if self.path.startswith("/reports"):
            self.answer({}, {})
            return
        self.answer({"status": "pass", "version": VERSION}, {"X-Task-Id": self.server.task} if self.server.task else {})

    def do_POST(self) -> None:  # noqa: N802 - the base class wants this name
        is_worker = self.path.endswith("/functions/easi-dev-worker-deploy/invocations")
        assert is_worker or self.path.endswith("/functions/easi-dev-deploy/invocations")
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(rollout_world.status(tasks=self.server.running if is_worker else [OURS]), {})

    def answer(self, body: dict[str, Any], headers: dict[str, str]) -> None:
        self.reply(json.dumps(body).encode(), {"Content-Type": "application/json"} | headers)


@pytest.fixture
def here() -> Iterator[Here]:
    server = Here()
    with listening(server):
        yield server


def test_a_task_of_the_release_is_believed_and_another_is_not(here: Here) -> None:
    assert here.why() is None
    here.task = None
    assert here.why() is None, "a backend need not say which task it is"
    here.task = STRANGER
    assert f"answered by task {STRANGER}, which is not of this release" in str(here.why())


def test_status_shows_the_version_that_passes_or_what_came_instead(here: Here) -> None:
    port = here.server_address[1]
    assert status._answers(here.outputs, port) == "3f2c1aa00000 pass"
    here.task = STRANGER
    assert status._answers(here.outputs, port) == f"answered by task {STRANGER}, which is not of this release"
    assert status._answers(here.outputs, 1) == "127.0.0.1:1 refused the connection"
    assert status._answers(here.outputs, None) == "emulator is down"
    assert status._answers({}, port) == "-"


def test_of_several_services_each_is_asked_in_its_own_way(here: Here) -> None:
    here.services["reports"] = service("easi-dev-deploy", {"path": "/reports", "statusCodeOnly": True})
    here.services["worker"] = service("easi-dev-worker-deploy", None)
    port = here.server_address[1]
    assert here.why() is None
    assert status._answers(here.outputs, port) == "3f2c1aa00000 pass"

    here.services["reports"] = service("easi-dev-deploy", {"path": "/reports"})
    assert str(here.why()).startswith("service reports: ")
    del here.services["reports"]
    here.running = []
    assert here.why() == "service worker: no task of easi-dev:7 runs"
    assert status._answers(here.outputs, port) == "service worker: no task of easi-dev:7 runs"


def test_what_is_not_known_does_not_answer(here: Here) -> None:
    """After an interrupted release, its inputs may not say how to ask."""
    outputs = {**here.outputs, "questions": answer.questions_of({"services": {"backend": {}}})}
    assert answer.miss(outputs, here.server_address[1]) == "the stack's state does not say how to ask it"


class Stacks:
    """One whose update finds nothing to do."""

    def __init__(self, outputs: dict[str, Any]) -> None:
        self._outputs = outputs

    def make(self, name: str) -> None:
        pass

    recover = make

    def interruption(self, name: str) -> None:
        pass

    def up(self, name: str) -> int:
        return 0

    def last_changes(self, name: str) -> dict[str, int]:
        return {"same": 96}

    def outputs(self, name: str) -> dict[str, Any]:
        return self._outputs


def test_where_nothing_changed_and_another_task_answers_nothing_is_called_proven(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unchanged, "_inputs", lambda *_: "the same")
    monkeypatch.setattr(up, "ANSWER_DEADLINE_S", 0.2)
    layout, stacks, port = Layout(tmp_path), Stacks(here.outputs), here.server_address[1]
    run: Any = up._release
    for _ in range(2):
        assert run(layout, stacks, "dev", port).startswith("dev: nothing changed")
    here.task = STRANGER
    with pytest.raises(LocalError, match=f"answered by task {STRANGER}") as caught:
        run(layout, stacks, "dev", port)
    assert str(caught.value).endswith("RELEASE_RESTART='it does not answer' make up ENV=dev")

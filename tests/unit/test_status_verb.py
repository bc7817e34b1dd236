"""`python -m release status`: one line that says what is wrong and what to do, from what each source says."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.parsers import ResponseParserError

from cli import diagnosis
from cli.observed import Health, Observed, Service
from functions.deploy.network import Network
from release import healthcheck, lease, records, session
from release.__main__ import main
from release.healthcheck import Answer, HealthCheck
from release.records import UnfinishedMark
from release.static import drift
from release.tasks import Tasks
from tests.unit.attempts import attempt, held, purge
from tests.unit.environments import World, released
from tests.unit.one_of_each import backend, manifest
from tests.unit.test_statements import state

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 1, 2, 3, 5, 5, tzinfo=UTC)
OLD, NEW, OTHER = "1" * 40, "2" * 40, "3" * 40
RECORD = released(OLD, NEW)
FINE = Observed(
    environment="prod",
    stack=RECORD,
    record=RECORD,
    services={"backend": Service(task_definition=backend(RECORD).task_definition, desired=2, running=2)},
    sites={"site": manifest(RECORD)},
    health={"backend": Health(url="https://easi.example.gov/health", version=NEW, miss=None)},
    last=attempt(NEW),
)
MARK = UnfinishedMark(attempt="1", version=OTHER, started_at="2026-01-02T03:00:00Z", sites={})
AGAIN = f"RELEASE_VERSION={NEW} pulumi up --refresh -s prod"
UP = f"RELEASE_VERSION={NEW} pulumi up -s prod"
RECOVER = f"python -m release recover -s prod && {UP}"


def on(task_definition: str = backend(RECORD).task_definition, desired: int = 2, running: int = 2) -> Service:
    return Service(task_definition=task_definition, desired=desired, running=running)


def missing(miss: str) -> Health:
    return Health(url="https://easi.example.gov/health", version=OLD, miss=miss)


def test_all_that_agrees_is_said_in_one_line() -> None:
    finding = diagnosis.diagnose(FINE, NOW)

    assert finding.good
    assert finding.headline == (
        "prod runs 222222222222, proven 2026-01-02 03:04:05 UTC (60 s ago): record, ECS, site and health check agree"
    )
    assert [(row.name, row.value, row.remark) for row in finding.rows] == [
        ("record", "222222222222, proven 2026-01-02 03:04:05 UTC (60 s ago)", "easi:2"),
        ("ECS", "easi:2, 2 of 2 tasks", "as recorded"),
        ("site", "manifest 555555555555", "as recorded"),
        ("health", "pass, 222222222222", "https://easi.example.gov/health"),
        ("stack", "222222222222", "as recorded"),
        ("lease", "free: nobody releases", ""),
        ("last try", "222222222222 proven, began 2026-01-02 03:00:00 UTC", "octocat, https://github.com/o/r/actions/runs/1"),
    ]  # fmt: skip


def test_what_holds_is_said_with_what_ends_it_and_is_no_fault() -> None:
    held = dataclasses.replace(FINE, statements=(state("hold", "10"),))
    finding = diagnosis.diagnose(held, NOW)
    assert finding.good
    assert [(row.value, row.remark) for row in finding.rows if row.name == "hold"] == [
        (
            "held since 2026-01-02 03:10:00 UTC by ana: an audit; to end it: "
            "python -m release hold -s prod --lift --reason 'why'",
            "",  # a remark would stand to the right of all this, and those of the other rows, too
        )
    ]
    lifted = dataclasses.replace(FINE, statements=(state("lift", "11"), state("hold", "10")))
    assert [row for row in diagnosis.diagnose(lifted, NOW).rows if row.name == "hold"] == []


@pytest.mark.parametrize(
    ("changes", "headline"),
    [
        (
            {"lease": held(OTHER)},
            "prod: 333333333333 is being released by root@there since 2026-01-02 03:00:00 UTC. To do: wait until it "
            "has ended; then: python -m release history -s prod",
        ),
        (
            {"unfinished": MARK},
            "prod: the release of 333333333333 that began 2026-01-02 03:00:00 UTC ended neither proven nor undone: "
            f"what serves may be a mixture. To do: {RECOVER}",
        ),
        (
            {"lease": held(OTHER, age_s=31)},
            "prod: the release of 333333333333 by root@there, which began 2026-01-02 03:00:00 UTC, was cut short "
            f"before it changed what serves. To do: {RECOVER}",
        ),
        (
            {"lease": held(OTHER), "purge": purge(ended_at=None)},
            "prod: files are being purged by octocat since 2026-01-02 03:30:00 UTC. To do: wait until it has ended; "
            "then: python -m release history -s prod",
        ),
        (
            {"lease": held(OTHER, age_s=31), "purge": purge(paths=(".env", "a b"), ended_at=None)},
            "prod: the purge by octocat, which began 2026-01-02 03:30:00 UTC, was cut short: some of its files may "
            "still be there. To do: python -m release purge -s prod .env 'a b'",
        ),
        (
            {"pending": ("urn:release",)},
            f"prod: an update of the stack is under way, or was cut short. To do: wait; if nobody is at it: {RECOVER}",
        ),
        ({"services": {"backend": on("arn/easi:1")}}, f"prod: ECS runs easi:1, and easi:2 is proven. To do: {AGAIN}"),
        (
            {"services": {"backend": on(desired=0, running=0)}},
            f"prod: ECS is scaled to 0 tasks, and easi:2 is proven. To do: {AGAIN}",
        ),
        (
            {"services": {"backend": on(running=1)}},
            "prod: only 1 of 2 tasks run. To do: look at the service's events in ECS: it is starting them, or says why "
            "it cannot",
        ),
        (
            {"sites": {"site": f"{manifest(RECORD)} changed: index.html"}},
            f"prod: the site is not what was proven: changed: index.html. To do: {AGAIN}",
        ),
        ({"sites": {"site": None}}, f"prod: the site serves nothing, and 555555555555 is proven. To do: {AGAIN}"),
        (
            {"sites": {"site": f"sha256:{'6' * 64}"}},
            f"prod: the site serves 666666666666, and 555555555555 is proven. To do: {AGAIN}",
        ),
        (
            {"health": {"backend": missing("answered 502, expected 200")}},
            "prod: the health check answered 502, expected 200. To do: look at the logs of the backend; to start every "
            f"task anew: RELEASE_VERSION={NEW} RELEASE_RESTART='why' pulumi up -s prod",
        ),
        (
            {"stack": released(OLD)},
            f"prod: the stack's outputs say 111111111111, and 222222222222 is recorded. To do: {UP}",
        ),
        (
            {"record": None, "services": {"backend": None}, "sites": {"site": None}, "last": None, "stack": None},
            "prod: nothing was ever proven here. To do: release a version: pulumi up -s prod",
        ),
        (
            {"services": {"backend": None}, "unread": {"ECS": "AccessDenied"}},
            "prod: ECS could not be read: AccessDenied. To do: sign in with a role that may read it",
        ),
        (
            {"record": None, "unread": {"record": "AccessDenied"}},
            "prod: the record cannot be read: AccessDenied. To do: sign in with a role that may read it",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_and_what_to_do_is_one_line(changes: dict[str, Any], headline: str) -> None:
    finding = diagnosis.diagnose(dataclasses.replace(FINE, **changes), NOW)

    assert not finding.good
    assert finding.headline == headline


def test_an_attempt_that_left_nothing_behind_is_told_and_is_not_wrong() -> None:
    finding = diagnosis.diagnose(dataclasses.replace(FINE, last=attempt(OTHER, ended_at=None, outcome=None)), NOW)

    assert finding.good, "there would be nothing to do about it"
    assert finding.rows[-1].value == "333333333333 interrupted, began 2026-01-02 03:00:00 UTC"


def test_a_release_under_way_explains_what_differs_meanwhile() -> None:
    facts = dataclasses.replace(
        FINE,
        lease=held(OTHER),
        services={"backend": on("arn/easi:3")},
        unfinished=MARK,
        pending=("urn::release",),
        last=attempt(OTHER, ended_at=None, outcome=None),
    )

    finding = diagnosis.diagnose(facts, NOW)

    assert [wrong.what.partition(" by ")[0] for wrong in finding.problems] == [
        "333333333333 is being released",
        "ECS runs easi:3, and easi:2 is proven",
    ]
    said = {row.name: (row.value, row.remark) for row in finding.rows}
    assert said["ECS"] == ("easi:3, 2 of 2 tasks", "DIFFERS")
    assert said["stack"] == ("222222222222", "under way: release")
    assert said["last try"][0] == "333333333333 under way, began 2026-01-02 03:00:00 UTC"


class Ecs:
    """One service, as far as it is asked for."""

    runs = ""

    def describe_services(self, *, cluster: str, services: list[str]) -> dict[str, Any]:
        assert (cluster, services) == ("easi", ["arn:aws:ecs:us-west-2:111111111111:service/easi/backend"])
        if not self.runs:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "DescribeServices")
        return {"services": [{"status": "ACTIVE", "taskDefinition": self.runs, "desiredCount": 2, "runningCount": 2}]}


def answer(check: HealthCheck, tasks: Tasks) -> Answer:
    """The backend answers, and is not asked which task it is."""
    assert not tasks.ids
    return Answer(body={"version": check.version}, miss=None)


@pytest.fixture
def sources(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """An environment whose sources agree."""
    world.ecs = Ecs()
    world.add("prod", RECORD)
    monkeypatch.setattr(drift, "look", lambda **_: manifest(RECORD))
    monkeypatch.setattr(Ecs, "runs", backend(RECORD).task_definition)
    monkeypatch.setattr(lease, "look", lambda *_: None)
    monkeypatch.setattr(records, "list_attempts", lambda *_: [attempt(NEW)])
    monkeypatch.setattr(healthcheck, "probe", answer)
    return world


def test_everything_is_read_and_agreement_is_0(sources: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "-s", "prod"]) == 0

    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("prod runs 222222222222, proven ")
    assert "\033" not in said[0], "no colour without a terminal"
    assert [line.split()[0] for line in said[1:]] == ["record", "ECS", "site", "health", "stack", "lease", "last"]
    assert said[2].index("as recorded") == said[3].index("as recorded"), "columns align"


def test_the_mark_of_an_attempt_that_did_not_end_is_1(sources: World, capsys: pytest.CaptureFixture[str]) -> None:
    sources.put("records-prod", "unsettled.json", {"attempt": "1", "version": OTHER, "startedAt": "now"})

    assert main(["status", "-s", "prod", "--json"]) == 1

    said = json.loads(capsys.readouterr().out)
    assert said["good"] is False
    assert said["wrong"][0]["toDo"] == RECOVER


@pytest.mark.parametrize(("made", "problem"), [("id-3", "files are being purged"), ("id-1", f"{OTHER[:12]} is being")])
def test_a_lease_is_that_of_a_purge_by_its_id(
    sources: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, made: str, problem: str
) -> None:
    monkeypatch.setattr(lease, "look", lambda *_: held(OTHER))
    monkeypatch.setattr(records, "list_purges", lambda *_: (purge(id=made, ended_at=None),))
    assert main(["status", "-s", "prod"]) == 1
    assert capsys.readouterr().out.startswith(f"prod: {problem}")


def test_a_source_that_may_not_be_read_does_not_hide_the_others(
    sources: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ecs, "runs", "")

    assert main(["status", "-s", "prod"]) == 1

    said = capsys.readouterr().out
    assert said.startswith("prod: ECS could not be read: AWS refused DescribeServices: AccessDenied: not you. To do: ")
    assert "as recorded" in said, "of the site"


def test_bold_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from cli import text

    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert text.bold("x") == "\033[1mx\033[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert text.bold("x") == "x"


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ResponseParserError("no XML"), "the response did not come from AWS"),
        (EndpointConnectionError(endpoint_url="https://sts"), "AWS cannot be reached: Could not connect"),
        (session.WrongAccountError("sign in"), "python -m release status: sign in\n"),
    ],
)
def test_an_aws_that_cannot_be_asked_is_one_message_and_soon(
    sources: World,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    says: str,
) -> None:
    def connect(*_: Any, quick: bool, **__: Any) -> None:
        assert quick
        raise error

    monkeypatch.setattr(session, "connect", connect)

    assert main(["status", "-s", "prod"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert says in shown.err


HANGING = """
import runpy, sys, time
from release import session

class Silent:
    def __getattr__(self, name):
        print("asked\\n", end="", flush=True)  # one write: several threads ask
        time.sleep(60)

session.connect = lambda *_, **__: session.Clients(
    s3=Silent(), cloudfront=None, function=None, make=lambda *_: Silent()
)
sys.argv = ["release", "status", "-s", "prod"]
runpy.run_module("release", run_name="__main__")
"""


def test_interrupt_ends_at_once_while_aws_does_not_answer(world: World) -> None:
    world.add("prod", RECORD)
    running = subprocess.Popen(
        [sys.executable, "-c", HANGING],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "asked\n"

    running.send_signal(signal.SIGINT)
    _, complaints = running.communicate(timeout=30)

    assert (running.returncode, complaints) == (130, "interrupted\n")


@pytest.mark.parametrize(
    ("runs", "says"),
    [
        (
            {"network": {"subnets": ["subnet-9"], "securityGroups": ["sg-1"]}},
            "the tasks run in subnet-9, sg-1, and were proven in subnet-1, sg-1",
        ),
        ({"execute_command": True}, "ECS Exec is on, and was not when it was proven"),
        ({"network": None, "execute_command": None}, ""),
    ],
)
def test_network_and_exec_are_compared_with_the_record(runs: dict[str, Any], says: str) -> None:
    here = {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}
    network = Network(subnets=("subnet-1",), security_groups=("sg-1",))
    service = dataclasses.replace(backend(RECORD), network=network, execute_command=False)
    recorded = dataclasses.replace(RECORD, services={"backend": service})
    settled: dict[str, Any] = {"network": here, "execute_command": False} | runs
    ecs = dataclasses.replace(on(), **settled)

    finding = diagnosis.diagnose(
        dataclasses.replace(FINE, record=recorded, stack=recorded, services={"backend": ecs}), NOW
    )

    assert finding.good is not bool(says)
    assert says in finding.headline
    assert next(row.remark for row in finding.rows if row.name == "ECS") == ("DIFFERS" if says else "as recorded")
    # An earlier program's record says nothing of them.
    assert diagnosis.diagnose(dataclasses.replace(FINE, services={"backend": ecs}), NOW).good

"""`python -m release run`: a command of the proven version, under the lease, with its log and its exit code."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cli.environment import Environment
from functions.deploy.network import Network
from release import lease, processes, records, session
from release.__main__ import main
from release.records import Stored
from release.session import Clients
from tests.unit import function_double
from tests.unit.environments import released, world_in
from tests.unit.fake_s3 import FakeS3
from tests.unit.function_double import Answer, answered, raised, stopped_clock
from tests.unit.one_off_answers import SUCCEEDED, TASK, standard, stands

BUCKET = "run-records"


class Function(function_double.Function):
    """Writes one line with each look at its log, and is asked under the lease."""

    name = "easi-deploy"

    def __init__(self, s3: FakeS3, *status: Answer, lines: int = 2, **answers: list[Answer]) -> None:
        super().__init__(**{**standard(), "task_status": [*status], **answers})
        self.s3, self.left = s3, lines

    def invoke(self, **arguments: Any) -> Mapping[str, Any]:
        command = json.loads(arguments["Payload"])
        held = lease.look(self.s3, BUCKET)
        assert held is not None, "what is asked of the function is asked under the lease"
        assert held.holder.doing == "kept for a one-off task"
        if command["command"] == "task_log" and "task_log" not in self.answers:
            self.commands.append(command)
            self.left -= 1
            lines = [f"line {command.get('after', '0')}"] if self.left >= 0 else []
            return answered({"lines": lines, "next": str(int(command.get("after", "0")) + len(lines))})
        return super().invoke(**arguments)


class World:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.s3, self.clock = FakeS3(BUCKET), stopped_clock(monkeypatch)
        self.function = Function(self.s3, stands(), SUCCEEDED)
        monkeypatch.setattr(session, "connect", lambda *_arguments, **_more: self.clients)

    @property
    def clients(self) -> Clients:
        return Clients(s3=self.s3, cloudfront=None, function=self.function, caller="arn:aws:sts::1:assumed-role/a/ana")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    project = world_in(tmp_path, monkeypatch)
    record = released(project.first)
    project.add("prod", record)
    inputs = project.stacks["prod"]["export"]["deployment"]["resources"][-1]["inputs"]
    inputs["recordsBucket"], inputs["container"] = BUCKET, "easi-prod"
    project.write()
    made = World(monkeypatch)
    records.write_release(made.s3, BUCKET, record, Stored(release=None, etag=None))
    return made


def run_it(*words: str, options: tuple[str, ...] = ()) -> int:
    return main(["run", "-s", "prod", *options, "--", *(words or ("/backend", "report", "--all"))])


def test_a_command_runs_from_the_proven_revision_and_its_log_is_standard_output(world: World, capsys: Any) -> None:
    assert run_it() == 0

    shown = capsys.readouterr()
    assert shown.out.splitlines() == ["line 0", "line 1"]
    assert shown.err.splitlines() == [
        "the command /backend report --all begins in task 0a1b2c, for 900 s at most",
        "task is RUNNING",
        "ended with exit code 0 (2 s)",
    ]
    (began,) = world.function.sent("run_task")
    assert began["containerCommand"] == ["/backend", "report", "--all"]
    assert began["taskDefinition"] == "arn:aws:ecs:us-west-2:111111111111:task-definition/easi:1"
    assert lease.look(world.s3, BUCKET) is None, "the lease is given back"


def test_a_function_of_an_earlier_program_does_not_say_the_health_and_runs_it_to_its_end(world: World) -> None:
    for answer in (asked := [stands(), SUCCEEDED.copy()]):
        del answer["health"]
    world.function.answers["task_status"] = [*asked]
    assert run_it() == 0
    assert world.function.sent("stop_task") == []


@pytest.mark.parametrize(("code", "reason"), [(3, "Essential container in task exited"), (124, "")])
def test_the_exit_code_is_the_commands(code: int, reason: str, world: World, capsys: Any) -> None:
    world.function.answers["task_status"] = [stands("failed", exitCode=code, reason=reason, details=["no table"])]
    assert run_it() == code
    said = capsys.readouterr().err.splitlines()
    assert said[-2:] == [f"the command failed with exit code {code}{': ' if reason else ''}{reason}", "  no table"]


def test_the_environment_may_say_how_logs_are_shown(world: World, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv("RELEASE_LOGS", "kubectl logs {service} -n 9")
    details = ["no table", "whole log: aws logs filter-log-events --log-group-name /ecs/easi-prod"]
    world.function.answers["task_status"] = [stands("failed", exitCode=3, details=details)]
    assert run_it() == 3
    assert capsys.readouterr().err.splitlines()[-2:] == ["  no table", "  whole log: kubectl logs backend -n 9"]


def test_a_command_that_never_ran_is_1(world: World, capsys: Any) -> None:
    world.function.answers["task_status"] = [stands("failed", reason="CannotPullContainerError")]
    assert run_it() == 1
    assert "the command never ran: container easi-prod has no exit code" in capsys.readouterr().err


def test_a_command_that_does_not_end_is_stopped_and_is_124(world: World, capsys: Any) -> None:
    stopped = stands("failed", exitCode=143)
    world.function.answers["task_status"] = [*[stands()] * 6, stopped]
    assert run_it(options=("--timeout", "10")) == 124
    assert "the command did not end within 10 s: it was stopped with exit code 143" in capsys.readouterr().err
    assert len(world.function.sent("stop_task")) == 1


@pytest.mark.parametrize("where", ["task_status", "task_log"])
def test_an_interrupt_stops_the_task(where: str, world: World, capsys: Any) -> None:
    world.function.answers["task_status"] = [stands(), stands("failed", exitCode=143)]
    world.function.answers[where] = [KeyboardInterrupt(), *world.function.answers["task_status"][1:]]
    assert run_it() == 130
    said = capsys.readouterr().err
    assert "the command was interrupted: it was stopped with exit code 143" in said
    assert said.endswith("interrupted\n")
    assert world.function.sent("stop_task")[0]["task"] == TASK
    assert lease.look(world.s3, BUCKET) is None


def test_an_interrupt_before_the_task_is_known_says_how_to_find_it(world: World, capsys: Any) -> None:
    world.function.answers["run_task"] = [KeyboardInterrupt()]
    assert run_it() == 130
    assert "the same command again finds it" in capsys.readouterr().err
    assert world.function.sent("stop_task") == []


def test_a_release_keeps_it_out_and_is_named(world: World, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    release = lease.acquire(world.s3, BUCKET, environment="prod", version="9" * 40, who="octocat", say=print)
    monkeypatch.setattr(lease.acquire, "__kwdefaults__", {"sleep": lambda _: release.renew(), "doing": lease.ONE_OFF})
    with release:
        assert run_it() == 1
    assert "prod is being released by octocat since" in capsys.readouterr().err
    assert world.function.commands == []


def test_it_keeps_a_release_out_and_is_named(world: World) -> None:
    held = lease.acquire(
        world.s3, BUCKET, environment="prod", version="9" * 40, who="ana", doing=lease.ONE_OFF, say=print
    )
    with held, pytest.raises(lease.LeaseHeldError, match="prod is kept for a one-off task by ana since"):
        lease.acquire(
            world.s3,
            BUCKET,
            environment="prod",
            version="8" * 40,
            who="octocat",
            say=print,
            sleep=lambda _: held.renew(),
        )


def test_a_lease_of_an_earlier_program_says_nothing_of_what_it_is_for(world: World) -> None:
    old = {"id": "a", "who": "octocat", "machine": processes.identity(), "pid": 1, "version": "9" * 40}
    body = json.dumps(old | {"environment": "prod", "since": "2026-01-01T00:00:00Z"}).encode()
    world.s3.put_object(Bucket=BUCKET, Key=lease.KEY, Body=body)
    held = lease.look(world.s3, BUCKET)
    assert held is not None
    assert held.holder.doing == "being released"


def test_a_log_that_cannot_be_read_stops_nothing(world: World, capsys: Any) -> None:
    world.function.answers["task_log"] = [raised("refused: command is task_log, expected one of deploy")]
    assert run_it() == 0
    assert capsys.readouterr().err.count("the log is not shown: ") == 1


def test_what_is_not_proven_has_no_commands(world: World, capsys: Any) -> None:
    world.s3.delete_object(Bucket=BUCKET, Key=records.RELEASE_KEY)
    assert run_it() == 1
    assert "nothing is proven in prod" in capsys.readouterr().err
    assert lease.look(world.s3, BUCKET) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [(("--service", "worker"), "prod has no service worker; it has backend"), (("--timeout", "1"), "10 to 86400")],
)
def test_wrong_usage_is_2_and_starts_nothing(options: tuple[str, ...], message: str, world: World, capsys: Any) -> None:
    try:
        code = run_it(options=options)
    except SystemExit as error:
        code = int(str(error.code))
    assert code == 2
    assert message in capsys.readouterr().err
    assert world.function.commands == []


def test_sites_alone_run_no_command(world: World, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    released = Environment.released
    monkeypatch.setattr(Environment, "released", lambda self: dataclasses.replace(released(self), services={}))
    assert run_it() == 2
    assert "prod has no service: a command runs in the image of one" in capsys.readouterr().err
    assert world.function.commands == []


def test_of_several_services_one_has_to_be_named(world: World, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    released = Environment.released

    def two(self: Environment) -> Any:
        request = released(self)
        services = {"backend": request.services["backend"], "billing": request.services["backend"]}
        return dataclasses.replace(request, services=services)

    monkeypatch.setattr(Environment, "released", two)
    assert run_it() == 2
    message = capsys.readouterr().err
    assert "prod has several services: name the one whose image runs the command, with --service backend or" in message
    assert "--service billing\n" in message
    assert world.function.commands == []
    assert run_it(options=("--service", "backend")) == 0


def test_a_recorded_network_is_where_the_command_runs(world: World) -> None:
    stored = records.read_stored(world.s3, BUCKET)
    assert stored.release is not None
    network = Network(subnets=("subnet-1",), security_groups=("sg-1",))
    service = dataclasses.replace(stored.release.services["backend"], network=network)
    moved = dataclasses.replace(stored.release, services={"backend": service})
    records.write_release(world.s3, BUCKET, moved, stored)
    assert run_it() == 0
    assert world.function.sent("run_task")[0]["network"] == {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}


def test_a_log_without_an_answer_does_not_hide_how_the_command_ended(world: World, capsys: Any) -> None:
    world.function.answers["task_log"] = [raised("unavailable: no answer from AWS: Connect timeout")]
    assert main(["run", "-s", "prod", "--", "/backend", "report"]) == 0
    assert "the log is not shown: " in capsys.readouterr().err
    assert world.clock.now < 60

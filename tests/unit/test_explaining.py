"""What is fetched to explain a failure, and that it never costs the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from functions.deploy import commands, explaining, redaction
from functions.deploy.requests import Status
from settings import names
from tests.unit.ecs_answers import Answers

NEWEST = "3a5e1c7d9b2f4e6a8c0d1e2f3a4b5c33"
CRASH = (Path(__file__).parents[1] / "fixtures" / "crashes" / "go.txt").read_text().splitlines()
GOROUTINE = ["", "goroutine 7 [select]:", "main.work(0xc0000)", "\t/src/main.go:30 +0x1b9"]


def ask(answers: Answers) -> dict[str, Any]:
    asked = answers.asked
    return commands.status(
        answers.aws(),
        Status(deployment=asked.deployment, task_definition=asked.task_definition, created_at=asked.created_at),
    )


def crashed(*lines: str, page: int = 10_000) -> tuple[Answers, list[dict[str, Any]]]:
    """A rollout whose tasks wrote these lines, which CloudWatch hands out in pages; and what it was asked."""
    answers, asked = Answers("aws_rolled_back"), []
    pages = [lines[max(0, end - page) : end] for end in range(len(lines), 0, -page)]

    def get(request: Mapping[str, Any]) -> dict[str, Any]:
        asked.append(dict(request))
        number = int(request.get("nextToken", "0"))
        shown = pages[number] if number < len(pages) else ()
        return {
            "events": [{"message": f"{line}\n"} for line in shown],
            "nextBackwardToken": str(min(number + 1, len(pages))),
        }

    answers.replies["GetLogEvents"] = get
    return answers, asked


def logged(answer: Mapping[str, Any]) -> list[str]:
    return [line.partition(" | ")[2] for line in answer["details"] if " | " in line]


def test_the_cause_is_told_after_the_end_and_before_how_to_see_all_of_it() -> None:
    details = ask(crashed(*CRASH)[0])["details"]

    assert details[:2] == [
        f"task {NEWEST} container backend: exit code 1",
        f"task {NEWEST} stopped: Essential container in task exited",
    ]
    assert [line.partition(" | ")[2] for line in details[2:8]] == [line for line in CRASH if line]
    assert details[8].startswith("whole log: aws logs filter-log-events ")


def test_a_cause_far_above_the_end_is_looked_for_page_by_page() -> None:
    answers, asked = crashed("starting", *CRASH, *GOROUTINE * 500, page=1000)

    assert any(line.startswith("panic: cannot reach") for line in logged(ask(answers)))
    assert [request.get("nextToken") for request in asked] == [None, "1", "2"]


def test_no_more_than_so_many_pages_are_read() -> None:
    answers, asked = crashed(*CRASH, *GOROUTINE * 5000, page=1000)

    ask(answers)

    by_stream: dict[str, int] = {}
    for request in asked:
        by_stream[request["logStreamName"]] = by_stream.get(request["logStreamName"], 0) + 1
    assert set(by_stream.values()) == {explaining.PAGES}


def test_a_log_without_a_cause_is_told_from_its_end() -> None:
    assert logged(ask(crashed(*"abcdefghi")[0])) == ["d", "e", "f", "g", "h", "i"]


def test_the_health_command_is_named_where_it_ended_a_task() -> None:
    answers, _ = crashed("starting")
    described = answers.task_definition(answers.asked.task_definition or "")
    described["containerDefinitions"][0]["healthCheck"] = {"command": ["CMD", "/nowhere", "health check"]}
    answers.replies["DescribeTaskDefinition"] = lambda _: {"taskDefinition": described}
    line = "health command of container backend: /nowhere 'health check'"
    assert line not in ask(answers)["details"]
    for task in answers.content["describe_tasks"]["tasks"]:
        task["stoppedReason"] = "Task failed container health checks"
    assert line in ask(answers)["details"]


def test_reading_ends_with_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explaining, "BUDGET_S", -1.0)
    answers, asked = crashed(*CRASH)

    answer = ask(answers)

    assert answer["outcome"] == "rolled_back"
    assert f"task {NEWEST} container backend: exit code 1" in answer["details"]
    assert asked == []


@pytest.mark.parametrize("operation", ["GetLogEvents", "DescribeTaskDefinition"])
@pytest.mark.parametrize("error", [KeyError("events"), RecursionError("too deep"), OSError("reset")])
def test_whatever_an_explanation_meets_the_verdict_stays(operation: str, error: Exception) -> None:
    answers = crashed(*CRASH)[0]

    def fail(_: Mapping[str, Any]) -> dict[str, Any]:
        raise error

    answers.replies[operation] = fail
    answer = ask(answers)

    assert answer["outcome"] == "rolled_back"
    assert f"task {NEWEST} stopped: Essential container in task exited" in answer["details"]
    assert any(line.startswith("no log lines") for line in answer["details"])


def test_an_answer_that_is_odd_costs_no_verdict() -> None:
    answers = crashed()[0]
    answers.replies["GetLogEvents"] = lambda _: {"events": [{}, {"timestamp": 1}]}

    assert ask(answers)["outcome"] == "rolled_back"


def test_lines_of_a_private_key_are_hidden_whichever_of_them_is_told() -> None:
    key = ["-----BEGIN PRIVATE KEY-----", *(f"Error{number}: abcdefgh" for number in range(5))]
    shown = logged(ask(crashed("panic: bad key", *key, "-----END PRIVATE KEY-----", "bye")[0]))

    assert "panic: bad key" in shown
    assert not any("abcdefgh" in line for line in shown)


def test_terminal_sequences_neither_hide_a_cause_nor_tear_a_secret_apart() -> None:
    shown = logged(ask(crashed("a", "\x1b[31mpanic: \x1b[0mpass\x1b[1mword=hunter2\x07 refused", *"bcdefghij")[0]))

    assert "panic: password=[hidden] refused" in shown


@pytest.mark.parametrize("text", ["." * 8000, "." * 64 * 1024, "password=" * 9000, "a.b-" * 9000])
def test_a_long_line_is_cut(text: str) -> None:
    assert all(len(line) <= explaining.SHOWN for line in logged(ask(crashed(text, "b")[0])))


def definition(**environment: str) -> Any:
    entries = [{"name": name, "value": value} for name, value in environment.items()]
    return {"containerDefinitions": [{"name": "backend", "environment": entries}, {"name": "proxy"}]}


def hidden(text: str, **environment: str) -> str:
    return redaction.hide(text, redaction.values_of(definition(**environment)))


def test_values_that_the_program_sets_itself_are_no_secret() -> None:
    said = hidden("GET /graphql/health in dev", RELEASE_ENVIRONMENT="dev", RELEASE_HEALTH_PATH="/graphql/health")
    assert said == "GET /graphql/health in dev"
    assert set(redaction.SET_BY_THE_PROGRAM) == {names.ENVIRONMENT_VARIABLE, names.HEALTH_PATH_VARIABLE}


def test_values_of_the_environment_become_their_names() -> None:
    address = "postgres://app:Pepper%40!@db/easi"
    given = {"MODE": "crash", "SALT": "grain of salt", "DATABASE": address, "CONFIG": '{"token": "tarragon"}'}

    assert hidden("starting crash", **given) == "starting [MODE]"
    assert hidden("with a grain of saltiness", **given) == "with a [SALT]iness"
    assert hidden(f"dial {address}: Pepper@! refused", **given) == "dial [DATABASE]: [DATABASE] refused"
    assert hidden("sent tarragon", **given) == "sent [CONFIG]"


@pytest.mark.parametrize("separator", "\r\v\f\x1c\x7f\x85\u2028")
def test_a_value_with_a_control_character_becomes_its_name(separator: str) -> None:
    answers, _ = crashed("a", f"panic: cannot use salt{separator}pepper", "b")
    described = answers.task_definition(str(answers.asked.task_definition))
    described["containerDefinitions"][0]["environment"] = [{"name": "SPICE", "value": f"salt{separator}pepper"}]
    answers.replies["DescribeTaskDefinition"] = lambda _: {"taskDefinition": described}
    assert "panic: cannot use [SPICE]" in logged(ask(answers))


def test_longer_value_goes_first_and_lines_of_a_value_go_alone() -> None:
    assert hidden("longvalue indeed, longvalue", SHORT="longvalue", LONG="longvalue indeed") == "[LONG], [SHORT]"
    assert hidden("read second line", TEXT="first line\nsecond line\n") == "read [TEXT]"


def test_short_values_are_words_only_and_the_shortest_stay() -> None:
    shown = hidden("stage=dev in /dev/null of easi-dev: 4 developers.", STAGE="dev", WORKERS="4", DEBUG="")

    assert shown == "stage=[STAGE] in /dev/null of easi-dev: 4 developers."

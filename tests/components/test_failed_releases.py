"""What counts as a failed release: the component's pattern on the lines that the deploy function prints."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.components.alarms_program import FILTER, FUNCTION, alarm, watched


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The deploy function, whose files import each other by bare names."""
    monkeypatch.syspath_prepend(str(FUNCTION))
    mine = {path.stem for path in FUNCTION.glob("*.py")}
    before = {name: sys.modules.pop(name) for name in mine if name in sys.modules}
    try:
        from functions.deploy import handler as found

        yield found
    finally:
        for name in mine:
            sys.modules.pop(name, None)
        sys.modules.update(before)


@pytest.mark.parametrize(
    ("event", "outcome", "counted"),
    [
        ({"deployment": "ecs-svc/1"}, "rolled_back", True),
        ({"deployment": "ecs-svc/1"}, "failed", True),
        ({"deployment": "ecs-svc/1"}, "no_tasks", True),
        ({"deployment": "ecs-svc/1"}, "succeeded", False),
        ({"deployment": "ecs-svc/1"}, "in_progress", False),
        ({"deployment": "ecs-svc/1"}, "superseded", False),
        ({}, "failed", False),
        ({"deployment": "nonsense"}, "failed", False),
    ],
)
def test_failed_releases_are_counted_in_the_functions_own_lines(
    handler: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    event: dict[str, str],
    outcome: str,
    counted: bool,
) -> None:
    """The line is printed by the function itself, and the pattern is the component's."""
    answer = {"outcome": outcome, **event}
    monkeypatch.setattr(handler, "_aws", lambda: None)
    monkeypatch.setattr(handler, "_translated", lambda run: answer)
    try:
        handler.handle({"command": "status", **event}, None)
    except handler.BadCommandError:
        assert event == {"deployment": "nonsense"}
    line = capsys.readouterr().out
    pattern = watched().one(FILTER)["pattern"]
    assert matches(pattern, json.loads(line)) == counted


def matches(pattern: str, line: dict[str, Any]) -> bool:
    """What CloudWatch Logs makes of a JSON pattern of equal strings, of fields that are there, of && and ||.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
    """
    compared = re.fullmatch(r"\{ (.*) \}", pattern)
    assert compared is not None, pattern

    def value(found: re.Match[str]) -> str:
        there = line.get(found[1])
        return str(there is not None if found[2] == "*" else f'"{there}"' == found[2])

    text = re.sub(r'\$\.(\w+) = (\*|"\w+")', value, compared[1]).replace("&&", "and").replace("||", "or")
    assert re.fullmatch(r"(True|False|and|or|[() ])+", text), text
    return bool(eval(text))


def test_metric_of_failed_releases_is_the_one_that_the_filter_counts() -> None:
    recorded = watched()
    counted = recorded.one(FILTER)
    found = alarm(recorded, "failed-release")
    assert counted["logGroupName"] == "/aws/lambda/shop-deploy"
    assert counted["metricTransformation"] == {
        "namespace": found["namespace"],
        "name": found["metricName"],
        "value": "1",
        "unit": "Count",
    }

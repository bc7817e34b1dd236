"""The deploy function as its callers meet it: answers that are given beforehand, and a clock that waits for nobody."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import pytest

from release import deploy_function, one_off, progress, rollout

Answer = dict[str, Any] | BaseException


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """For a fixture: whoever asks the function waits by this clock."""
    made = Clock()
    for module in (rollout, one_off, deploy_function, progress):
        monkeypatch.setattr(module, "time", made)
    return made


class Function:
    """Answers in turn, or each command in turn; the last answer for ever. Remembers the commands."""

    name = "easi-dev-deploy"

    def __init__(self, *answers: Answer, **of_commands: list[Answer]) -> None:
        self.in_turn, self.answers = list(answers), of_commands
        self.commands: list[dict[str, Any]] = []

    def invoke(self, **arguments: Any) -> Mapping[str, Any]:
        assert (arguments["FunctionName"], arguments["InvocationType"]) == (self.name, "RequestResponse")
        command = json.loads(arguments["Payload"])
        self.commands.append(command)
        return answered(next_of(self.in_turn or self.answers[command["command"]]))

    def sent(self, name: str) -> list[dict[str, Any]]:
        return [command for command in self.commands if command["command"] == name]


def answered(answer: Answer) -> Mapping[str, Any]:
    """What Lambda makes of an answer. Raises what is no answer."""
    if isinstance(answer, BaseException):
        raise answer
    error = answer.get("functionError")
    payload = io.BytesIO(json.dumps(error or answer).encode())
    return {"StatusCode": 200, "Payload": payload} | ({"FunctionError": "Unhandled"} if error else {})


def next_of(answers: list[Answer]) -> Answer:
    """Each in turn, and the last one for ever."""
    return answers.pop(0) if len(answers) > 1 else answers[0]


def raised(message: str, kind: str = "Runtime.HandlerError") -> dict[str, Any]:
    """What the function raised."""
    return {"functionError": {"errorMessage": message, "errorType": kind}}

"""The deploy function as its callers meet it: answers that are given beforehand, and a clock that waits for nobody."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

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

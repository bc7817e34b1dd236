"""Which answers of a load count as wrong."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.bench.load import vegeta

OLD, NEW = "1" * 40, "2" * 40


def answer(body: str, code: int = 200, error: str = "") -> dict[str, Any]:
    return {"code": code, "error": error, "body": base64.b64encode(body.encode()).decode()}


def health(version: str, status: str = "pass", code: int = 200) -> dict[str, Any]:
    return answer(json.dumps({"status": status, "version": version}), code)


def test_passing_answers_of_the_versions_are_right() -> None:
    assert vegeta.miss(health(OLD), (OLD,)) == ""
    assert vegeta.miss(health(NEW), (OLD, NEW)) == ""
    assert vegeta.miss(answer("<!doctype html>"), ()) == ""


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (health(NEW), f'200 {{"status": "pass", "version": "{NEW}"}}'),
        (health(OLD, "fail"), f'200 {{"status": "fail", "version": "{OLD}"}}'),
        (health(OLD, code=503), f'503 {{"status": "pass", "version": "{OLD}"}}'),
        (answer("no JSON"), "200 no JSON"),
        (answer("", 0, "connection refused"), "no answer connection refused"),
        (answer("", 200, "unexpected EOF"), "200 unexpected EOF"),
    ],
)
def test_any_other_answer_is_wrong(wrong: dict[str, Any], why: str) -> None:
    assert vegeta.miss(wrong, (OLD,)) == why

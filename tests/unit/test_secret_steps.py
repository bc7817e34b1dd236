"""Hiding takes time in proportion to the text, whatever is in a log: counted in steps, not in seconds."""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import pytest

from functions.deploy import telling
from functions.redaction import names, pairs, shapes
from tests.unit.regex_steps import Counted

MODULES = (names, pairs, shapes, telling)
PIECES = (
    *(
        ".",
        "a",
        "A1",
        "a.",
        "a-",
        "_",
        "=",
        ":",
        "'",
        '"',
        "\\",
        '\\"',
        "(",
        ")",
        "[{",
        "]}",
        "<",
        ",",
        ";a",
        "&a=",
        "@",
    ),
    *(
        "/",
        "://",
        "a://",
        "x:y@",
        "a/b@",
        "\t",
        "  ",
        "-",
        "--",
        "|",
        "eyJ",
        "sk-",
        "ghp_",
        "AC",
        "1:",
        "0a",
        "arn:aws:",
    ),
    *("password=", "password ", "password: ", "key=", "key ", "token:", "<password>", "bearer ", "basic ", "-u a:"),
    *("cookie: a;", "authorization: ", "identified by ", '"name":"password",', "value=", "-----BEGIN ", "PRIVATE KEY"),
    *("Error: ", "panic", "goroutine 1", "  at x", "Exception", "é", "\uff1a", "\u2028"),
)
SHORT, LONG = 100, 400


def units(seed: int) -> list[str]:
    """What is repeated to a text: what is quadratic shows best where the same comes again and again."""
    chosen = random.Random(seed)
    return ["".join(chosen.choices(PIECES, k=chosen.randint(1, 4))) for _ in range(5)]


def repeated(unit: str, length: int) -> str:
    return (unit * (length // len(unit) + 1))[:length]


class Steps:
    """Counts, of a set of modules, the lines that are executed and the characters that their patterns compare."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lines = 0
        self.patterns: list[Counted] = []
        self.files = {module.__file__ for module in MODULES}
        for module in MODULES:
            for name, value in vars(module).items():
                if isinstance(value, re.Pattern):
                    monkeypatch.setattr(module, name, self._counted(value))
                elif isinstance(value, dict) and any(isinstance(one, re.Pattern) for one in value.values()):
                    monkeypatch.setattr(module, name, {key: self._counted(one) for key, one in value.items()})

    def of(self, work: Callable[[], object]) -> int:
        before = self.total
        sys.settrace(self._call)
        try:
            work()
        finally:
            sys.settrace(None)
        return self.total - before

    @property
    def total(self) -> int:
        return self.lines + sum(pattern.taken for pattern in self.patterns)

    def _counted(self, pattern: re.Pattern[str]) -> Counted:
        self.patterns.append(Counted(pattern))
        return self.patterns[-1]

    def _call(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        return self._line if frame.f_code.co_filename in self.files else None

    def _line(self, _frame: FrameType, event: str, _argument: Any) -> Any:
        self.lines += event == "line"
        return self._line


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    return Steps(monkeypatch)


@pytest.mark.parametrize("seed", range(8))
def test_hiding_takes_steps_in_proportion_to_the_text(steps: Steps, seed: int) -> None:
    for unit in [*units(seed), "a.\\ -'\t="[seed]]:
        few, many = (steps.of(partial(shapes.hide, repeated(unit, length))) for length in (SHORT, LONG))
        assert many <= 6 * few + 2000, f"{unit!r}: {few} steps for {SHORT} characters, {many} for {LONG}"


def test_choosing_lines_takes_steps_in_proportion_to_the_log(steps: Steps) -> None:
    for unit in units(0):
        logs = ([repeated(unit, 40)] * count for count in (10, 40))
        few, many = (steps.of(partial(telling.choose, lines, 6)) for lines in logs)
        assert many <= 6 * few + 2000, f"{unit!r}: {few} steps for 10 lines, {many} for 40"


@pytest.mark.parametrize("length", [8_000, 64 * 1024, 1024 * 1024])
def test_a_line_of_any_length_costs_what_one_of_2_kib_does(length: int) -> None:
    """Without counting patterns, of which a line that long is too much: lines are cut before any is used."""
    for unit in (".", "a.", "password=", "x:y@"):
        shown = {shapes.hide(repeated(unit, size)) for size in (shapes.LINE + 1, length)}
        assert len(shown) == 1


def test_steps_are_seen_where_a_pattern_is_quadratic() -> None:
    """The one that cost a verdict: it looked at every dot again from each dot before it."""
    counted = []
    for length in (SHORT, LONG):
        pattern = Counted(re.compile(r"(?<![\w-])[\w.-]*secret"))
        assert pattern.search("." * length) is None
        counted.append(pattern.taken)
    assert counted[1] > 12 * counted[0]

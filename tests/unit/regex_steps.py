"""Counts the steps of patterns: the characters that a backtracking engine compares, with restarts and dead ends.

A quadratic pattern is seen in 400 characters, on any machine: no clock is asked. The matcher does what `re` does with
the constructs that the patterns of this project use, and says so where it meets another.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from re import _constants as sre  # type: ignore[attr-defined]  # the only description of a pattern that Python has
from re import _parser as parser  # type: ignore[attr-defined]  # the same
from typing import Any

Then = Callable[[int], int | None]


class Counted:
    """A compiled pattern that does what it always does, and counts its steps."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self.pattern = pattern.pattern
        self.taken = 0
        self._real = pattern
        self._tree = list(parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE))
        self._ignore_case = bool(pattern.flags & re.IGNORECASE)
        self._text = ""
        self._ones: dict[tuple[Any, int], re.Pattern[str]] = {}

    def match(self, text: str, at: int = 0) -> re.Match[str] | None:
        return self._checked(text, at, self._real.match(text, at), lambda end: end)

    def fullmatch(self, text: str) -> re.Match[str] | None:
        whole = len(text)
        return self._checked(text, 0, self._real.fullmatch(text), lambda end: end if end == whole else None)

    def search(self, text: str, at: int = 0) -> re.Match[str] | None:
        real = self._real.search(text, at)
        for start in range(at, (real.start() if real else len(text)) + 1):
            found = self._checked(text, start, real if real and real.start() == start else None, lambda end: end)
        return found

    def finditer(self, text: str, at: int = 0) -> Iterator[re.Match[str]]:
        while at <= len(text) and (found := self.search(text, at)) is not None:
            yield found
            at = found.end() + (found.end() == found.start())

    def sub(self, new: str, text: str) -> str:
        list(self.finditer(text))
        return self._real.sub(new, text)

    def split(self, text: str, maxsplit: int = 0) -> list[Any]:
        list(self.finditer(text))
        return self._real.split(text, maxsplit)

    def _checked(self, text: str, at: int, real: re.Match[str] | None, then: Then) -> re.Match[str] | None:
        """The real match; what was counted is the way to it."""
        self._text = text
        end = self._sequence(self._tree, 0, at, then)
        assert end == (real.end() if real else None), f"{self.pattern} at {at} of {text!r}"
        return real

    def _sequence(self, nodes: list[Any], index: int, at: int, then: Then) -> int | None:
        if index == len(nodes):
            return then(at)
        kind, what = nodes[index]
        return self._node(kind, what, at, lambda place: self._sequence(nodes, index + 1, place, then))

    def _node(self, kind: Any, what: Any, at: int, then: Then) -> int | None:
        name = str(kind)
        if name in {"LITERAL", "NOT_LITERAL", "IN", "ANY"}:
            return then(at + 1) if self._is(kind, what, at) else None
        if name in {"MAX_REPEAT", "POSSESSIVE_REPEAT", "MIN_REPEAT"}:
            return self._repeat(name, what, at, then)
        if name == "SUBPATTERN":
            return self._sequence(list(what[3]), 0, at, then)
        if name == "ATOMIC_GROUP":
            end = self._sequence(list(what), 0, at, lambda place: place)
            return None if end is None else then(end)
        if name == "BRANCH":
            ends = (self._sequence(list(branch), 0, at, then) for branch in what[1])
            return next((end for end in ends if end is not None), None)
        if name in {"ASSERT", "ASSERT_NOT"}:
            direction, inner = what
            start = at if direction > 0 else at - inner.getwidth()[0]
            holds = start >= 0 and self._sequence(list(inner), 0, start, lambda place: place) is not None
            return then(at) if holds == (name == "ASSERT") else None
        if name == "AT":
            return then(at) if self._at(str(what), at) else None
        raise NotImplementedError(f"{name} in {self.pattern}")

    def _repeat(self, name: str, what: Any, at: int, then: Then) -> int | None:
        least, most, inner = what
        nodes, most = list(inner), len(self._text) + 1 if most is sre.MAXREPEAT else most
        ends = [at]
        if name == "MIN_REPEAT":
            for count in range(most + 1):
                end = then(ends[-1]) if count >= least else None
                following = None if end is not None else self._sequence(nodes, 0, ends[-1], lambda place: place)
                if end is not None or following is None:
                    return end
                ends.append(following)
        while len(ends) <= most:
            following = self._sequence(nodes, 0, ends[-1], lambda place: place)
            if following is None or following == ends[-1]:
                break
            ends.append(following)
        candidates = ends[least:][::-1][:1] if name == "POSSESSIVE_REPEAT" else ends[least:][::-1]
        found = (then(end) for end in candidates)
        return next((end for end in found if end is not None), None)

    def _is(self, kind: Any, what: Any, at: int) -> bool:
        self.taken += 1
        if at >= len(self._text):
            return False
        key = (kind, what if isinstance(what, int) else id(what))  # the tree stays where it is
        if key not in self._ones:
            self._ones[key] = re.compile(_one(str(kind), what), re.IGNORECASE if self._ignore_case else 0)
        return self._ones[key].match(self._text[at]) is not None

    def _at(self, what: str, at: int) -> bool:
        if what in {"AT_BEGINNING", "AT_BEGINNING_STRING"}:
            return at == 0
        if what in {"AT_END", "AT_END_STRING"}:
            return at == len(self._text)
        word = [bool(re.match(r"\w", self._text[place])) for place in (at - 1, at) if 0 <= place < len(self._text)]
        return (word.count(True) == 1) == (what == "AT_BOUNDARY")


def _one(kind: str, what: Any) -> str:
    """The pattern of one character, from its own piece of the tree."""
    if kind == "ANY":
        return "(?s:.)"
    if kind == "IN":
        return _set(what)
    return re.escape(chr(what)) if kind == "LITERAL" else f"[^{re.escape(chr(what))}]"


_CLASSES = {
    "CATEGORY_DIGIT": r"\d",
    "CATEGORY_NOT_DIGIT": r"\D",
    "CATEGORY_SPACE": r"\s",
    "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w",
    "CATEGORY_NOT_WORD": r"\W",
}


def _set(items: Any) -> str:
    parts = []
    for kind, what in items:
        name = str(kind)
        if name == "NEGATE":
            parts.append("^")
        elif name == "LITERAL":
            parts.append(re.escape(chr(what)))
        elif name == "RANGE":
            parts.append(f"{re.escape(chr(what[0]))}-{re.escape(chr(what[1]))}")
        else:
            parts.append(_CLASSES[str(what)])
    return f"[{''.join(parts)}]"

"""Values of environment variables, taken out of what a preview says; their names stay. Pure.

A task definition has them in the clear, and a pull request's comment is read by more people than may describe it.
Two ways, as neither is enough: by the place where the engine prints them, which finds the short ones ("on") and
needs no list; and by what they are, which finds them in a message. There, what looks like a secret is hidden, too.
Secrets of Pulumi are [secret] already, and secrets of the task are not in its definition: it has their ARNs.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import secret_shapes
from ci import events as engine

HIDDEN: Final = "[hidden]"
LEAST: Final = 6
"""Characters of a value that is looked for everywhere: shorter ones are parts of other words."""
LEAST_WORD: Final = 4
"""Characters of a value that is looked for as a word of a message: shorter ones ("on", "1") are words of any text."""
_BLOCK: Final = re.compile(r"(?P<before>\s*(?:[-+~]\s*)?)\"?environment\"?\s*: \[\s*")
_INDENT: Final = re.compile(r"\s*(?:[-+~]+\s*)?")
_ELEMENT: Final = re.compile(r"\s*(?:[-+~]\s*)?\[\d+\]: \{\s*|\s*\}\s*")
_STRING: Final = r'"(?:[^"\\]|\\.)*"'
_NAME: Final = re.compile(rf"\s*(?:[-+~]\s*)?name\s*: {_STRING}(?: => {_STRING})?\s*")
_VALUE: Final = re.compile(r"(?P<before>\s*(?:[-+~]\s*)?)value\s*:")
_IN_JSON: Final = re.compile(r'(?P<key>(?P<quote>\\*")value(?P=quote)\s*:\s*)(?P=quote)(?:.*?)(?<!\\)(?P=quote)')
"""A member `value` of JSON in a text, also of JSON in a string of JSON."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Values:
    """The values that must not be shown."""

    long: tuple[str, ...] = ()
    """In every spelling that a text may have of them, the longest first."""
    words: tuple[str, ...] = ()
    """Those that are hidden in a message where they are a word of their own."""
    short: tuple[str, ...] = ()
    """Those that are hidden in a message where they stand in quotes."""

    def hide(self, text: str) -> str:
        """A message without them."""
        text = _IN_JSON.sub(rf"\g<key>{HIDDEN}", text)
        for value in self.long:
            text = text.replace(value, HIDDEN)
        for value in self.words:
            text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", HIDDEN, text)
        for value in self.short:
            text = re.sub(rf"(['\"`]){re.escape(value)}\1", HIDDEN, text)
        return secret_shapes.hide(text)

    def hide_in_diff(self, text: str, messages: Iterable[str] = ()) -> str:
        """The engine's text for people without them. It may have the engine's `messages` between the resources."""
        lines = {line.strip() for message in messages for line in message.splitlines()} - {""}
        for line in _longest_first(lines):
            text = text.replace(line, self.hide(line))
        text = "\n".join(_without_blocks(text.splitlines()))
        text = _IN_JSON.sub(rf"\g<key>{HIDDEN}", text)
        for value in self.long:
            text = text.replace(value, HIDDEN)
        return text


def values(events: Sequence[Mapping[str, Any]]) -> Values:
    """The values that the events of a preview have: in task definitions, before and after, and in the setting."""
    found = set(_found(events))
    public = _public(events)
    parts = {part for value in found for part in _parts(value)}
    private = {part for part in parts if not _is_in(part, public)}
    long = {spelling for part in private if len(part) >= LEAST for spelling in _spellings(part)}
    return Values(
        long=_longest_first(long),
        words=_longest_first(part for part in private if LEAST_WORD <= len(part) < LEAST),
        short=_longest_first(part for part in parts if 1 < len(part) < LEAST),
    )


def _longest_first(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(texts, key=lambda text: (-len(text), text)))


def _found(events: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for step in engine.steps(events):
        for properties in engine.states(step):
            for variables in engine.containers(properties.get("containerDefinitions")).values():
                yield from (value for name, value in variables.items() if name not in engine.OWN)
    yield from engine.setting(events).values()


def _public(events: Sequence[Mapping[str, Any]]) -> str:
    """Texts whose words are not only values of a variable: the names of resources, and the other settings.

    AWS_REGION in the environment would hide the region in every ARN, and nobody would gain by it.
    """
    names = {str(step.get("urn", "")) for step in engine.steps(events)}
    return "\n".join(names | {str(text) for key, text in engine.config(events).items() if key != engine.SETTING})


def _is_in(word: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None


def _parts(value: str) -> Iterator[str]:
    """The value, and what the engine prints of it alone: its lines, and the texts in it where it is JSON."""
    yield value
    yield from (line.strip() for line in value.splitlines())
    try:
        found = json.loads(value)
    except ValueError:
        return
    if isinstance(found, (dict, list)):
        yield from _texts(found)


def _texts(found: Any) -> Iterator[str]:
    if isinstance(found, str):
        yield from _parts(found)
    elif isinstance(found, Mapping):
        for each in found.values():
            yield from _texts(each)
    elif isinstance(found, list):
        for each in found:
            yield from _texts(each)


def _spellings(value: str) -> Iterator[str]:
    """As it is, as Python and JSON print it, and as the string of JSON that a string of JSON may hold once more."""
    once = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1]}
    # Go's JSON, which is the engine's, spares HTML.
    once |= {each.replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e") for each in once}
    yield from {value} | once
    yield from (json.dumps(each, ensure_ascii=False)[1:-1] for each in once)


def _without_blocks(lines: Iterable[str]) -> Iterator[str]:
    """The lines of a diff; of each list `environment`, the names, and that there are values.

    Nothing is known about how the engine prints a value: (json), (yaml), a text line by line. So what is let through
    is what is known to be no value. A printed value is indented deeper than the list that it is in.
    """
    ends: int | None = None
    value: int | None = None
    for line in lines:
        indent = _INDENT.match(line)
        at = indent.end() if indent else 0
        if ends is None:
            block = _BLOCK.fullmatch(line)
            ends = len(block["before"]) if block else None
            yield line
        elif line.strip() and at <= ends:
            # Its own bracket, or a line of what follows it.
            ends = value = None
            yield line
        elif value is not None and (not line.strip() or at >= value):
            continue
        else:
            value = None
            found = _VALUE.match(line)
            if found:
                value = len(found["before"])
                yield f"{found['before']}value: {HIDDEN}"
            elif _ELEMENT.fullmatch(line) or _NAME.fullmatch(line):
                yield line

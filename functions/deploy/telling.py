"""Which lines of a log say why a program ended. Pure.

A crash seldom ends with its cause: Go prints the stacks of all goroutines after it, Python the stack before it, Java
the first cause last, and a service may have run for hours. So lines are chosen by what they say, from the whole log,
and told in its order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

LOOKED_AT = 512
"""Characters of a line that say what kind of line it is."""
NEAR = 12
"""Lines around a cause in which others that complain belong to it."""
LAST = 500
"""Lines of the end in which they are looked for where there is no cause."""

_CAUSE = re.compile(
    r"\bpanic: |\bpanicked at |\bfatal error\b|\bFATAL\b|\bfatal: |Exception in thread|Caused by: |\bUnhandled"
    r"|\bUncaught|terminate called|what\(\): |[Ss]egmentation fault|\bSIG(?:SEGV|ABRT|BUS|KILL|ILL)\b|core dumped"
    r"|OutOfMemory|\b[Oo]ut of memory\b|heap out of memory|Cannot allocate memory|\bKilled\b|signal: killed"
    r"|\*\* \(\w|(?:Error|Exception)(?: \[\w+\]|\))?(?::|\s*$)"
)
"""A line that only somebody who gives up writes."""
_MAYBE_CAUSE = (
    *("anic", "fatal", "FATAL", "Error", "Exception", "Caused by", "nhandled", "ncaught", "terminate", "what()"),
    *("egmentation", "SIG", "core dumped", "emory", "Killed", "killed", "** ("),
)
"""One of these is in each: looking for words costs a hundredth of a pattern, and a log may have 30,000 lines."""
_ERROR = re.compile(r"(?i)\b(?:error|err|fatal|critical|crit|panic|alert|emerg|severe|exception)\b")
_COMPLAINT = re.compile(
    r"(?i)\b(?:cannot|can't|could ?n[o']t|unable|fail(?:s|ed|ure)?|refused|denied|not found|no such|timed? ?out|timeout"
    r"|invalid|illegal|missing|unknown|unexpected|unauthori[sz]ed|forbidden|exceeded|unreachable"
    r"|not set|required|must)\b"
)
_FRAME = re.compile(
    r"\s+at \S|\s*File \"|goroutine \d|\t|created by |\s+\.{3} \d+ more|\s+\d+: |[\w./*()\[\]-]+\((?:0x|\{0x|\.\.\.|\))"
)
"""A line of a stack. Names of functions have words like error in them."""
_TRACEBACK = "Traceback (most recent call last)"
_CHANGING = re.compile(r"\d+")


def choose(lines: Sequence[str], room: int) -> list[int]:
    """The places of the lines that say most, at most `room`, in the log's order.

    First the causes; then what complains near them, or without a cause anywhere, and the stack beside the last cause;
    then the end of the log. Blank lines never, and what differs only in its numbers once.
    """
    causes = causes_of(lines)
    chosen: dict[str, int] = {}
    for place in (*_first_and_last(causes, room), *_beside(lines, causes), *range(len(lines) - 1, -1, -1)):
        if len(chosen) == room:
            break
        text = lines[place][:LOOKED_AT].strip()
        if text:
            chosen.setdefault(_CHANGING.sub("0", text), place)
    return sorted(chosen.values())


def causes_of(lines: Sequence[str]) -> list[int]:
    """The places of the lines that name a cause."""
    causes: list[int] = []
    in_traceback = message_follows = False
    for place, line in enumerate(lines):
        text = line[:LOOKED_AT].rstrip()
        ends_traceback = in_traceback and text != "" and not text[0].isspace()
        says = any(word in text for word in _MAYBE_CAUSE) and not _FRAME.match(text) and _CAUSE.search(text)
        if ends_traceback or message_follows or says:
            causes.append(place)
        in_traceback = (in_traceback and not ends_traceback) or _TRACEBACK in text
        # Rust says where it panicked on one line, and why on the next.
        message_follows = "panicked at " in text and text.endswith(":")
    return causes


def _first_and_last(causes: Sequence[int], room: int) -> Iterator[int]:
    """Of many causes the last, and the first two: what came after them may be their consequence."""
    if len(causes) > room:
        yield from causes[:2]
    yield from reversed(causes)


def _beside(lines: Sequence[str], causes: Sequence[int]) -> Iterator[int]:
    """What complains, the worst and the last first; then the stack beside the last cause."""
    near = range(max(0, len(lines) - LAST), len(lines))
    if causes:
        near = range(max(0, causes[-1] - NEAR), min(len(lines), causes[-1] + NEAR))
    said = [place for place in reversed(near) if not _FRAME.match(lines[place][:LOOKED_AT])]
    for complains in (_ERROR, _COMPLAINT):
        yield from (place for place in said if complains.search(lines[place][:LOOKED_AT]))
    if causes:
        last = causes[-1]
        above = any(_TRACEBACK in line for line in lines[max(0, last - 200) : last])
        yield from range(last - 1, max(-1, last - 5), -1) if above else range(last + 1, min(len(lines), last + 6))


def once(lines: Iterable[str]) -> list[str]:
    """The lines without those that say the same of another task."""
    return list({_TASK.sub("", line): line for line in reversed(list(lines))}.values())[::-1]


_TASK = re.compile(r"^task \S+ |\(task [^)]*\) ?")

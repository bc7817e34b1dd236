"""Takes out of text what nobody should read there. Pure.

Log lines of containers and messages of AWS leave this function for CI's logs and for people. Two things are taken out:
the values of the containers' environment, by the names they have there, and what looks like a secret wherever it
comes from. It is a net, not a wall: a secret that is in neither shape passes, so programs must not log theirs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

HIDDEN = "[hidden]"
SHORTEST_VALUE = 3
"""Characters. What is shorter than that (a count, a flag) is in every line and keeps no secret."""
LONG_VALUE = 8
"""Characters from which a value is taken out wherever it stands; a shorter one only as a word of its own."""

_NAME = r"[\w.-]*(?:passw(?:or)?d|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential|cookie)"
_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*"), HIDDEN),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), HIDDEN),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), HIDDEN),
    (re.compile(r"\b(?:gh[pousr]|github_pat|xox[abprs]|sk|pk|rk)[_-](?=\w*\d)[\w-]{16,}"), HIDDEN),
    (re.compile(r"(?i)\b(authorization\W{1,4}(?:\w+ )?|bearer |basic (?=[\w+/]{8}))[^\s\"',;]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://[^\s:/@]*):[^\s@]+@"), rf"\1:{HIDDEN}@"),
    # password=…, "apiKey": "…", DB_PASSWORD: …, --token …; not …:111122223333:secret:name of an ARN
    (
        re.compile(rf'(?i)((?<![\w-])(?<!\d:){_NAME}s?["\']?\s*[=:]\s*)(?:"[^"]*"|\'[^\']*\'|[^\s"\',;&}}]+)'),
        rf"\1{HIDDEN}",
    ),
    (re.compile(rf"(?i)(--{_NAME}\s+)[^\s-]\S*"), rf"\1{HIDDEN}"),
)
_RANDOM = re.compile(r"(?<![\w/+=-])[\w/+=-]{32,}(?![\w/+=-])")
"""As long as a key. Digests and commits are hexadecimal, and ids are lower-case: what mixes the cases is none."""


def hide(text: str) -> str:
    """The text without what looks like a secret."""
    for shape, instead in _SHAPES:
        text = shape.sub(instead, text)
    return _RANDOM.sub(lambda found: HIDDEN if _is_random(found[0]) else found[0], text)


def of_definition(definition: Mapping[str, Any]) -> Callable[[str], str]:
    """Hides, for a task definition: the values of its environment, and what looks like a secret."""
    values: dict[str, str] = {}
    for container in definition.get("containerDefinitions", ()):
        for entry in container.get("environment") or ():
            for value in _parts(str(entry.get("value") or "")):
                values.setdefault(value, f"[{entry['name']}]")
    if not values:
        return hide
    # The longest first: a value may contain another.
    wanted = re.compile("|".join(_pattern(value) for value in sorted(values, key=len, reverse=True)))
    return lambda text: hide(wanted.sub(lambda found: values[found[0]], text))


def _parts(value: str) -> Iterable[str]:
    """The value, and the password in it if it is the address of something."""
    if len(value) >= SHORTEST_VALUE:
        yield value
    if "://" in value and "@" in value:
        try:
            password = urlsplit(value).password
        except ValueError:
            return
        if password and len(password) >= SHORTEST_VALUE:
            yield password


def _pattern(value: str) -> str:
    text = re.escape(value)
    # Not a part of a longer name or path: dev is no word of easi-dev.
    return text if len(value) >= LONG_VALUE else rf"(?<![\w./-]){text}(?![\w/-]|\.\w)"


def _is_random(word: str) -> bool:
    """Whether a long word is one that a machine drew from letters of both cases and digits."""
    if word.count("/") > len(word) / 12:  # a path
        return False
    return all(re.search(kind, word) for kind in ("[a-z]", "[A-Z]", "[0-9]"))

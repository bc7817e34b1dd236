"""What this function must not say: what looks like a secret, and what its task definition has in its environment. Pure.

Most answers have nothing to hide, and the first one waits for what is imported: the patterns are when they are used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from types_boto3_ecs.type_defs import TaskDefinitionTypeDef

SET_BY_THE_PROGRAM = ("RELEASE_ENVIRONMENT", "RELEASE_HEALTH_PATH")
"""Variables of every container that nobody has set: the name of the environment, and a path, hide nothing."""
SHORTEST_VALUE = 3
"""Characters. What is shorter than that (a count, a flag) is in every line and keeps no secret."""


def hide(text: str, values: Mapping[str, str] | None = None) -> str:
    """The text without what looks like a secret, and without `values`; see `shapes.hide`."""
    if not text:
        return text
    from functions.redaction import shapes  # noqa: PLC0415 - see above

    return shapes.hide(text, values)


def values_of(definition: TaskDefinitionTypeDef) -> dict[str, str]:
    """The values of its containers' environment, each with its name in brackets; the longest first.

    Of a value that has several lines each is one, and so is what looks like a secret in a value.
    """
    values: dict[str, str] = {}
    for container in definition.get("containerDefinitions", ()):
        for entry in container.get("environment") or ():
            if entry["name"] in SET_BY_THE_PROGRAM:
                continue
            for part in _parts(str(entry.get("value") or "")):
                if len(part) >= SHORTEST_VALUE:
                    values.setdefault(part, f"[{entry['name']}]")
    return dict(sorted(values.items(), key=lambda pair: -len(pair[0])))


def _parts(value: str) -> Iterator[str]:
    from functions.redaction import shapes  # noqa: PLC0415 - see above

    yield value
    yield from (line.strip() for line in value.split("\n"))
    for secret in shapes.found_in(value):
        yield from (secret, unquote(secret))

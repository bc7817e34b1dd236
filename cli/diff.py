"""What a preview would change, property by property, made from the engine's events. Pure.

Of an environment variable there is the name, and that it is added, changed or removed. Nothing is searched for values:
what is below a key of ENVIRONMENT is not written, and of a structure nothing but its scalars is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from functions import strict_json
from release import escaping

STACK: Final = "pulumi:pulumi:Stack"
CONTAINERS: Final = "containerDefinitions"
"""A text of JSON, with the environment of each container in it."""
ENVIRONMENT: Final = ("environment", "variables", "backendenvironment")
"""Keys of environment variables in lower case: of containers, of functions, and in the settings."""
_UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What the engine writes for a value that it does not know yet (sdk/go/common/resource/plugin, UnknownStringValue)."""
_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
"""The key that tells a secret or an asset from a map (sdk/go/common/resource/sig, Key)."""
_SIGNS: Final = {"create": "+", "import": "+", "delete": "-", "replace": "+-"}
REPLACING: Final = ("replace", "create-replacement")
_PARTS: Final = ("same", "create-replacement", "delete-replaced", "discard-replaced", "read-replacement", "refresh")
"""Operations that are nothing by themselves, or part of one that is shown."""
_PATH: Final = re.compile(r'\["(?P<key>(?:[^"\\]|\\.)*)"\]|\[(?P<index>\d+)\]|(?P<word>[^.\[\]]+)')
_WORD: Final = re.compile(r"[\w-]+")

Path = tuple[str | int, ...]
"""The type of a resource, and the way to one of its properties."""


def steps(events: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """What the engine would do, resource by resource; and what it found when it looked at them."""
    for event in events:
        step = event.get("resourcePreEvent") or event.get("resOutputsEvent")
        if step:
            yield step.get("metadata") or {}


def lines(events: Iterable[Mapping[str, Any]]) -> list[str]:
    """The resources that differ, each with its properties, in an order of their own: the engine's is any."""
    entries: list[tuple[str, int, list[str]]] = []
    for at, event in enumerate(events):
        before, after = event.get("resourcePreEvent"), event.get("resOutputsEvent")
        step = ((before or after) or {}).get("metadata") or {}
        op, kind, urn = (str(step.get(key) or "") for key in ("op", "type", "urn"))
        name = f"{escaping.line(kind)} {escaping.line(urn.rpartition('::')[2])}"
        if kind.startswith("pulumi:providers:") and "::default" in urn:
            # It has the program's settings as inputs; Pulumi neither counts nor shows it.
            continue
        if before and op not in _PARTS:
            entries.append((urn, at, [f"{_SIGNS.get(op, '~')} {name}: {op}", *_changed(step)]))
        elif after and (op == "refresh" or (op == "same" and kind == STACK)):
            # What a refresh finds, and the stack's outputs, are not known before.
            shown = list(_refreshed(step))
            if shown:
                entries.append((urn, at, [f"~ {name}: {'refresh' if op == 'refresh' else 'outputs'}", *shown]))
    return [f"{'    ' if of else ''}{line}" for *_, shown in sorted(entries) for of, line in enumerate(shown)]


def _changed(step: Mapping[str, Any]) -> list[str]:
    """What an operation changes: the inputs, at the places that the provider names, if it does."""
    kind, old, new = str(step.get("type")), _side(step, "old", "inputs"), _side(step, "new", "inputs")
    if not old or not new:
        return list(_compared((kind,), old, new))
    named: list[Path] = [(kind, *map(_part, _PATH.finditer(path))) for path in step.get("detailedDiff") or ()]
    differences = [line for path in named or [(kind,)] for line in _compared(path, _at(old, path), _at(new, path))]
    # What differs from the inputs only in fact is what a refresh has found: that is shown.
    return differences or [f"~ {_name(path)}: changed" for path in named]


def _refreshed(step: Mapping[str, Any]) -> Iterator[str]:
    if not step.get("new"):
        yield "it is not there any more"
        return
    yield from _compared((str(step.get("type")),), _side(step, "old", "outputs"), _side(step, "new", "outputs"))


def _side(step: Mapping[str, Any], side: str, properties: str) -> dict[str, Any]:
    return (step.get(side) or {}).get(properties) or {}


def _part(match: re.Match[str]) -> str | int:
    if match["index"]:
        return int(match["index"])
    return match["word"] or re.sub(r"\\(.)", r"\1", match["key"])


def _at(value: Any, path: Path) -> Any:
    """The property at `path`; None where there is none."""
    for part in path[1:]:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _compared(path: Path, old: Any, new: Any) -> Iterator[str]:
    """A line for each difference; None is nothing."""
    old, new = _opened(old), _opened(new)
    if old == new:
        return
    unread = path[-1] == CONTAINERS and (isinstance(old, str) or isinstance(new, str))
    if unread or str(path[-1]).rpartition(":")[2].lower() in ENVIRONMENT:
        yield from _variables(path, old, new)
        return
    maps = _maps(old, new)
    if maps is None:
        shown = [_shown(side) for side in (old, new) if side is not None]
        yield f"{_sign(old, new)} {_name(path)}: {' => '.join(shown)}"
        return
    for key in _keys(*maps):
        yield from _compared((*path, key), *(side.get(key) for side in maps))


def _variables(path: Path, old: Any, new: Any) -> Iterator[str]:
    """The names of environment variables that differ; where they cannot be told apart, that they do."""
    maps = _maps(old, new)
    if maps is None:
        yield f"{_sign(old, new)} {_name(path)}: {'not known yet' if new == _UNKNOWN else _word(old, new)}"
        return
    for name in _keys(*maps):
        before, after = (side.get(name) for side in maps)
        if name == "variables" and _maps(before, after) is not None:
            yield from _variables((*path, name), before, after)
        elif before != after:
            yield f"{_sign(before, after)} {_name((*path, name))}: {_word(before, after)}"


def _opened(value: Any) -> Any:
    """What is in a text of JSON; anything else as it is."""
    if not isinstance(value, str) or not value.startswith(("{", "[")):
        return value
    try:
        return strict_json.decode(value)
    except strict_json.DamagedError:
        return value


def _maps(old: Any, new: Any) -> tuple[Mapping[Any, Any], Mapping[Any, Any]] | None:
    """Two maps, two lists, or one of them and nothing, as maps: of a list whose items have names, by these."""
    sides = [item for item in (old, new) if item is not None]
    if all(isinstance(item, dict) and _SIGNATURE not in item for item in sides):
        return old or {}, new or {}
    if not all(isinstance(item, list) for item in sides):
        return None
    names = [[item.get("name") if isinstance(item, dict) else None for item in side] for side in sides]
    if all(all(isinstance(name, str) for name in side) and len(set(side)) == len(side) for side in names):
        old, new = ({item["name"]: item for item in side or ()} for side in (old, new))
        return old, new
    return dict(enumerate(old or ())), dict(enumerate(new or ()))


def _keys(*maps: Mapping[Any, Any]) -> list[Any]:
    """Their keys without those that the SDK keeps for itself, as `__defaults`."""
    return sorted(key for key in {*maps[0], *maps[1]} if not str(key).startswith("__"))


def _shown(value: Any) -> str:
    if value == _UNKNOWN:
        return "[unknown]"
    if isinstance(value, dict):
        return "{…}" if _SIGNATURE not in value else f"[{str(value['hash'])[:12] if 'hash' in value else 'secret'}]"
    return "[…]" if isinstance(value, list) else escaping.line(json.dumps(value, ensure_ascii=False))


def _sign(old: Any, new: Any) -> str:
    return "+" if old is None else "-" if new is None else "~"


def _word(old: Any, new: Any) -> str:
    return {"+": "added", "-": "removed", "~": "changed"}[_sign(old, new)]


def _name(path: Path) -> str:
    """The way to a property, as Pulumi writes it: `containerDefinitions.web.environment["a.b"]`."""
    name = ""
    for part in path[1:]:
        if isinstance(part, str) and _WORD.fullmatch(part):
            name += f".{part}"
        else:
            name += f"[{escaping.line(json.dumps(part, ensure_ascii=False))}]"
    return name.removeprefix(".")

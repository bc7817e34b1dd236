"""What a preview would change, property by property, from the engine's events. Pure.

Of an environment variable, the diff has the name and whether it is added, changed or removed. No value is searched for:
what is below a key of ENVIRONMENT is not written, and of a structure only its scalars are.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from functions import strict_json
from release import escaping
from settings import description

STACK: Final = "pulumi:pulumi:Stack"
CONTAINERS: Final = "containerDefinitions"
"""A text of JSON, with the environment of each container in it."""
ENVIRONMENT: Final = ("environment", "variables")
"""Keys of environment variables in lower case: of containers, of functions, and in the settings."""
TASK_DEFINITION: Final = "aws:ecs/taskDefinition:TaskDefinition"
OWN: Final = ("RELEASE_ENVIRONMENT", "RELEASE_HEALTH_PATH")
"""Variables that the program sets itself, to what the rest of a preview says as well."""
LEAST: Final = 3
"""Shortest value, in characters, that is hidden in a message: "on" or "1" stands in any text. Quotes count."""
_UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What the engine writes for a value that it does not know yet (sdk/go/common/resource/plugin, UnknownStringValue)."""
_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
"""The key that tells a secret or an asset from a map (sdk/go/common/resource/sig, Key)."""
_SIGNS: Final = {"create": "+", "import": "+", "delete": "-", "replace": "+-"}
REPLACING: Final = ("replace", "create-replacement")
_PARTS: Final = ("same", "create-replacement", "delete-replaced", "discard-replaced", "read-replacement", "refresh")
"""Operations that change nothing, or are part of one that is shown."""
_PATH: Final = re.compile(r'\["(?P<key>(?:[^"\\]|\\.)*)"\]|\[(?P<index>\d+)\]|(?P<word>[^.\[\]]+)')
_WORD: Final = re.compile(r"[\w-]+")

Path = tuple[str | int, ...]
"""The type of a resource, then the path of one of its properties."""


def steps(events: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The metadata of each event about a resource: of its operation, and of its outcome."""
    for event in events:
        step = event.get("resourcePreEvent") or event.get("resOutputsEvent")
        if step:
            yield step.get("metadata") or {}


def lines(events: Iterable[Mapping[str, Any]]) -> list[str]:
    """The resources that change, each with its properties, sorted by URN: the engine's order varies."""
    entries: list[tuple[str, int, list[str]]] = []
    for at, event in enumerate(events):
        before, after = event.get("resourcePreEvent"), event.get("resOutputsEvent")
        step = ((before or after) or {}).get("metadata") or {}
        op, kind, urn = (str(step.get(key) or "") for key in ("op", "type", "urn"))
        name = f"{escaping.line(kind)} {escaping.line(urn.rpartition('::')[2])}"
        if kind.startswith("pulumi:providers:") and "::default" in urn:
            # Its inputs are the settings. Pulumi does not count it either.
            continue
        if before and op not in _PARTS:
            entries.append((urn, at, [f"{_SIGNS.get(op, '~')} {name}: {op}", *_changed(step)]))
        elif after and (op == "refresh" or (op == "same" and kind == STACK)):
            # What a refresh finds, and the stack's outputs, are not known before.
            shown = list(_refreshed(step))
            if shown:
                entries.append((urn, at, [f"~ {name}: {'refresh' if op == 'refresh' else 'outputs'}", *shown]))
    return [f"{'    ' if of else ''}{line}" for *_, shown in sorted(entries) for of, line in enumerate(shown)]


def variables(events: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The environment variables that are added, changed or removed: `+ NAME`, `~ NAME`, `- NAME`."""
    signs: dict[str, str] = {}
    for step in steps(events):
        if step.get("type") != TASK_DEFINITION or step.get("op") not in (*REPLACING, "update"):
            continue
        old, new = (containers(side(step, which, "inputs").get(CONTAINERS)) for which in ("old", "new"))
        for container, before in old.items():
            after = new.get(container)
            if not new and OWN[0] in before:
                # The definition is unknown until the image is built; its variables are those of the setting.
                after = _of_service(events, step) | {key: before[key] for key in OWN if key in before}
            if after is None:
                continue
            for variable in before.keys() | after.keys():
                if before.get(variable) != after.get(variable):
                    signs[variable] = "+" if variable not in before else "-" if variable not in after else "~"
    return tuple(f"{sign} {variable}" for variable, sign in sorted(signs.items()))


def values(events: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The values of environment variables, the longest first, each with its name in brackets, for `shapes.hide`.

    Of a value that several variables have, nobody can say which of them a text quotes: all are named.

    For texts without structure, such as an error of AWS or of Python, which may quote a value.
    """
    names: dict[str, set[str]] = {}
    for name, value in _all_variables(events):
        # The text is searched line by line, and Python and JSON escape a value in their own ways.
        for part in {value, *(line.strip() for line in value.split("\n"))}:
            spellings = {part, json.dumps(part)[1:-1], json.dumps(part, ensure_ascii=False)[1:-1], repr(part)[1:-1]}
            for spelled in spellings | {f"{quote}{part}{quote}" for quote in "'\"`"}:
                if len(spelled) >= LEAST:
                    names.setdefault(spelled, set()).add(name)
    labels = {spelled: f"[{' or '.join(sorted(of))}]" for spelled, of in names.items()}
    return dict(sorted(labels.items(), key=lambda pair: (-len(pair[0]), pair)))


def _all_variables(events: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for step in steps(events):
        for which, properties in itertools.product(("old", "new"), ("inputs", "outputs")):
            for environment in containers(side(step, which, properties).get(CONTAINERS)).values():
                yield from (pair for pair in environment.items() if pair[0] not in OWN)
    yield from _below_environment(_settings(events))


def containers(text: Any) -> dict[str, dict[str, str]]:
    """The environment variables of each container in `containerDefinitions`; empty for any other text."""
    try:
        definitions = json.loads(text)
        return {
            str(container.get("name", "")): {
                str(variable.get("name", "")): str(variable.get("value", ""))
                for variable in container.get("environment") or ()
            }
            for container in definitions
        }
    except (TypeError, ValueError, AttributeError, RecursionError):
        return {}


def _settings(events: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The stack's settings, of whatever project, with what Pulumi.yaml says of the services by default."""
    config = next(((event["preludeEvent"].get("config") or {}) for event in events if "preludeEvent" in event), {})
    defaults = description.declared_defaults()
    settings = {key: _opened(value) for key, value in config.items()}
    return {key: description.merged(defaults.get(key.rpartition(":")[2]), value) for key, value in settings.items()}


def _of_service(events: Iterable[Mapping[str, Any]], step: Mapping[str, Any]) -> dict[str, str]:
    """The variables of the service whose task definition a step is about: it has the service's name."""
    name = str(step.get("urn")).rpartition("::")[2]
    settings = _settings(events)
    services = next((value for key, value in settings.items() if key.endswith(":services")), None)
    service = services.get(name) if isinstance(services, dict) else None
    variables = service.get("environment") if isinstance(service, dict) else None
    return _as_texts(variables) if isinstance(variables, dict) else {}


def _as_texts(variables: Mapping[str, Any]) -> dict[str, str]:
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in variables.items()}


def _below_environment(value: Any) -> Iterator[tuple[str, str]]:
    """The environment variables in the settings: name and value."""
    if isinstance(value, list):
        for item in value:
            yield from _below_environment(item)
    elif isinstance(value, dict):
        for key, below in value.items():
            if isinstance(below, dict) and _holds_variables(key):
                yield from _as_texts(below).items()
            else:
                yield from _below_environment(below)


def _holds_variables(key: str | int) -> bool:
    return str(key).rpartition(":")[2].lower() in ENVIRONMENT


def _changed(step: Mapping[str, Any]) -> list[str]:
    """The inputs that an operation changes: those that the provider names, if it names some."""
    kind, old, new = str(step.get("type")), side(step, "old", "inputs"), side(step, "new", "inputs")
    if not old or not new:
        return list(_compared((kind,), old, new))
    named: list[Path] = [(kind, *map(_part, _PATH.finditer(path))) for path in step.get("detailedDiff") or ()]
    differences = [line for path in named or [(kind,)] for line in _compared(path, _at(old, path), _at(new, path))]
    # The inputs are the same, and a refresh has found other values.
    return differences or [f"~ {_name(path)}: changed" for path in named]


def _refreshed(step: Mapping[str, Any]) -> Iterator[str]:
    if not step.get("new"):
        yield "it is not there any more"
        return
    yield from _compared((str(step.get("type")),), side(step, "old", "outputs"), side(step, "new", "outputs"))


def side(step: Mapping[str, Any], which: str, properties: str) -> dict[str, Any]:
    """The properties of a resource before (`old`) or after (`new`) a step: `inputs` or `outputs`."""
    return (step.get(which) or {}).get(properties) or {}


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
    """A line for each difference; None is a value that is absent."""
    old, new = _opened(old), _opened(new)
    if old == new:
        return
    unread = path[-1] == CONTAINERS and (isinstance(old, str) or isinstance(new, str))
    if unread or _holds_variables(path[-1]):
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
    """A line for each environment variable that differs, or one for all if their names are unknown."""
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
    """The value in a text of JSON; any other value unchanged."""
    if not isinstance(value, str) or not value.startswith(("{", "[")):
        return value
    try:
        return strict_json.decode(value)
    except strict_json.DamagedError:
        return value


def _maps(old: Any, new: Any) -> tuple[Mapping[Any, Any], Mapping[Any, Any]] | None:
    """Two maps or lists, one of which may be absent, as maps: lists by the names of their items, else by index."""
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
    """Their keys, without the SDK's own, such as `__defaults`."""
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
    """The path of a property, as Pulumi writes it: `containerDefinitions.web.environment["a.b"]`."""
    name = ""
    for part in path[1:]:
        if isinstance(part, str) and _WORD.fullmatch(part):
            name += f".{part}"
        else:
            name += f"[{escaping.line(json.dumps(part, ensure_ascii=False))}]"
    return name.removeprefix(".")

"""Which images of others a Dockerfile needs, and the same Dockerfile with substitutes for some of them.

The rules are those of the Dockerfile reference (https://docs.docker.com/reference/dockerfile/).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_SYNTAX = re.compile(r"#\s*syntax\s*=.*", re.IGNORECASE)
_DIRECTIVE = re.compile(r"#\s*\w+\s*=.*")
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?:(:[-+])([^}]*))?\}|(\w+))")
_HEREDOC = re.compile(r"(?<!<)<<-?[\"']?([A-Za-z_]\w*)")
_COPIED_FROM = re.compile(r"--from=(\S+)")
_MOUNTED_FROM = re.compile(r"--mount=\S*?\bfrom=([^,\s]+)")
_NOTHING = "scratch"


@dataclass(frozen=True, kw_only=True)
class Base:
    """An image that a build reads and does not make."""

    image: str
    platform: str


@dataclass(frozen=True, kw_only=True)
class _Instruction:
    keyword: str
    rest: str
    """What follows the keyword, on one line and without comments."""
    first: int
    after: int
    """The lines of the file that it stands on: from `first` to before `after`."""


def bases(text: str, arguments: Mapping[str, str], *, target: str) -> list[Base]:
    """The images of others, each once. `target` is the platform that is built for."""
    return list(dict.fromkeys(base for _, base, _ in _references(text, arguments, target)))


def with_substitutes(text: str, arguments: Mapping[str, str], *, target: str, substitutes: Mapping[str, str]) -> str:
    """The Dockerfile that reads `substitutes`, by the image that each stands for."""
    lines = text.splitlines(keepends=True)
    for instruction, base, written in _references(text, arguments, target):
        if base.image not in substitutes:
            continue
        for number in range(instruction.first, instruction.after):
            before = rf"(from=|^\s*FROM\s+(?:--platform=\S+\s+)?){re.escape(written)}(?=[\s,]|$)"
            replaced = re.sub(before, rf"\g<1>{substitutes[base.image]}", lines[number], flags=re.IGNORECASE)
            lines[number] = replaced
    return "".join(lines)


def without_syntax(text: str) -> str:
    """The Dockerfile for the frontend that the engine has built in: `# syntax=` names another one to fetch."""
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        if not _DIRECTIVE.match(line.strip()):
            break
        if _SYNTAX.match(line.strip()):
            lines[number] = "#\n"
    return "".join(lines)


def _references(text: str, arguments: Mapping[str, str], target: str) -> Iterator[tuple[_Instruction, Base, str]]:
    """Each place that names an image of others: the instruction, the image, and how it is written there."""
    values: dict[str, str] = dict(arguments)
    stages: set[str] = {_NOTHING}
    for instruction in _instructions(text):
        if instruction.keyword == "ARG" and len(stages) == 1:
            for word in instruction.rest.split():
                name, _, default = word.partition("=")
                values.setdefault(name, _expanded(default.strip("\"'"), values))
        if instruction.keyword == "FROM":
            words = instruction.rest.split()
            platform = target
            if words[0].startswith("--platform="):
                platform = _expanded(words.pop(0).removeprefix("--platform="), values)
            image = _expanded(words[0], values)
            if image.lower() not in stages:
                yield instruction, Base(image=image, platform=platform), words[0]
            stages.add(words[2].lower() if len(words) > 2 else f"{_NOTHING} {len(stages)}")
        elif instruction.keyword in ("COPY", "RUN"):
            pattern = _COPIED_FROM if instruction.keyword == "COPY" else _MOUNTED_FROM
            for image in pattern.findall(instruction.rest):
                if image.lower() not in stages and not image.isdecimal():
                    yield instruction, Base(image=image, platform=target), image


def _instructions(text: str) -> Iterator[_Instruction]:
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        first, parts = at, []
        while at < len(lines):
            line = lines[at].strip()
            at += 1
            if line and not line.startswith("#"):
                parts.append(line.removesuffix("\\"))
            elif not parts:
                break
            else:
                continue
            if not line.endswith("\\"):
                break
        keyword, _, rest = " ".join(parts).partition(" ")
        if rest:
            yield _Instruction(keyword=keyword.upper(), rest=rest.strip(), first=first, after=at)
        if keyword.upper() in ("RUN", "COPY", "ADD"):
            for end in _HEREDOC.findall(rest):
                at = next((number + 1 for number in range(at, len(lines)) if lines[number].strip() == end), at)


def _expanded(value: str, values: Mapping[str, str]) -> str:
    def value_of(match: re.Match[str]) -> str:
        name, operator, word, plain = match.groups()
        current = values.get(name or plain, "")
        if operator == ":-":
            return current or str(word)
        if operator == ":+":
            return str(word) if current else ""
        return current

    return _VARIABLE.sub(value_of, value)

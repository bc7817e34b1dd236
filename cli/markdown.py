"""Markdown for GitHub: comments, job summaries, issues. Pure.

Text from elsewhere (names, messages, diffs) goes through `code`, `escape` or a fence: nothing in it is markup, and no @
in it notifies anybody.
"""

from __future__ import annotations

import bisect
import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from cli.events import Change, Preview
from cli.text import short
from release import escaping

COMMENT_CHARACTERS: Final = 65_536
"""What a comment or an issue holds; with more, GitHub answers 422, "body is too long (maximum is 65536 characters)"."""
SUMMARY_BYTES: Final = 1024 * 1024
"""What the summary of one step holds; a larger one is not shown.
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#step-isolation-and-limits"""

SHOWN: Final = 20
"""Resources, and warnings, that are named; the others are counted."""
OPERATIONS: Final = ("create", "import", "update", "replace", "delete")
"""In the order of a summary; others follow."""

_MARKUP: Final = re.compile(r"[^A-Za-z0-9 .,:;/'\"%?=+-]")
_BEGINS_A_LIST: Final = re.compile(r"[-+=]|\d+(?=[.)])")


def characters(text: str) -> int:
    """The length of a text in UTF-16 units: never less than GitHub counts."""
    return len(text.encode("utf-16-le")) // 2


def octets(text: str) -> int:
    return len(text.encode())


@dataclasses.dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced text, whose end is left out if the document is too long."""

    text: str
    language: str = ""
    whole: str = ""
    """Markdown that says where the whole text is."""


Part = str | Block
"""A part of a document: Markdown that is never cut, or a block that may be."""


def fence(text: str, language: str = "") -> str:
    """The text as a block of code, fenced by more backticks than any run in it."""
    shown = escaping.shown(text)
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    ticks = "`" * max(3, longest + 1)
    return f"{ticks}{language}\n{shown.rstrip()}\n{ticks}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; the cells are Markdown. An empty text without rows."""
    if not rows:
        return ""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("\n", " ") for cell in line) + " |" for line in lines)


def escape(text: str) -> str:
    """The text on one line, so that Markdown and HTML show it unchanged, also in a table or `<summary>`."""
    line = _one_line(text)
    first = _BEGINS_A_LIST.match(line)
    begin = first[0] + "&#8203;" if first else ""
    marked = _MARKUP.sub(lambda match: f"&#{ord(match[0])};", line[len(first[0]) if first else 0 :])
    # GitHub looks for mentions and issues after it has decoded the entities. A zero-width space prevents that.
    return begin + re.sub(r"(&#(?:64|35);)(?=\w)", r"\1&#8203;", marked)


def code(text: str) -> str:
    """The text as inline code. In HTML: the text may contain backticks, and stand in a table."""
    marked = re.sub(r"[^A-Za-z0-9 ./:,-]", lambda match: f"&#{ord(match[0])};", _one_line(text))
    return f"<code>{marked}</code>"


def _one_line(text: str) -> str:
    return " ".join(escaping.shown(text).split())


def join(parts: Iterable[Part]) -> str:
    """The whole document: its parts are paragraphs."""
    return "\n\n".join(part if isinstance(part, str) else fence(part.text, part.language) for part in parts)


def fit(parts: Sequence[Part], limit: int, size: Callable[[str], int] = characters) -> str:
    """The document in at most `limit` characters (or another `size`). The longest blocks lose their ends first.

    It says what is left out, and where the whole text is.
    """
    whole = join(parts)
    if size(whole) <= limit:
        return whole
    longest = max((len(part.text) for part in parts if isinstance(part, Block)), default=0)
    most = _most(longest, lambda most: size(_cut(parts, most)) <= limit)
    if most >= 0:
        return _cut(parts, most)
    # Too long without its blocks, too: its beginning.
    note, text = "\n\n**The rest is left out, as GitHub shows no more here.**", _cut(parts, 0)
    most = _most(len(text), lambda most: size(text[:most] + note) <= limit)
    return text[:most] + note if most >= 0 else ""


def _most(highest: int, fits: Callable[[int], bool]) -> int:
    """The largest number up to `highest` that fits, -1 if none does. Every smaller number fits, too."""
    return bisect.bisect_left(range(highest + 1), True, key=lambda number: not fits(number)) - 1


def is_quiet(preview: Preview) -> bool:
    """Whether nothing would change, and there is no warning or error."""
    return not (preview.changes or preview.failed or preview.gate or preview.warnings or preview.errors)


def summarize(preview: Preview) -> str:
    """The preview in short: `3 to update, 1 to replace, 1 replaced as in every release`."""
    if preview.failed:
        return "the preview failed"
    routine = len(preview.routine)
    counts = {**preview.counts, "replace": preview.counts.get("replace", 0) - routine}
    ordered = [op for op in OPERATIONS if op in counts]
    others = [op for op in counts if op not in OPERATIONS]
    parts = [f"{counts[op]} to {op}" for op in [*ordered, *others] if counts[op] > 0]
    return ", ".join([*parts, *([f"{routine} replaced as in every release"] if routine else [])]) or "no change"


def dangers(preview: Preview) -> list[str]:
    """What would be replaced or deleted, as items of a list, without what every release replaces."""
    return _some([f"**{operation}** {_resource(change)}" for operation, change in preview.dangers])


def replaced_or_deleted(items: Iterable[str]) -> list[Part]:
    """The warning on top of a document; nothing without `items` from `dangers`."""
    lines = "\n".join(f"- {item}" for item in items)
    return ["⚠️ **Replaced or deleted**", lines] if lines else []


def _resource(change: Change) -> str:
    because = f", because of {', '.join(map(code, change.because))}" if change.because else ""
    note = f" ({escape(change.note)})" if change.note else ""
    return f"{code(change.name)} {code(change.type)}{because}{note}"


def parts_of(preview: Preview, *, whole: str = "", with_top: bool = True) -> Iterator[Part]:
    """One stack's preview: its headline; what is replaced or deleted; the gate's warning; the diff, folded.

    `whole` is Markdown that says where the whole diff is. `with_top` is False if the document already has the headline
    and what is replaced or deleted.
    """
    if is_quiet(preview):
        yield f"**{escape(preview.stack)}**: no change"
        return
    yield f"### {escape(preview.stack)}: {escape(summarize(preview))}"
    for error in preview.errors:
        yield Block(text=error, whole=whole)
    if with_top and preview.headline:
        yield f"**{escape(preview.headline)}**"
    if with_top and (replaced := dangers(preview)):
        yield "\n".join(f"- {item}" for item in replaced)
    if preview.routine:
        yield "As in every release: " + "; ".join(f"**replace** {_resource(change)}" for change in preview.routine)
    if preview.gate is not None:
        first = escape(preview.gate.partition("\n")[0])
        yield from _folded(
            f"The gate would stop <code>pulumi up</code>: {first}", Block(text=preview.gate, whole=whole)
        )
        if preview.version and preview.changes:
            yield f"What follows is what would change with {code(short(preview.version))}."
    if preview.variables:
        names = ", ".join(code(variable) for variable in preview.variables)
        yield f"Environment variables, whose values are not shown: {names}"
    if preview.warnings:
        yield "\n".join(f"- warning: {escape(warning)}" for warning in _some(preview.warnings))
    if preview.diff.strip() and (preview.changes or preview.failed):
        diff = Block(text=colored(preview.diff), language="diff", whole=whole)
        yield from _folded(f"Diff of {escape(preview.stack)}", diff)


def _folded(summary: str, block: Block) -> Iterator[Part]:
    """A folded block; `summary` is HTML. In parts, as `fit` may cut the block."""
    yield f"<details><summary>{summary}</summary>"
    yield block
    yield "</details>"


def _some(items: Sequence[str]) -> list[str]:
    return [*items[:SHOWN], *([f"… and {len(items) - SHOWN} more"] if len(items) > SHOWN else [])]


def colored(diff: str) -> str:
    """A diff with its signs at the beginning of lines, where GitHub colors them. `!` is a change."""
    return "\n".join(_colored(line) for line in diff.split("\n"))


def _colored(line: str) -> str:
    match = re.match(r"(\s*)([-+~]+)(.*)", line)
    if match is None:
        return f" {line}"
    indent, signs, rest = match.groups()
    sign = {"+": "+", "-": "-"}.get(signs, "!")
    # What changes keeps its sign, as `!` does not say how.
    return f"{sign}{indent}{' ' * len(signs) if sign == signs else signs}{rest}"


def _cut(parts: Sequence[Part], most: int) -> str:
    """The document with at most `most` characters of each block."""
    made = []
    for part in parts:
        if isinstance(part, str):
            made.append(part)
        elif len(part.text) <= most:
            made.append(fence(part.text, part.language))
        else:
            lines = part.text.rstrip("\n").split("\n")
            shown = part.text[:most].rpartition("\n")[0]
            left = len(lines) - (shown.count("\n") + 1 if shown else 0)
            note = f"**{left} of {len(lines)} lines are left out**, as GitHub shows no more here."
            kept = fence(shown, part.language) + "\n\n" if shown else ""
            made.append(f"{kept}{note}{f' {part.whole}' if part.whole else ''}")
    return "\n\n".join(made)

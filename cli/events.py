"""A preview, read from the engine's events (`--event-log`) and kept as JSON between jobs. Pure.

The events are those that Pulumi's Automation API reads; their shapes are in `pulumi.automation.events`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from cli import diff
from cli.diff import TASK_DEFINITION
from functions import strict_json
from functions.redaction.shapes import hide
from release import gate, headline
from release.stack import RELEASE

ROLE_POLICY: Final = "aws:iam/rolePolicy:RolePolicy"
IMAGE: Final = "docker:index/image:Image"
_MARKUP: Final = re.compile(r"<\{%[^%]*%\}>")
"""The engine's notation for colors, which the messages of events have."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Change:
    """One resource that would be replaced or deleted."""

    name: str
    type: str
    because: tuple[str, ...] = ()
    """The properties that force a replacement."""
    note: str = ""
    """Why the change is harmless, and what becomes of the old one; empty for any other change."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preview:
    stack: str
    version: str | None
    """The full Git SHA that would be released; None if the preview ended before it was known."""
    counts: Mapping[str, int]
    """Number of resources by operation (create, update, replace, delete…), without `same`."""
    headline: str = ""
    """The line of `release.headline`; empty if the preview ended before it."""
    replaced: tuple[Change, ...] = ()
    deleted: tuple[Change, ...] = ()
    variables: tuple[str, ...] = ()
    """Environment variables that are added, changed or removed: `+ NAME`, `~ NAME`, `- NAME`."""
    warnings: tuple[str, ...] = ()
    gate: str | None = None
    """Why the gate would refuse `pulumi up`; None if it would not."""
    errors: tuple[str, ...] = ()
    diff: str = ""
    """The lines of `cli.diff`."""
    refresh: bool = False
    """Compared with what AWS has (`--refresh`), not with the state."""
    failed: bool = False

    @property
    def changes(self) -> bool:
        return bool(self.counts)

    @property
    def routine(self) -> tuple[Change, ...]:
        """What every release replaces. Drift has none: no release explains it."""
        kept = (change for change in self.replaced if change.note and change.type == TASK_DEFINITION)
        return () if self.refresh else tuple(kept)

    @property
    def dangers(self) -> tuple[tuple[str, Change], ...]:
        """What else would be replaced or deleted: "replace" or "delete", and the resource."""
        replaced = [("replace", change) for change in self.replaced if change not in self.routine]
        return (*replaced, *(("delete", change) for change in self.deleted))


def parse(log: str) -> list[Mapping[str, Any]]:
    r"""The events of a log, a JSON object for each `\n`, which no value in it can have. Raises ValueError.

    A last line that was cut short is left out.
    """
    parsed: list[Mapping[str, Any]] = []
    lines = log.split("\n")
    for number, line in enumerate(lines, 1):
        try:
            parsed.append(dict(strict_json.decode(line)))
        except (TypeError, ValueError) as error:
            if number < len(lines):
                raise ValueError(f"line {number} of its event log is no event ({error})") from error
    return parsed


def is_whole(events: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the engine finished. If not, changes may be missing from the events."""
    return any(event.get("summaryEvent") for event in events)


def read(stack: str, events: Sequence[Mapping[str, Any]], *, refresh: bool = False, failed: bool = False) -> Preview:
    messages = list(_messages(events))
    values = diff.values(events)
    warnings = [text for severity, text in messages if severity == "warning"]
    refusals = [refusal for refusal in map(gate.refusal, warnings) if refusal is not None]
    others = [text for text in warnings if gate.refusal(text) is None]
    if refusals:
        events = list(_without_image(events))
    return Preview(
        stack=stack,
        version=_version(events),
        counts=_counts(events),
        headline=headline.find(stack, (text for severity, text in messages if severity == "info")),
        replaced=_changed(events, diff.REPLACING),
        deleted=_changed(events, ("delete",)),
        variables=diff.variables(events),
        warnings=tuple(dict.fromkeys(hide(text, values) for text in others)),
        gate="\n".join(dict.fromkeys(refusals)) or None,
        errors=tuple(dict.fromkeys(hide(text, values) for severity, text in messages if severity == "error")),
        diff="\n".join(diff.lines(events)),
        refresh=refresh,
        failed=failed,
    )


def _without_image(events: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The events without deletions of built images: the program declares no image for a refused version."""
    images = {step["urn"] for step in diff.steps(events) if step.get("type") == IMAGE and step.get("op") == "delete"}
    for event in events:
        if "summaryEvent" in event:
            counts = event["summaryEvent"].get("resourceChanges") or {}
            left = counts.get("delete", 0) - len(images)
            yield {"summaryEvent": {"resourceChanges": counts | {"delete": left}}}
        elif not any(step.get("urn") in images for step in diff.steps([event])):
            yield event


def _messages(events: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Severity and text of each diagnostic."""
    for event in events:
        diagnostic = event.get("diagnosticEvent") or {}
        text = _MARKUP.sub("", str(diagnostic.get("message", ""))).strip()
        if text:
            yield str(diagnostic.get("severity", "")), text


def _version(events: Iterable[Mapping[str, Any]]) -> str | None:
    for step in diff.steps(events):
        version = diff.side(step, "new", "inputs").get("version")
        if step.get("type") == RELEASE and version:
            return str(version)
    return None


def _counts(events: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    for event in events:
        if summary := event.get("summaryEvent"):
            changes = summary.get("resourceChanges") or {}
            return {op: count for op, count in sorted(changes.items()) if op != "same" and count}
    return {}


def _changed(events: Iterable[Mapping[str, Any]], operations: Sequence[str]) -> tuple[Change, ...]:
    changes: dict[str, Change] = {}
    for step in diff.steps(events):
        if step.get("op") not in operations or not _is_real(step):
            continue
        urn = str(step.get("urn", ""))
        because = tuple(str(key) for key in step.get("keys") or ())
        if urn not in changes or because:
            kind = str(step.get("type", ""))
            changes[urn] = Change(
                name=urn.rpartition("::")[2], type=kind, because=because, note=_note(kind, step, because)
            )
    return tuple(sorted(changes.values(), key=lambda change: (change.type, change.name)))


def _is_real(step: Mapping[str, Any]) -> bool:
    """Whether a provider has the resource. A component only groups others."""
    return any((step.get(side) or {}).get("custom") for side in ("old", "new"))


def _note(kind: str, step: Mapping[str, Any], because: Sequence[str]) -> str:
    """Why a replacement or deletion is harmless: ECS, for one, cannot change a task definition."""
    if kind == TASK_DEFINITION and diff.side(step, "old", "inputs").get("skipDestroy"):
        return "a new revision; the old one stays registered"
    if kind == IMAGE and step.get("op") == "delete":
        # https://github.com/pulumi/pulumi-docker/issues/588
        return "the image stays in the repository"
    if kind == ROLE_POLICY and tuple(because) == ("policy",):
        return "the role may do what either allows until the release is proven"
    return ""

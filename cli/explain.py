"""Say whether `pulumi up` would accept a version in an environment, why, and what it would change.

Also how its last attempt there ended, if it was not proven. The changes are commits, image, static files. Nothing is
changed. Settings are not compared: `pulumi preview` does that. Without VERSION it is what `pulumi up` would release:
RELEASE_VERSION, else HEAD.

Exit status: 0 accepted, 1 refused, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from datetime import UTC, datetime
from typing import Any, Final

from cli import NO, YES, changes, history
from cli.changes import Changes
from cli.environment import add_stack
from cli.errors import EXPECTED, message_of
from cli.history import Earlier
from cli.hold import hold_json
from cli.question import Question, ask
from cli.text import bold, short, when
from functions.strict_json import fields
from release import environment_before, records, soak
from release.environment_before import Health
from release.promotion import Accepted, Refused
from release.records import Release
from release.request import EnvironmentBefore
from release.way_back import Kind, RolledBack

SOURCES: Final = ("built", "promoted", "present", "refused")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """The gate's decision, and what a release would change."""

    question: Question
    decision: Accepted | Refused | None
    """The gate's; None if the working tree is built."""
    rolled_back: tuple[RolledBack, ...]
    """Rollbacks of it, or of commits in it, in this environment or the one before."""
    earlier: Earlier | None
    """The last attempt to release this version here, if that did not prove it; None also if unknown."""
    before: Health | None
    """Whether the environment before is healthy with it now; None where it need not be asked."""
    changes: Changes

    @property
    def environment(self) -> str:
        return self.question.here.name

    @property
    def version(self) -> str:
        return self.question.gate.request.version

    @property
    def now(self) -> Release | None:
        return self.question.here.release

    @property
    def accepted(self) -> bool:
        return not isinstance(self.decision, Refused)

    @property
    def warnings(self) -> list[str]:
        """What to know of the environment and of the version, and what the release's own check will refuse."""
        hold, why = self.question.hold, self.question.unread
        # What comes new is let through only where it does not bring that back.
        ends = self.kind in ("release", "promotion")
        note = "; this version does not bring that back, so its release ends the hold" if ends else ""
        held = [f"{self.environment} is {hold}{note}"] if hold and self.accepted else []
        unread = [f"what is held and rejected is not known to who asks: {why}"] if why else []
        refusals = [f"the release will be refused: {why}" for why in (self.before.problems if self.before else ())]
        return [*held, *unread, *map(str, self.rolled_back), *refusals]

    @property
    def kind(self) -> Kind:
        return self.question.gate.kind(self.now, promoted=self.source == "promoted")

    @property
    def source(self) -> str:
        """One of SOURCES: where image and files come from."""
        if isinstance(self.decision, Accepted):
            return "present" if self.decision.own else "promoted"
        return "refused" if isinstance(self.decision, Refused) else "built"

    @property
    def to_do(self) -> str:
        """The command that releases it; empty if it is refused."""
        if not self.accepted:
            return ""
        version = f"RELEASE_VERSION={self.version} " if self.question.gate.request.explicit else ""
        return f"{version}pulumi up -s {self.environment}"

    @property
    def message(self) -> str:
        name, version, request = self.environment, short(self.version), self.question.gate.request
        if isinstance(self.decision, Refused):
            return self.decision.message
        if self.now is not None and self.now.version == self.version:
            return f"{name} runs {version} already; it is released again only if anything about it differs."
        if self.decision is not None:
            since, upstream = when(self.decision.evidence.verified_at), self.question.upstream
            if self.decision.own or upstream is None:
                return f"{name} would release {version}: it ran here before, and was proven {since}."
            return f"{name} would release {version}: {upstream.name} has proven it ({since})."
        if not request.changes:
            return f"{name} would build and release {version}, the commit of this working tree."
        return (
            f"{name} would build and release {version}: the commit of this working tree with changes that are in no "
            f"commit. No other environment may run it.\n  changed   {request.changed}"
        )


def add(parser: argparse.ArgumentParser) -> None:
    add_stack(parser)
    parser.add_argument("version", nargs="?", metavar="VERSION", help="a Git SHA, full or short, or a branch or tag")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    answer = explain(ask(options.stack, options.version))
    if options.json:
        print(json.dumps(as_json(answer), indent=2))
    else:
        print("\n".join(lines(answer)))
    return YES if answer.accepted else NO


def explain(question: Question, *, unread: str = "") -> Answer:
    """The gate's decision, and what the release would change.

    `unread` is why the caller may not read the records bucket: static files are not compared then, and earlier attempts
    not looked up.
    """
    gate, here = question.gate, question.here
    decision = question.decide()
    unknown: dict[str, str] = {}
    last = None
    if unread:
        unknown["attempts"] = unread
    else:
        try:
            last = history.unproven(here, gate.request.version)
        except EXPECTED as error:
            unknown["attempts"] = message_of(error)
    return Answer(
        question=question,
        decision=decision,
        rolled_back=gate.rolled_back({one.environment: one.release for one in question.environments}),
        earlier=last,
        before=_before(decision, question),
        changes=changes.compare(decision, question, unread, unknown),
    )


def _before(decision: Accepted | Refused | None, question: Question) -> Health | None:
    """What the environment before answers now, as the release would ask it, and how long it ran the version."""
    upstream, version = question.upstream, question.gate.request.version
    if upstream is None or upstream.release is None or not isinstance(decision, Accepted) or not decision.is_new:
        return None
    checks = upstream.health_checks if upstream.request else {}
    before = EnvironmentBefore(
        name=upstream.name,
        runs=upstream.release.version,
        checks={name: dataclasses.replace(check, version=version) for name, check in checks.items()},
    )
    health = environment_before.look(before, version)
    if not question.soak_minutes:
        return health
    minutes = soak.ran(upstream.release, version).minutes(datetime.now(UTC))
    soaked = f"it ran there for {minutes} min, and soakMinutes demands {question.soak_minutes}"
    return dataclasses.replace(health, notes=(*health.notes, soaked))


def lines(answer: Answer) -> list[str]:
    """The answer for people: yes or no in its first line, then the details."""
    first, *more = answer.message.split("\n")
    shown = [bold(f"{'yes' if answer.accepted else 'no'}: {first}"), *more]
    shown += [f"  warning   {warning}" for warning in answer.warnings]
    shown += [f"  before    {note}" for note in answer.before.notes] if answer.before else []
    if answer.earlier is not None:
        shown.append(f"  earlier   {answer.earlier}")
    if "attempts" in answer.changes.unknown:
        shown.append(f"  earlier   not known: {answer.changes.unknown['attempts']}")
    if answer.now is not None:
        shown.append(f"  now       {short(answer.now.version)}, proven {when(answer.now.verified_at)}")
    shown += changes.of_commits(answer.changes)
    if answer.accepted:
        shown += changes.of_artifacts(answer.changes)
        shown.append(f"  settings  not compared here:  pulumi preview -s {answer.environment}")
        shown.append(f"to release it:  {answer.to_do}")
    return shown


def as_json(answer: Answer) -> dict[str, Any]:
    return {
        "environment": answer.environment,
        "version": answer.version,
        "accepted": answer.accepted,
        "source": answer.source,
        "kind": answer.kind if answer.accepted else None,
        "message": answer.message,
        "toDo": answer.to_do or None,
        "now": records.proof_json(answer.now) if answer.now else None,
        "hold": hold_json(answer.question.hold),
        "earlier": fields(answer.earlier) if answer.earlier else None,
        "rolledBack": [
            {
                "environment": rolled_back.environment,
                "version": rolled_back.version,
                "contained": rolled_back.contained,
                "rollBack": dataclasses.asdict(rolled_back.mark),
            }
            for rolled_back in answer.rolled_back
        ],
        "environmentBefore": dataclasses.asdict(answer.before) if answer.before else None,
        "changes": changes.as_json(answer.changes),
    }

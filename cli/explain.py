"""`explain`: whether the gate would accept this version here, why, and what it would change."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cli import NO, YES, changes, history
from cli.changes import SHOWN, Changes, Commits, Files, Migration
from cli.environment import Environment, add_stack
from cli.errors import EXPECTED, message_of
from cli.history import Earlier
from cli.question import Question, ask
from cli.text import bold, short, when
from release import git, records
from release.gate import Gate
from release.promotion import Accepted, Refused
from release.records import Release
from release.static import manifest, store
from release.static.manifest import Manifest
from release.version import commit
from release.way_back import Kind, RolledBack

SOURCES: Final = ("built", "promoted", "present", "refused")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """The gate's decision, and what a release would change."""

    environment: str
    version: str
    decision: Accepted | Refused | None
    """The gate's; None if the working tree is built."""
    kind: Kind
    message: str
    to_do: str
    """The command that releases it; empty if it is refused."""
    rolled_back: tuple[RolledBack, ...]
    """Rollbacks of it, or of commits in it, in this environment or the one before."""
    now: Release | None
    earlier: Earlier | None
    """The last attempt to release this version here, if that did not prove it; None also if unknown."""
    changes: Changes

    @property
    def accepted(self) -> bool:
        return not isinstance(self.decision, Refused)

    @property
    def source(self) -> str:
        """One of SOURCES: where image and files come from."""
        if isinstance(self.decision, Accepted):
            return "present" if self.decision.own else "promoted"
        return "refused" if isinstance(self.decision, Refused) else "built"


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Say whether `pulumi up` would accept a version in an environment, why, how its last attempt there ended if it "
        "was not proven, and what it would change: commits, image, static files. Nothing is changed. Settings are not "
        "compared: `pulumi preview` does that."
    )
    parser.epilog = (
        "Without VERSION it is what `pulumi up` would release: EASI_VERSION, else HEAD. "
        "Exit status: 0 accepted, 1 refused, 2 wrong usage."
    )
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
    gate, here, upstream = question.gate, question.here, question.upstream
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
    version, name = gate.request.version, here.name
    message, to_do = _reason(decision, gate, here, upstream), ""
    if not isinstance(decision, Refused):
        to_do = f"EASI_VERSION={version} pulumi up -s {name}" if gate.request.explicit else f"pulumi up -s {name}"
    return Answer(
        environment=name,
        version=version,
        decision=decision,
        kind=gate.kind(here.release, promoted=isinstance(decision, Accepted) and not decision.own),
        message=message,
        to_do=to_do,
        rolled_back=gate.rolled_back({name: here.release} | ({upstream.name: upstream.release} if upstream else {})),
        now=here.release,
        earlier=last,
        changes=_changes(decision, question, unread, unknown),
    )


def lines(answer: Answer) -> list[str]:
    """The answer for people: yes or no in its first line, then the details."""
    first, *more = answer.message.split("\n")
    shown = [bold(f"{'yes' if answer.accepted else 'no'}: {first}"), *more]
    shown += [f"  warning   {rolled_back}" for rolled_back in answer.rolled_back]
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
        "earlier": history.earlier_json(answer.earlier) if answer.earlier else None,
        "rolledBack": [
            {
                "environment": rolled_back.environment,
                "version": rolled_back.version,
                "contained": rolled_back.contained,
                "rollBack": dataclasses.asdict(rolled_back.mark),
            }
            for rolled_back in answer.rolled_back
        ],
        "changes": changes.as_json(answer.changes),
    }


def _reason(decision: Accepted | Refused | None, gate: Gate, here: Environment, upstream: Environment | None) -> str:
    name, version = here.name, short(gate.request.version)
    if isinstance(decision, Refused):
        return decision.message
    if here.release is not None and here.release.version == gate.request.version:
        return f"{name} runs {version} already; it is released again only if anything about it differs."
    if decision is None:
        return _reason_to_build(gate, name)
    since = when(decision.evidence.verified_at)
    if decision.own or upstream is None:
        return f"{name} would release {version}: it ran here before, and was proven {since}."
    return f"{name} would release {version}: {upstream.name} has proven it ({since})."


def _reason_to_build(gate: Gate, name: str) -> str:
    version = short(gate.request.version)
    if not gate.request.changes:
        return f"{name} would build and release {version}, the commit of this working tree."
    return (
        f"{name} would build and release {version}: the commit of this working tree with changes that are in no "
        f"commit. No other environment may run it.\n  changed   {gate.request.changed}"
    )


def _changes(decision: Accepted | Refused | None, question: Question, unread: str, unknown: dict[str, str]) -> Changes:
    """What would change; the reasons for what is unknown are added to `unknown`."""
    gate, upstream, settings = question.gate, question.upstream, question.settings
    now, version = question.here.release, gate.request.version
    come = go = None
    if now is not None:
        come, go = _commits(gate.root, now.version, version), _commits(gate.root, version, now.version)
        if come is None:
            to_know = git.how_to_know(gate.root, commit(now.version), commit(version))
            unknown["commits"] = (
                f"this clone lacks {short(now.version)}, {short(version)} or what lies between: {to_know}"
            )
    accepted = decision if isinstance(decision, Accepted) else None
    differing = None
    if unread:
        unknown["files"] = unread
    elif not isinstance(decision, Refused):
        try:
            differing = _files(accepted, question)
        except EXPECTED as error:
            unknown["files"] = message_of(error)
    return Changes(
        now=now,
        version=version,
        come=come,
        go=go,
        image=accepted.evidence.image_digest if accepted else None,
        image_from=_image_from(accepted, gate, upstream),
        files=differing,
        migration=None if isinstance(decision, Refused) else _migration(settings, now, version),
        unknown=unknown,
    )


def _commits(root: Path, older: str, newer: str) -> Commits | None:
    commits = git.between(root, commit(older), commit(newer), SHOWN)
    return Commits(count=commits[1], newest=tuple(commits[0])) if commits else None


def _image_from(accepted: Accepted | None, gate: Gate, upstream: Environment | None) -> str:
    if accepted is None:
        return short(gate.request.version)
    return "there already" if accepted.own or upstream is None else f"copied from {upstream.name}"


def _files(accepted: Accepted | None, question: Question) -> Files:
    """The static files, compared by manifest. Raises StaticReleaseError and others of EXPECTED."""
    gate, here, upstream = question.gate, question.here, question.upstream
    # Before its first release an environment has no account; the one before can be asked for its own files.
    asker = here if here.request is not None or upstream is None else upstream
    before = None
    if here.release is not None:
        before = _stored(asker, here, here.release.static_manifest)
    if accepted is None:
        site = gate.root / str(question.settings["easi:frontendFolder"])
        built = manifest.of_build(site, gate.request.version, allowed=question.settings.get("easi:publish") or ())
        return changes.files(before, built)
    owner = here if accepted.own or upstream is None else upstream
    return changes.files(before, _stored(asker, owner, accepted.evidence.static_manifest))


def _stored(asker: Environment, owner: Environment, digest: str) -> Manifest:
    return store.load(s3=asker.clients.s3, records_bucket=str(owner.stack.outputs.get("recordsBucket")), digest=digest)


def _migration(settings: Mapping[str, Any], now: Release | None, version: str) -> Migration | None:
    command = settings.get("easi:migrationCommand")
    if not command:
        return None
    return Migration(command=tuple(command), runs=now is None or now.find(version) is None)

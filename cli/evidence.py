"""`evidence`: what a reviewer needs to know before approving, on one screen.

It reads Pulumi's state and Git only: the role of previews may read neither records nor secrets.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

from cli import NO, YES, changes, explain, github, markdown, outcome
from cli.environment import Environment, add_stack
from cli.events import Preview
from cli.explain import Answer
from cli.markdown import Block, Part
from cli.preview import create, save
from cli.question import ask
from cli.text import short, table, when
from release.promotion import Accepted
from release.version import commit

_UNREAD = "only who may read the records bucket can"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evidence:
    answer: Answer
    upstream: Environment | None
    preview: Preview | None
    """None if the gate refuses: there is none then."""
    compare: str = ""
    """Address of GitHub's page of the commits; empty if unknown."""

    @property
    def accepted(self) -> Accepted | None:
        """The proof on which the gate accepts; None if the version is built or refused."""
        return self.answer.decision if isinstance(self.answer.decision, Accepted) else None

    @property
    def good(self) -> bool:
        preview = self.preview
        return self.answer.accepted and preview is not None and not preview.failed and preview.gate is None


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Show what a release would bring to an environment, before somebody approves it: the gate's answer, the "
        "commits, the proof of the environment before, and what `pulumi preview` would change. The version is "
        "EASI_VERSION, else HEAD. Reads Pulumi's state and Git; no records, no secrets."
    )
    parser.epilog = "Exit status: 0 it can be approved, 1 refused, or the preview failed, 2 wrong usage."
    add_stack(parser, required=True)
    parser.add_argument("--save", metavar="FILE", type=Path, help="write the preview there, as `preview --save` does")


def run(options: argparse.Namespace) -> int:
    with github.failure_in_summary(f"{options.stack}: what a release would change is not known"):
        question = ask(options.stack)
        answer = explain.explain(question, unread=_UNREAD)
        preview = create(question.here.name) if answer.accepted else None
    if preview is not None and options.save is not None:
        save(preview, options.save)
    compare = _compare(answer, os.environ)
    evidence = Evidence(answer=answer, upstream=question.upstream, preview=preview, compare=compare)
    print("\n".join(lines(evidence)), flush=True)
    github.summary(summary(evidence))
    return YES if evidence.good else NO


def lines(evidence: Evidence) -> list[str]:
    answer = evidence.answer
    warnings = [f"  warning   {rolled_back}" for rolled_back in answer.rolled_back]
    top = [evidence.preview.headline] if evidence.good and evidence.preview and evidence.preview.headline else []
    shown = [*top, *_answer(evidence), *warnings, *changes.of_commits(answer.changes)]
    if evidence.preview is not None:
        shown.append(f"  preview   {markdown.summarize(evidence.preview)}")
    if not evidence.good:
        return shown
    return [*shown, f"  proof     {_whose(evidence)}", *table(_proof(evidence), indent=" " * 12)]


def summary(evidence: Evidence) -> str:
    """The evidence for the run's page, in Markdown: the decision on top, the details folded."""
    answer, preview = evidence.answer, evidence.preview
    first, *more = _answer(evidence)
    decision = "may be released" if evidence.good else "cannot be released"
    parts: list[Part] = [f"## {markdown.escape(answer.environment)}: {markdown.code(short(answer.version))} {decision}"]
    if evidence.good and preview is not None and preview.headline:
        parts.append(f"**{markdown.escape(preview.headline)}**")
    parts.append(f"**{markdown.escape(first)}**")
    if more:
        parts.append(Block(text="\n".join(more)))
    # The preview has the same as warnings, further down.
    parts += [f"⚠️ **{markdown.escape(str(rolled_back))}**" for rolled_back in answer.rolled_back]
    if preview is not None and not preview.failed:
        parts += markdown.replaced_or_deleted(markdown.dangers(preview))
        parts += markdown.parts_of(preview, whole="`pulumi preview` shows all of it.", with_top=False)
    title, *commits = changes.of_commits(answer.changes)
    parts.append(f"### Commits: {markdown.escape(title.removeprefix('  commits').strip())}")
    if commits:
        parts.append(Block(text="\n".join(line.strip() for line in commits), language="diff"))
    if evidence.compare:
        parts.append(f"[Every commit and file]({evidence.compare})")
    if evidence.good:
        parts += [f"### Proof: {markdown.escape(_whose(evidence))}", outcome.rows_of(_proof(evidence))]
        parts += [f"### {markdown.escape(answer.environment)} now, and then", outcome.rows_of(_artifacts(evidence))]
    return markdown.fit([part for part in parts if part], markdown.SUMMARY_BYTES // 2, markdown.octets)


def _answer(evidence: Evidence) -> list[str]:
    answer, preview = evidence.answer, evidence.preview
    name, version = answer.environment, short(answer.version)
    if not answer.accepted:
        return answer.message.split("\n")
    if preview is not None and preview.gate is not None:
        return preview.gate.split("\n")
    if preview is None or preview.failed:
        shown = preview.errors if preview else ()
        rows = [line for error in shown for line in error.split("\n")]
        return [f"{name} would accept {version}, but its preview failed.", *rows]
    return [answer.message]


def _whose(evidence: Evidence) -> str:
    """Where the version was proven, and whether it still runs there."""
    name, upstream, accepted = evidence.answer.environment, evidence.upstream, evidence.accepted
    if accepted is None:
        return f"none yet, {name} is the first environment: it builds and proves it"
    if accepted.own or upstream is None:
        return f"it ran in {name} before"
    now = upstream.release
    if now is None or now.version == accepted.evidence.version:
        return f"it runs in {upstream.name}"
    return f"it ran in {upstream.name}, which runs {short(now.version)} since {when(now.verified_at)}"


def _proof(evidence: Evidence) -> outcome.Rows:
    accepted = evidence.accepted
    if accepted is None:
        return []
    shown = None if accepted.own else evidence.upstream
    return outcome.proven(accepted.evidence, str(shown.stack.outputs.get("url") or "") if shown else "")


def _artifacts(evidence: Evidence) -> outcome.Rows:
    """Image, static files and migration, compared with what runs now."""
    answer, before = evidence.answer, evidence.answer.now
    proof = evidence.accepted.evidence if evidence.accepted else None
    rows = [("now", f"{before.version}, proven {when(before.verified_at)}" if before else "nothing was released yet")]
    if proof is not None:
        for label, then, old in (
            ("image", proof.image_digest, before.image_digest if before else None),
            ("static files", proof.static_manifest, before.static_manifest if before else None),
        ):
            rows.append((label, "the same" if then == old else f"{short(then)}{f', now {short(old)}' if old else ''}"))
    rows.append(("migration", str(answer.changes.migration or "")))
    return [row for row in rows if row[1]]


def _compare(answer: Answer, environ: Mapping[str, str]) -> str:
    """GitHub's page of the commits between the version that runs and this one."""
    server, repository, now = environ.get("GITHUB_SERVER_URL"), environ.get("GITHUB_REPOSITORY"), answer.now
    if not server or not repository or now is None or now.version == answer.version:
        return ""
    return f"{server}/{repository}/compare/{commit(now.version)}...{commit(answer.version)}"

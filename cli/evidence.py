"""Show what a release would bring to an environment, before somebody approves it: what a reviewer needs, on one screen.

The gate's answer, the commits, the proof of the environment before and whether that is healthy now, what ECR's scan of
the image found, and what `pulumi preview` would change. The version is RELEASE_VERSION, else HEAD. Reads Pulumi's
state, Git, holds and rejections, the scan, and the health check of the environment before: the role of previews may
read neither other records nor secrets.

Exit status: 0 it can be approved, 1 refused, or the preview failed, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from cli import NO, YES, changes, explain, github, markdown, outcome
from cli.environment import add_stack
from cli.events import Preview
from cli.explain import Answer
from cli.markdown import Block, Part
from cli.preview import create
from cli.question import ask
from cli.text import prefix_of, short, table, when
from release import image_scan, session
from release.identity import label_of
from release.image_scan import Scan
from release.promotion import Accepted
from release.request import Connection
from release.version import commit

if TYPE_CHECKING:
    from types_boto3_ecr import ECRClient

_UNREAD = "only who may read the records bucket can"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evidence:
    answer: Answer
    preview: Preview | None
    """None if the gate refuses: there is none then."""
    scans: Mapping[str, Scan] = dataclasses.field(default_factory=dict)
    """By service, of the images that would be released; none if the gate refuses, or they are yet to be built."""

    @property
    def accepted(self) -> Accepted | None:
        """The proof on which the gate accepts; None if the version is built or refused."""
        return self.answer.decision if isinstance(self.answer.decision, Accepted) else None

    @property
    def warnings(self) -> list[str]:
        """The gate's, and what the release's own check will refuse."""
        severity = str(self.answer.question.settings.get("refuseFindings") or "")
        refusals = {name: image_scan.refusal(scan, severity) for name, scan in self.scans.items() if severity}
        return [
            *self.answer.warnings,
            *(
                f"the release will be refused: {prefix_of(f'service {name}', self.scans)}{why}"
                for name, why in refusals.items()
                if why
            ),
        ]

    @property
    def scanned(self) -> list[str]:
        """What the scans found, a line each."""
        return [f"{prefix_of(name, self.scans)}{scan}" for name, scan in self.scans.items()]

    @property
    def good(self) -> bool:
        preview = self.preview
        return self.answer.accepted and preview is not None and not preview.failed and preview.gate is None


def add(parser: argparse.ArgumentParser) -> None:
    add_stack(parser, required=True)


def run(options: argparse.Namespace) -> int:
    with github.failure_in_summary(f"{options.stack}: what a release would change is not known"):
        question = ask(options.stack)
        answer = explain.explain(question, unread=_UNREAD)
        preview = create(question.here.name) if answer.accepted else None
    evidence = Evidence(answer=answer, preview=preview, scans=_scans(answer))
    print("\n".join(lines(evidence)), flush=True)
    github.summary(summary(evidence))
    return YES if evidence.good else NO


def lines(evidence: Evidence) -> list[str]:
    answer = evidence.answer
    warnings = [f"  warning   {warning}" for warning in evidence.warnings]
    top = [evidence.preview.headline] if evidence.good and evidence.preview and evidence.preview.headline else []
    shown = [*top, *_answer(evidence), *warnings, *changes.of_commits(answer.changes)]
    if evidence.preview is not None:
        shown.append(f"  preview   {markdown.summarize(evidence.preview)}")
    if not evidence.good:
        return shown
    scans = changes.labelled("scan", evidence.scanned)
    return [*shown, *scans, f"  proof     {_whose(evidence)}", *table(_proof(evidence), indent=" " * 12)]


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
    parts += [f"⚠️ **{markdown.escape(warning)}**" for warning in evidence.warnings]
    if preview is not None and not preview.failed:
        parts += markdown.replaced_or_deleted(markdown.dangers(preview))
        parts += markdown.parts_of(preview, whole="`pulumi preview` shows all of it.", with_top=False)
    title, *commits = changes.of_commits(answer.changes)
    parts.append(f"### Commits: {markdown.escape(title.removeprefix('  commits').strip())}")
    if commits:
        parts.append(Block(text="\n".join(line.strip() for line in commits), language="diff"))
    now = answer.now
    if now is not None and now.version != answer.version:
        address = github.page(f"compare/{commit(now.version)}...{commit(answer.version)}")
        parts.append(f"[Every commit and file]({address})" if address else "")
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
    name, upstream, accepted = evidence.answer.environment, evidence.answer.question.upstream, evidence.accepted
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
    before, shown = evidence.answer.before, None if accepted.own else evidence.answer.question.upstream
    return [
        *outcome.proven(accepted.evidence, str(shown.stack.outputs.get("url") or "") if shown else ""),
        *(("now", note) for note in (before.notes if before else ())),
    ]


def _artifacts(evidence: Evidence) -> outcome.Rows:
    """Images, static files and migrations, compared with what runs now."""
    answer, before = evidence.answer, evidence.answer.now
    images, sites = answer.changes.images, answer.changes.files
    proof = evidence.accepted.evidence if evidence.accepted else None
    rows = [("now", f"{before.version}, proven {when(before.verified_at)}" if before else "nothing was released yet")]
    if proof is not None:
        services, now = proof.services, before.sites if before else {}
        rows += [
            (label_of("image", name, images), _compared(services[name].image_digest, answer.changes.image_now(name)))
            for name in images
        ]
        rows += [(label_of("static files", name, sites), _compared(proof.sites[name], now.get(name))) for name in sites]
    rows.append((outcome.SCAN, "; ".join(evidence.scanned)))
    rows += [
        (label_of("migration", name, images), str(migration)) for name, migration in answer.changes.migrations.items()
    ]
    return [row for row in rows if row[1]]


def _compared(then: str, now: str | None) -> str:
    return "the same" if then == now else f"{short(then)}{f', now {short(now)}' if now else ''}"


def _scans(answer: Answer) -> dict[str, Scan]:
    """What is known of the images that have been proven, with the credentials that are here."""
    if not isinstance(answer.decision, Accepted):
        return {}
    question = answer.question
    images = {name: answer.decision.evidence.services[name].image for name in answer.changes.images}
    how = question.here.request.connection if question.here.request else Connection(profile=None, assume_roles=())
    own = str(question.settings.get("aws:region") or "")
    try:
        aws = session.sign_in(how, own, session.QUICK)
    except (BotoCoreError, ClientError) as error:
        why_not = f"not known ({error})"
        return {name: Scan(image=image, why_not=why_not, to_do="sign in to AWS") for name, image in images.items()}

    def ecr(region: str) -> ECRClient:
        client: ECRClient = aws.client("ecr", region_name=region or own, config=session.QUICK)
        return client

    return {name: image_scan.read([image], ecr) for name, image in images.items()}

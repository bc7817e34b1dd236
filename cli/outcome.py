"""The outcome of a release, for the page of its run: proven, or what failed and what to do. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Final

from cli import markdown
from cli.diagnosis import DIFFERS, Row
from cli.text import moment, phases, short, table, when
from functions.names import revision
from release import way_back
from release.healthcheck import Proof
from release.records import Attempt, Proven, Release
from release.updates import Update

Rows = list[tuple[str, str]]
"""Label and text of each line, or row of a table."""
_COPIED: Final = ("version", "image", "static files", "task definition")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What is known after an update of an environment."""

    environment: str
    version: str
    """The version that was to be released, a full SHA."""
    named: bool = False
    """EASI_VERSION names the version, as for a rollback."""
    release: Release | None
    """The last proven release, from the stack's state."""
    url: str = ""
    """The site's address; empty before the first release."""
    proof: Proof | None = None
    """The health check now; None unless this version is the proven one, and answers."""
    serving: tuple[Row, ...] = ()
    """What ECS runs and the site serves now, if the release failed and they can be read."""
    miss: str = ""
    """Why the proven version does not answer now; empty if it does, or if there is none."""
    update: Update | None = None
    """The last update in Pulumi's history that has ended."""
    pending: bool = False
    """An update was interrupted, or is running."""
    attempt: Attempt | None = None
    """The last attempt to release any version."""
    living: bool = False
    """That attempt is still running."""
    unread: str = ""
    """Why the attempts could not be read; empty if they could."""
    refusal: str = ""
    """The gate's message; empty if it accepts the version."""

    @property
    def mine(self) -> Attempt | None:
        """The attempt of the last update; None if that ended before its release began."""
        last = self.attempt
        if last is None or last.version != self.version:
            return None
        began, updated = moment(last.started_at), self.update.started_at if self.update else None
        return None if began and updated and began < updated else last

    @property
    def good(self) -> bool:
        """The version is proven, answers now, and its update succeeded."""
        return self.proof is not None and not self.pending and (self.update is None or self.update.succeeded)


def headline(outcome: Outcome) -> str:
    name, version, release = outcome.environment, short(outcome.version), outcome.release
    if outcome.good:
        return f"{name}: {version} is proven, and answers"
    if release is None or release.version != outcome.version:
        if outcome.living:
            return f"{name}: {version} is not released: a release is under way"
        return f"{name}: {version} is not released"
    if outcome.proof is None:
        return f"{name}: {version} is released and does not answer as it should"
    return f"{name}: {version} still runs, but its update failed"


def story(outcome: Outcome) -> list[str]:
    """Why the release failed, and what to do, in lines; empty if it is good."""
    if outcome.good:
        return []
    attempt = outcome.mine
    if attempt is not None and attempt.message and attempt.outcome != "proven":
        rows = attempt.message.split("\n")
        return [*rows, *table(_way_back(outcome))] if attempt.outcome == "failed" else rows
    return table([row for row in [*_why(outcome), *_way_back(outcome)] if row[1]])


def now(outcome: Outcome) -> Rows:
    """What the environment has proven, and what serves now."""
    release = outcome.release
    serving = [(f"{row.name} now", ": ".join(filter(None, (row.value, row.remark)))) for row in outcome.serving]
    if release is None:
        return [("proven", f"nothing was ever proven in {outcome.environment}"), *serving]
    rows = proven(release, outcome.url)
    if outcome.proof is not None:
        checked = f"{outcome.proof.passes} times in a row until {when(outcome.proof.verified_at)}"
        rows.append(("answers now", f"yes, {checked}"))
    else:
        rows.append(("answers now", f"no: {outcome.miss}" if outcome.miss else "yes"))
    attempt = outcome.mine
    if attempt is not None and attempt.version == release.version:
        rows.append(("phases", phases(attempt.phases)))
        rows.append(("by", attempt.who))
    rows += serving
    return [row for row in rows if row[1]]


def proven(proof: Proven, url: str) -> Rows:
    """The proof of one version, as the environment keeps it."""
    rows = [
        ("version", proof.version),
        ("image", proof.image_digest),
        ("static files", proof.static_manifest),
        ("task definition", revision(proof.task_definition)),
        ("proven", when(proof.verified_at)),
        ("address", url),
        ("reason", proof.reason or ""),
    ]
    return [row for row in rows if row[1]]


def lines(outcome: Outcome) -> list[str]:
    reasons = story(outcome)
    # The report that a failed release keeps begins with its own headline.
    head = [] if reasons and not reasons[0].startswith(" ") else [headline(outcome)]
    proven_in = f"what {outcome.environment} has proven:"
    return [*head, *reasons, *([proven_in] if reasons else []), *table(now(outcome))]


def summary(outcome: Outcome) -> str:
    reasons = story(outcome)
    parts = [f"## {markdown.escape(headline(outcome))}"]
    if reasons:
        parts += [markdown.fence("\n".join(reasons)), f"### What {markdown.escape(outcome.environment)} has proven"]
    parts.append(rows_of(now(outcome)))
    if reasons:
        parts.append("What messages mean: docs/understand-a-message.md. Going back: docs/roll-back.md.")
    return "\n\n".join(parts)


def rows_of(rows: Iterable[tuple[str, str]]) -> str:
    """A table of label and text. Digests and versions are code, to be copied."""
    return markdown.table(("", ""), [(label, _cell(label, text)) for label, text in rows])


def _cell(label: str, text: str) -> str:
    # An address is made a link by GitHub itself.
    return markdown.code(text) if label in _COPIED else markdown.escape(text)


def _why(outcome: Outcome) -> Rows:
    """What is known of a failure without a report."""
    name, release, attempt = outcome.environment, outcome.release, outcome.mine
    if attempt is not None and attempt.outcome is None:
        return _not_ended(outcome, attempt)
    if outcome.refusal:
        first, *more = outcome.refusal.split("\n")
        return [("why", first), *(("", line.strip()) for line in more), ("runs now", _runs(outcome))]
    if release is not None and release.version == outcome.version and outcome.proof is None:
        look = f"python -m release status -s {name}   (and look at the backend's logs)"
        return [("why", outcome.miss), ("to do", look)]
    if outcome.pending:
        return [("why", "`pulumi up` was cut short, or another one is under way"), ("to do", _again(name))]
    if outcome.unread:
        hint = "the log of `pulumi up` says it: the attempts to release cannot be read from here"
        return [("why", hint), ("", outcome.unread), ("runs now", _runs(outcome))]
    return _update_failed(outcome)


def _update_failed(outcome: Outcome) -> Rows:
    """`pulumi up` failed before its release began, or after that was proven."""
    name, attempt = outcome.environment, outcome.mine
    # Without its version, a rollback would release HEAD, which was to be rolled back.
    version = f"EASI_VERSION={outcome.version} " if outcome.named else ""
    if attempt is not None and attempt.outcome == "proven" and outcome.proof is not None:
        # What is missing comes after the release: the stack's outputs, and deletions of what was replaced.
        return [
            ("why", "`pulumi up` failed or was canceled after its release was proven: see its log"),
            ("to do", f"run this again, which finishes the rest; by hand:  {version}pulumi up -s {name}"),
        ]
    return [
        ("why", "`pulumi up` failed before its release began, or did not start: see its log"),
        ("runs now", _runs(outcome)),
        ("to do", f"fix the cause, then run this again; by hand:  {version}pulumi up -s {name}"),
    ]


def _not_ended(outcome: Outcome, attempt: Attempt) -> Rows:
    if outcome.living:
        return [
            ("why", f"it is being released by {attempt.who} since {when(attempt.started_at)}"),
            ("to do", f"wait until that has ended:  python -m release status -s {outcome.environment}"),
        ]
    return [
        ("why", f"its release began {when(attempt.started_at)} and was cut short: what runs may be a mixture"),
        ("to do", _again(outcome.environment)),
    ]


def _again(name: str) -> str:
    return f"python -m release recover -s {name}   (then release again, or go back)"


def _runs(outcome: Outcome) -> str:
    if outcome.release is None:
        return "nothing was proven here before"
    version = short(outcome.release.version)
    if any(row.remark == DIFFERS for row in outcome.serving):
        return f"not what was proven, {version}: see below"
    return f"{version}, as before"


def _way_back(outcome: Outcome) -> Rows:
    """How to go back, if something else may run than what was proven; nothing without a version to go back to."""
    release, attempt = outcome.release, outcome.mine
    if release is None or outcome.living:
        return []
    # What was proven before still runs, unless an attempt was interrupted or its undo failed.
    if release.version != outcome.version and (attempt is None or attempt.outcome not in {None, "failed"}):
        return []
    target = way_back.target(release, outcome.version)
    if target is None:
        return []
    return [
        ("to go back", f"Actions > Roll back > Run workflow: {outcome.environment}, {target.version}"),
        ("", f"by hand:  EASI_VERSION={target.version} pulumi up -s {outcome.environment}"),
    ]

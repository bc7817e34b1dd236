"""The outcome of a release, for the page of its run: proven, or what failed and what to do. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Final

from cli import markdown, rollback
from cli.diagnosis import DIFFERS, Row
from cli.text import by_service, moment, phases, short, table, when
from functions.names import revision
from release import way_back
from release.healthcheck import NOT_COMPARED, Proof
from release.identity import label_of, service_words
from release.promotion import Declared
from release.records import Attempt, Proven, Release
from release.request import listed
from release.updates import Update

Rows = list[tuple[str, str]]
"""Label and text of each line, or row of a table."""
_COPIED: Final = ("version", "image", "static files", "task definition")
SCAN: Final = "image scan"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What is known after an update of an environment."""

    environment: str
    version: str
    """The version that was to be released, a full SHA."""
    named: bool = False
    """RELEASE_VERSION names the version, as for a rollback."""
    release: Release | None
    """The last proven release, from the stack's state."""
    url: str = ""
    """The site's address; empty before the first release."""
    proof: Proof | None = None
    """The last of the health checks now; None unless this version is the proven one, and all answer."""
    unasked: bool = False
    """This version is the proven one, and no service has a health check."""
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
    def is_proven(self) -> bool:
        """The version that was to be released is the proven one."""
        return self.release is not None and self.release.version == self.version

    @property
    def answers(self) -> bool:
        """It is, and all health checks that there are pass."""
        return self.proof is not None or self.unasked

    @property
    def good(self) -> bool:
        """The version is proven, answers now, and its update succeeded."""
        return self.answers and not self.pending and (self.update is None or self.update.succeeded)


def headline(outcome: Outcome) -> str:
    name, version = outcome.environment, short(outcome.version)
    if outcome.good:
        return f"{name}: {version} is proven" + ("" if outcome.unasked else ", and answers")
    if not outcome.is_proven:
        return f"{name}: {version} is not released" + (": a release is under way" if outcome.living else "")
    if not outcome.answers:
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
        weaker = "" if outcome.proof.version_compared else f": {NOT_COMPARED}"
        rows.append(("answers now", f"yes, {checked}{weaker}"))
    elif outcome.unasked:
        rows.append(("answers now", "not asked: no service has a health check"))
    else:
        rows.append(("answers now", f"no: {outcome.miss}" if outcome.miss else "yes"))
    attempt = outcome.mine
    if attempt is not None and attempt.version == release.version:
        rows.append(("phases", phases(attempt.phases)))
        rows.append(("rehearsed", by_service(attempt.rehearsed)))
        rows.append(("by", attempt.who))
    rows += serving
    return [row for row in rows if row[1]]


def proven(proof: Proven, url: str) -> Rows:
    """The proof of one version, as the environment keeps it."""
    services, sites = proof.services, proof.sites
    rows = [
        ("version", proof.version),
        *((label_of("image", name, services), service.image_digest) for name, service in services.items()),
        *((label_of("static files", name, sites), digest) for name, digest in sites.items()),
        *(
            (label_of("task definition", name, services), revision(service.task_definition))
            for name, service in services.items()
        ),
        ("proven", when(proof.verified_at)),
        ("not compared", f"{', '.join(proof.not_compared)} {NOT_COMPARED}" if proof.not_compared else ""),
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
    is_copied = label != SCAN and label.startswith(_COPIED)
    return markdown.code(text) if is_copied else markdown.escape(text)


def _why(outcome: Outcome) -> Rows:
    """What is known of a failure without a report."""
    name, release, attempt = outcome.environment, outcome.release, outcome.mine
    recover = ("to do", f"python -m release recover -s {name}   (then release again, or go back)")
    runs = ("runs now", _runs(outcome))
    # Without its version, a rollback would release HEAD, which was to be rolled back.
    up = (f"RELEASE_VERSION={outcome.version} " if outcome.named else "") + f"pulumi up -s {name}"
    if attempt is not None and attempt.outcome is None:
        began = when(attempt.started_at)
        rows = [("why", f"its release began {began} and was cut short: what runs may be a mixture"), recover]
        if outcome.living:
            wait = f"wait until that has ended:  python -m release status -s {name}"
            rows = [("why", f"it is being released by {attempt.who} since {began}"), ("to do", wait)]
    elif outcome.refusal:
        first, *more = outcome.refusal.split("\n")
        rows = [("why", first), *(("", line.strip()) for line in more), runs]
    elif release is not None and outcome.is_proven and not outcome.answers:
        logs = f"the logs of {listed([service_words(service, release.services) for service in release.services])}"
        rows = [("why", outcome.miss), ("to do", f"python -m release status -s {name}   (and look at {logs})")]
    elif outcome.pending:
        rows = [("why", "`pulumi up` was cut short, or another one is under way"), recover]
    elif outcome.unread:
        hint = "the log of `pulumi up` says it: the attempts to release cannot be read from here"
        rows = [("why", hint), ("", outcome.unread), runs]
    elif attempt is not None and attempt.outcome == "proven" and outcome.answers:
        # What is missing comes after the release: the stack's outputs, and deletions of what was replaced.
        rows = [
            ("why", "`pulumi up` failed or was canceled after its release was proven: see its log"),
            ("to do", f"run this again, which finishes the rest; by hand:  {up}"),
        ]
    else:
        rows = [
            ("why", "`pulumi up` failed before its release began, or did not start: see its log"),
            runs,
            ("to do", f"fix the cause, then run this again; by hand:  {up}"),
        ]
    return rows


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
        ("", f"by hand:  {rollback.command(outcome.environment, target, Declared.by(release))}"),
    ]

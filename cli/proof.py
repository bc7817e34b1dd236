"""`proof`: after a release, what is proven; after a failed one, what failed, what was undone and what serves."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
from typing import Any

from cli import NO, YES, diagnosis, errors, github, status, versions
from cli.environment import Environment, add_stack, read_environment
from cli.errors import message_of
from cli.outcome import Outcome, lines, summary
from cli.question import ask, version_here
from cli.text import say
from release import healthcheck, lease, records, updates
from release.healthcheck import NotProven
from release.lease import LeaseHeldError
from release.promotion import Refused
from release.records import Attempt


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Say what became of a release: the proof, checked once more at the public address, or what failed, what was "
        "undone, what runs now and what to do. The version is EASI_VERSION, else HEAD. Outputs `url`, and `version`, "
        "which is proven now."
    )
    parser.epilog = "Exit status: 0 the version is proven and answers now, 1 it is not, 2 wrong usage, 130 interrupted."
    add_stack(parser, required=True)


def run(options: argparse.Namespace) -> int:
    with github.failure_in_summary(f"{options.stack}: what runs is not known"):
        outcome = look(read_environment(options.stack))
    print("\n".join(lines(outcome)), flush=True)
    github.summary(summary(outcome))
    github.outputs(url=outcome.url, version=outcome.release.version if outcome.release else "")
    return YES if outcome.good else NO


def look(environment: Environment) -> Outcome:
    """The outcome as far as it can be read; the stack and the version must be. Raises some of EXPECTED."""
    release = environment.release
    named = os.environ.get("EASI_VERSION")
    releases = [release] if release else []
    version = versions.resolve(named, releases, name=environment.name) if named else version_here(environment)
    outcome = Outcome(
        environment=environment.name,
        version=version,
        named=bool(named),
        release=release,
        url=str(environment.stack.outputs.get("url") or ""),
        update=next(iter(updates.read(environment.name)), None),
        pending=bool(environment.stack.pending),
    )
    outcome = _with_attempt(_with_proof(outcome, environment), environment)
    if outcome.good:
        return outcome
    outcome = _with_status(outcome, environment)
    return outcome if outcome.mine is not None else dataclasses.replace(outcome, refusal=_refusal(environment.name))


def _with_proof(outcome: Outcome, environment: Environment) -> Outcome:
    """Add the whole health check, if the version that was to be released is the proven one."""
    if outcome.release is None or outcome.release.version != outcome.version:
        return outcome
    try:
        check = dataclasses.replace(environment.released().health, version=outcome.version)
        return dataclasses.replace(outcome, proof=healthcheck.prove(check, say, environment.tasks(outcome.release)))
    except errors.VerbError as error:
        return dataclasses.replace(outcome, miss=f"the health check cannot run: {error}")
    except NotProven as error:
        return dataclasses.replace(outcome, miss=str(error))


def _with_status(outcome: Outcome, environment: Environment) -> Outcome:
    """Add what serves now, as `release status` reads it; without AWS, only whether the proven version answers.

    Compared with the stack's proven release, as all of the outcome is: the record may be of a later one.
    """
    observed, miss = None, outcome.miss
    # Nothing to read before the first release; for any other error, `unread` has the reason.
    with contextlib.suppress(*errors.EXPECTED):
        observed = dataclasses.replace(status.look(environment, environment.clients), record=outcome.release)
    if outcome.release is not None and outcome.proof is None and not miss:
        try:
            miss = status.health(environment, outcome.release).miss or ""
        except errors.VerbError as error:
            miss = f"the health check cannot run: {error}"
    return dataclasses.replace(outcome, miss=miss, serving=tuple(diagnosis.serving(observed)) if observed else ())


def _with_attempt(outcome: Outcome, environment: Environment) -> Outcome:
    """Add the last attempt, if the role may read it."""
    if environment.request is None and not environment.unreadable:
        # The first release says where attempts are.
        return outcome
    try:
        s3, bucket = environment.clients.s3, environment.released().site.records_bucket
        last = _last(s3, bucket)
        living = last is not None and last.outcome is None and _lives(s3, bucket)
        # It may have ended while this waited for the lease.
        last = _last(s3, bucket) if last is not None and last.outcome is None else last
    except errors.EXPECTED as error:
        return dataclasses.replace(outcome, unread=message_of(error))
    return dataclasses.replace(outcome, attempt=last, living=living)


def _last(s3: Any, bucket: str) -> Attempt | None:
    return next(iter(records.list_attempts(s3, bucket, 1)), None)


def _lives(s3: Any, bucket: str) -> bool:
    """Whether a release is running. The lease of a cancelled job expires only after a while."""
    try:
        lease.wait(s3, bucket, say=say)
    except LeaseHeldError:
        return True
    return False


def _refusal(name: str) -> str:
    try:
        decision = ask(name).decide()
    except errors.EXPECTED:
        return ""
    return decision.message if isinstance(decision, Refused) else ""

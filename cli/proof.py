"""Say what became of a release: the proof, checked once more at the public address, or what failed and what to do.

Of one that failed also what was undone and what serves now. The version is RELEASE_VERSION, else HEAD. Outputs `url`,
and `version`, which is proven now.

Exit status: 0 the version is proven and answers now, 1 it is not, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
from typing import Any

from cli import NO, YES, diagnosis, errors, github, observed, versions
from cli.environment import Environment, add_stack, read_environment
from cli.errors import message_of
from cli.outcome import Outcome, lines, summary
from cli.question import ask, requested_version, version_here
from cli.text import prefix_of, say
from release import healthcheck, lease, records, updates
from release.healthcheck import NotProven
from release.lease import LeaseHeldError
from release.promotion import Refused


def add(parser: argparse.ArgumentParser) -> None:
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
    named = requested_version()
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
    if outcome.release is None or not outcome.is_proven:
        return outcome
    release, proofs, of_service = outcome.release, [], ""
    try:
        checks = environment.health_checks
        for name, check in checks.items():
            of_service = prefix_of(f"service {name}", checks)
            its_check = dataclasses.replace(check, version=outcome.version)
            proofs.append(healthcheck.prove(its_check, say, environment.tasks(release, name)))
        are_compared = all(proof.version_compared for proof in proofs)
        proof = dataclasses.replace(proofs[-1], version_compared=are_compared) if proofs else None
        return dataclasses.replace(outcome, proof=proof, unasked=not checks)
    except errors.VerbError as error:
        return dataclasses.replace(outcome, miss=f"the health check cannot run: {error}")
    except NotProven as error:
        return dataclasses.replace(outcome, miss=f"{of_service}{error}")


def _with_status(outcome: Outcome, environment: Environment) -> Outcome:
    """Add what serves now, as `release status` reads it; without AWS, only whether the proven version answers.

    Compared with the stack's proven release, as all of the outcome is: the record may be of a later one.
    """
    observed_now, miss = None, outcome.miss
    # Nothing to read before the first release; for any other error, `unread` has the reason.
    with contextlib.suppress(*errors.EXPECTED):
        observed_now = dataclasses.replace(observed.look(environment), record=outcome.release)
    if outcome.release is not None and outcome.proof is None and not miss:
        try:
            checks = environment.health_checks
            for name in checks:
                if its_miss := observed.health(environment, outcome.release, name).miss:
                    miss = prefix_of(f"service {name}", checks) + its_miss
                    break
        except errors.VerbError as error:
            miss = f"the health check cannot run: {error}"
    return dataclasses.replace(
        outcome, miss=miss, serving=tuple(diagnosis.serving(observed_now)) if observed_now else ()
    )


def _with_attempt(outcome: Outcome, environment: Environment) -> Outcome:
    """Add the last attempt, if the role may read it."""
    if environment.request is None and not environment.unreadable:
        # The first release says where attempts are.
        return outcome
    try:
        s3, bucket = environment.clients.s3, environment.released().records_bucket
        attempts, living = records.list_attempts(s3, bucket, 1), False
        if attempts and attempts[0].outcome is None:
            living = _lives(s3, bucket)
            # It may have ended while this waited for the lease.
            attempts = records.list_attempts(s3, bucket, 1)
    except errors.EXPECTED as error:
        return dataclasses.replace(outcome, unread=message_of(error))
    return dataclasses.replace(outcome, attempt=next(iter(attempts), None), living=living)


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

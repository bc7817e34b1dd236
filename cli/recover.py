"""Clear what an interrupted update left behind: an expired lease, the stack's lock, pending operations.

Refuses while the update still runs. What serves stays: the next `pulumi up` finishes the interrupted release.

Exit status: 0 cleared, or nothing to do; 1 refused; 2 wrong usage; 130 interrupted.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from cli import YES
from cli.environment import add_stack, read_environment
from cli.errors import VerbError
from cli.text import say
from release import inputs, lease, processes, session, stack
from release.stack import RELEASES, Stack, StackError

LOCKED: Final = ("is currently locked by", "Another update is currently in progress")
"""What Pulumi says of a locked stack: with a state in a bucket or file, and with Pulumi Cloud."""
NO_RESOURCE: Final = "urn:pulumi:none::none::none:none:None::none"
_LOCK: Final = re.compile(r"created by (?P<who>\S+)@(?P<host>\S+) \(pid (?P<pid>\d+)\) at (?P<since>\S+)")

Ended = Callable[[tuple["Lock", ...]], bool]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lock:
    """Who locked a stack, from Pulumi's message."""

    who: str
    host: str
    pid: int
    since: str

    def __str__(self) -> str:
        return f"{self.who}, process {self.pid} on {self.host}, since {self.since}"


def add(parser: argparse.ArgumentParser) -> None:
    add_stack(parser)
    parser.add_argument(
        "-y", "--yes", action="store_true", help="free a lock of another machine, too: no update runs there"
    )


def run(options: argparse.Namespace) -> int:
    target = read_environment(options.stack).stack

    def ended(locks: tuple[Lock, ...]) -> bool:
        return options.yes or _confirmed(
            f"{locked(target.name, locks)}. Does no update of {target.name} run there any more?"
        )

    recover(target, ended)
    return YES


def recover(target: Stack, ended: Ended) -> None:
    """Clear what an interrupted update of the stack left.

    `ended` says whether the update that took a lock on another machine has ended, which cannot be seen from here.
    Raises LeaseHeldError, VerbError and StackError; a running update is not disturbed then.
    """
    cleared = _give_up_lease(target)
    cleared |= _settle(target, ended)
    if not cleared:
        say(f"{target.name}: nothing to do: no lease, no lock, no pending operation")
        return
    stored = target.inputs or {}
    # Without its version, a roll back that was interrupted would release HEAD.
    named = stored.get("named") and any(operation.type in RELEASES for operation in target.operations)
    again = (f"RELEASE_VERSION={stored['version']} " if named else "") + f"pulumi up -s {target.name}"
    say(f"{target.name} is free. To finish what was interrupted:  {again}")


def records_of(target: Stack, stored: Mapping[str, Any]) -> tuple[Any, str]:
    """A client for the stack's account and the bucket with its lease, from inputs that every release stores."""
    try:
        how, bucket = inputs.connection(stored), str(stored["recordsBucket"])
        account, region = inputs.location(stored)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise StackError(
            f"the state of {target.name} does not say where its release is: {type(error).__name__}: {error}\n"
            f"  to see it:  pulumi stack export -s {target.name}"
        ) from error
    return session.connect(how, account=account, region=region).s3, bucket


def _give_up_lease(target: Stack) -> bool:
    """Remove a stale lease; whether there was one. Raises LeaseHeldError while its holder renews it."""
    if target.inputs is None:
        return False
    s3, bucket = records_of(target, target.inputs)
    held = lease.wait(s3, bucket, say=say)
    if held is None:
        return False
    lease.take_away(s3, bucket, held)
    say(f"{target.name}: removed the stale lease of {held.holder}")
    return True


def _settle(target: Stack, ended: Ended) -> bool:
    """Free the lock and clear the pending operations; whether there was any of them."""
    lock = _lock(target)
    if lock is not None:
        _refuse_running(target.name, locks(lock), ended)
        say(f"{target.name}: an update was cut short: freeing its lock ({_holders(locks(lock))})")
        stack.pulumi("cancel", "-s", target.name, "--yes")
    if target.operations:
        _refresh(target)
    for operation in target.operations:
        say(f"{target.name}: an update was cut short while {operation}{_consequence(operation)}")
    return lock is not None or bool(target.operations)


def _lock(target: Stack) -> str | None:
    """What Pulumi says of the stack's lock; None where it has none.

    No command of Pulumi only reads it. A refresh checks it first, and this refresh then fails on a target that no stack
    has: nothing is changed or added to the stack's history. Of Pulumi Cloud's lock, only the list of stacks tells
    without an update.
    """
    try:
        stack.pulumi("refresh", "-s", target.name, "--run-program=false", "--target", NO_RESOURCE, "--yes")
    except StackError as error:
        if any(words in str(error) for words in LOCKED):
            return str(error)
        if f"no resource named '{NO_RESOURCE}'" not in str(error):
            raise
    if not _backend().startswith("http"):
        return None  # no list here: Pulumi would read the state of every stack, which CI's roles may not
    busy = any(listed.name == target.name and listed.update_in_progress for listed in stack.listed())
    return LOCKED[1] if busy else None


def _refresh(target: Stack) -> None:
    """Clear the pending operations, and refresh the resources of those that are in the state.

    Any refresh clears them; so the stack itself is a target, which costs nothing. The release is not refreshed: the
    next update compares it with what runs.
    """
    urns = [operation.urn for operation in target.operations if operation.in_state and operation.type not in RELEASES]
    targets = [argument for urn in ([target.root] if target.root else []) + urns for argument in ("--target", urn)]
    stack.pulumi(
        *("refresh", "-s", target.name, "--clear-pending-creates", "--run-program=false", *targets),
        *("--yes", "--skip-preview", "--suppress-progress"),
    )


def locks(message: str) -> tuple[Lock, ...]:
    """The holders in Pulumi's message about a locked stack; Pulumi Cloud names none."""
    return tuple(
        Lock(who=match["who"], host=match["host"], pid=int(match["pid"]), since=match["since"])
        for match in _LOCK.finditer(message)
    )


def _refuse_running(name: str, holders: tuple[Lock, ...], ended: Ended) -> None:
    """Raise VerbError unless the processes that hold the lock have ended."""
    here = socket.gethostname()
    for lock in holders:
        if lock.host == here and processes.runs(lock.pid):
            raise VerbError(
                f"an update of {name} is under way ({lock}).\n"
                f"  to end it:  wait, or press Ctrl-C there (kill -INT {lock.pid}): Pulumi finishes what is under way"
            )
    # Machines made from one image, such as GitHub's runners, may share a host name. It means this machine only if the
    # state is here, too.
    if holders and all(lock.host == here for lock in holders) and _backend().startswith("file://"):
        return
    if not ended(holders):
        raise VerbError(
            f"{locked(name, holders)}, and whether that update still runs cannot be seen from here.\n"
            f"  when it has ended:  python -m release recover -s {name} --yes"
        )


def _backend() -> str:
    backend = stack.answered("whoami", "--json")
    return str(backend.get("url", "")) if isinstance(backend, dict) else ""


def locked(name: str, holders: tuple[Lock, ...]) -> str:
    """That the stack is locked, and by whom."""
    return f"{name} is locked ({_holders(holders)})"


def _holders(holders: tuple[Lock, ...]) -> str:
    return "; ".join(str(lock) for lock in holders) or "Pulumi does not say by whom"


def _consequence(operation: stack.Operation) -> str:
    """What follows from an interrupted operation."""
    if operation.type in RELEASES:
        return ": the next update releases again"
    if operation.in_state:
        return ": its state was read anew"
    return ": if AWS made it nevertheless, remove it there; the next update creates it again"


def _confirmed(question: str) -> bool:
    """The answer at the terminal; no without one."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}

"""What is cleared after an interrupted update, and what is not."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import socket

import pytest

from cli import recover
from cli.errors import VerbError
from cli.recover import Lock
from release import lease, processes, stack
from release.lease import Holder, LeaseHeldError
from release.stack import RELEASE, Operation, Stack, StackError
from tests.unit.fake_s3 import FakeS3

GONE = 2**22 + 1
"""No process has this number: it is more than Linux gives."""
ROOT = "urn:pulumi:prod::easi::pulumi:pulumi:Stack::easi-prod"
RELEASED = f"urn:pulumi:prod::easi::{RELEASE}::release"
SERVICE = "urn:pulumi:prod::easi::aws:ecs/service:Service::backend"
CLOUD = "[409] Conflict: Another update is currently in progress.\nTo learn more, visit https://www.pulumi.com/docs/"


def locked(host: str, pid: int) -> str:
    """Pulumi 3.232.0 on a state of one's own."""
    return (
        "the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or delete the lock "
        f"file with `pulumi cancel`.\n  s3://bucket/.pulumi/locks/1.json: created by ci@{host} (pid {pid}) at "
        "2026-11-23T23:35:41Z"
    )


@dataclasses.dataclass
class World:
    """One stack, and what is done to it."""

    s3: FakeS3
    found: Stack
    lock: str | None = None
    backend: str = "file:///state"
    busy: bool = False
    """In the list of stacks, as Pulumi Cloud has it."""
    agrees: bool = False
    ran: list[tuple[str, ...]] = dataclasses.field(default_factory=list)
    said: list[str] = dataclasses.field(default_factory=list)
    asked: list[tuple[Lock, ...]] = dataclasses.field(default_factory=list)

    def pulumi(self, *arguments: str) -> str:
        if arguments == ("whoami", "--json"):
            return json.dumps({"user": "ci", "url": self.backend})
        if arguments == ("stack", "ls", "--json"):
            assert self.backend.startswith("https://"), "a store of one's own would be read whole"
            return json.dumps([{"name": "prod", "updateInProgress": self.busy}, {"name": "dev"}])
        self.ran.append(arguments)
        failed = f"`pulumi {' '.join(arguments)}` failed"
        if arguments[0] == "cancel":
            self.lock, self.busy = None, False
        elif self.lock:
            raise StackError(f"{failed}: {self.lock}")
        elif recover.NO_RESOURCE in arguments:
            assert "--skip-preview" not in arguments, "it would begin an update"
            raise StackError(f"{failed}: no resource named '{recover.NO_RESOURCE}' found")
        return ""

    def ended(self, locks: tuple[Lock, ...]) -> bool:
        self.asked.append(locks)
        return self.agrees

    def recover(self) -> None:
        recover.recover(self.found, self.ended)

    def verbs(self) -> list[str]:
        """`look` is a refresh that only looks at the lock."""
        return ["look" if recover.NO_RESOURCE in arguments else arguments[0] for arguments in self.ran]

    def hold(self, *, pid: int = 1, where: str = "runner-7/boot/pid") -> None:
        holder = Holder(
            id="other",
            who="octocat",
            machine=where,
            pid=pid,
            version="b" * 40,
            environment="prod",
            since="2026-11-23T11:59:58Z",
        )
        self.s3.put_object(Bucket="records", Key=lease.KEY, Body=holder.to_json())


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    s3 = FakeS3()
    monkeypatch.setattr(lease, "wait", functools.partial(lease.wait, sleep=s3.advance))
    found = Stack(name="prod", outputs={}, inputs={"recordsBucket": "records"}, root=ROOT)
    world = World(s3, found)
    monkeypatch.setattr(stack, "pulumi", world.pulumi)
    monkeypatch.setattr(recover, "records_of", lambda _, stored: (s3, stored["recordsBucket"]))
    monkeypatch.setattr(recover, "say", world.said.append)
    return world


def test_nothing_to_do_is_one_line_and_adds_nothing_to_the_history(world: World) -> None:
    world.recover()
    assert world.said == ["prod: nothing to do: no lease, no lock, no pending operation"]
    assert world.verbs() == ["look"]


def test_before_the_first_release_no_bucket_is_asked(world: World) -> None:
    world.found = dataclasses.replace(world.found, inputs=None, root=None)
    world.recover()
    assert "nothing to do" in world.said[0]
    assert world.s3.calls == []


def test_what_was_under_way_before_the_first_update_ended_is_cleared(world: World) -> None:
    operation = Operation(kind="creating", urn=SERVICE, type="aws:ecs/service:Service", in_state=False)
    world.found = dataclasses.replace(world.found, inputs=None, root=None, operations=(operation,))
    world.recover()
    assert world.verbs() == ["look", "refresh"]
    assert "--target" not in world.ran[1]


def test_the_lock_of_a_process_that_is_gone_is_freed(world: World) -> None:
    world.lock = locked(socket.gethostname(), GONE)
    world.recover()
    assert world.verbs() == ["look", "cancel"]
    assert world.ran[1] == ("cancel", "-s", "prod", "--yes")
    assert world.asked == []
    assert world.said[0].startswith("prod: an update was cut short: freeing its lock (ci, process 4194305 on ")
    assert world.said[-1] == "prod is free. To finish what was interrupted:  pulumi up -s prod"


def test_the_lock_of_a_process_that_runs_stays_also_when_asked_to_free_it(world: World) -> None:
    world.lock, world.agrees = locked(socket.gethostname(), os.getpid()), True
    with pytest.raises(VerbError, match=f"under way \\(ci, process {os.getpid()} on .*\n.*kill -INT {os.getpid()}"):
        world.recover()
    assert world.verbs() == ["look"]


@pytest.mark.parametrize(
    ("lock", "busy", "holder"),
    [
        (locked("runner-7", 4711), False, "ci, process 4711 on runner-7"),
        (CLOUD, True, "Pulumi does not say by whom"),
        (None, True, "Pulumi does not say by whom"),
    ],
)
def test_the_lock_of_another_machine_is_freed_only_when_a_person_says_so(
    world: World, lock: str | None, *, busy: bool, holder: str
) -> None:
    world.lock, world.busy = lock, busy
    world.backend = "https://api.pulumi.com" if busy else "s3://state?region=us-west-2"
    with pytest.raises(VerbError) as raised:
        world.recover()
    assert f"prod is locked ({holder}" in str(raised.value)
    assert "python -m release recover -s prod --yes" in str(raised.value)
    assert world.verbs() == ["look"]
    assert len(world.asked) == 1
    world.agrees = True
    world.recover()
    assert world.verbs() == ["look", "look", "cancel"]


def test_a_host_name_like_this_ones_is_no_proof_where_other_machines_use_the_state(world: World) -> None:
    world.lock, world.backend = locked(socket.gethostname(), GONE), "s3://state?region=us-west-2"
    with pytest.raises(VerbError, match="cannot be seen from here"):
        world.recover()
    assert world.verbs() == ["look"]


def test_a_lock_here_and_one_elsewhere_need_a_person(world: World) -> None:
    world.lock = locked(socket.gethostname(), GONE) + "\n  2.json: " + locked("runner-7", 1).rpartition(": ")[2]
    with pytest.raises(VerbError, match="cannot be seen from here"):
        world.recover()


def test_another_failure_of_pulumi_is_its_own(world: World) -> None:
    world.lock = "passphrase must be set"
    with pytest.raises(StackError, match="passphrase"):
        world.recover()
    assert world.verbs() == ["look"]


def test_what_was_under_way_is_cleared_and_named(world: World) -> None:
    world.found = dataclasses.replace(
        world.found,
        operations=(
            Operation(kind="creating", urn=f"{SERVICE}2", type="aws:ecs/service:Service", in_state=False),
            Operation(kind="updating", urn=SERVICE, type="aws:ecs/service:Service", in_state=True),
            Operation(kind="updating", urn=RELEASED, type=RELEASE, in_state=True),
        ),
    )
    world.recover()
    look, refresh = world.ran
    assert recover.NO_RESOURCE in look
    assert refresh[-5:] == ("--target", SERVICE, "--yes", "--skip-preview", "--suppress-progress")
    assert refresh[:5] == ("refresh", "-s", "prod", "--clear-pending-creates", "--run-program=false")
    assert [refresh[at + 1] for at, word in enumerate(refresh) if word == "--target"] == [ROOT, SERVICE]
    cut = "prod: an update was cut short while"
    assert world.said == [
        f"{cut} creating aws:ecs/service:Service backend2: if AWS made it nevertheless, remove it there; "
        "the next update creates it again",
        f"{cut} updating aws:ecs/service:Service backend: its state was read anew",
        f"{cut} updating {RELEASE} release: the next update releases again",
        "prod is free. To finish what was interrupted:  pulumi up -s prod",
    ]


@pytest.mark.parametrize(("named", "variable"), [(True, f"RELEASE_VERSION={'b' * 40} "), (False, "")])
def test_an_interrupted_roll_back_is_taken_up_by_its_version(world: World, *, named: bool, variable: str) -> None:
    """Plain `pulumi up` would release HEAD, which is what was rolled back."""
    world.found = dataclasses.replace(
        world.found,
        inputs={"recordsBucket": "records", "version": "b" * 40, "named": named},
        operations=(Operation(kind="updating", urn=RELEASED, type=RELEASE, in_state=True),),
    )
    world.recover()
    assert world.said[-1].endswith(f"To finish what was interrupted:  {variable}pulumi up -s prod")


def test_the_lease_of_a_process_that_is_gone_is_taken_away(world: World) -> None:
    world.hold(pid=GONE, where=processes.identity())
    world.recover()
    assert world.s3.objects.get(lease.KEY) is None
    assert world.said[0].startswith("prod: removed the stale lease of octocat since 2026-11-23T11:59:58Z")


def test_the_lease_of_another_machine_is_taken_away_when_nobody_renews_it(world: World) -> None:
    world.hold()
    began = world.s3.now
    world.recover()
    assert world.s3.objects.get(lease.KEY) is None
    assert (world.s3.now - began).total_seconds() == lease.TTL_S + 1


def test_while_the_holder_of_the_lease_lives_nothing_is_cleared(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.hold()

    def renewed(seconds: float) -> None:
        world.s3.advance(seconds)
        world.hold(pid=2)

    monkeypatch.setattr(lease, "wait", functools.partial(lease.wait, sleep=renewed))
    world.lock, world.agrees = locked(socket.gethostname(), GONE), True
    with pytest.raises(LeaseHeldError, match="prod is being released by octocat"):
        world.recover()
    assert world.ran == []
    assert world.s3.objects.get(lease.KEY) is not None

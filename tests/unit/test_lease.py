"""One release at a time."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from release import lease, processes
from release.lease import Holder, Lease, LeaseHeldError, LeaseLostError
from tests.unit.fake_s3 import FakeS3

BUCKET = "records"
VERSION = "3f2c1aa0" * 5
OTHER = Holder(
    id="other",
    who="octocat",
    machine="runner-7/boot/pid",
    pid=4711,
    version="9b81e02c" * 5,
    environment="prod",
    since="2026-11-23T11:59:58Z",
)


@pytest.fixture
def s3() -> FakeS3:
    return FakeS3()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture(autouse=True)
def _none_left() -> Iterator[None]:
    yield
    lease.abandon_all()


def acquire(s3: FakeS3, said: list[str] | None = None) -> Lease:
    say = said.append if said is not None else lambda _: None
    return lease.acquire(s3, BUCKET, environment="prod", version=VERSION, who="root@vm", say=say, sleep=s3.advance)


def hold(s3: FakeS3, holder: Holder = OTHER) -> None:
    s3.put_object(Bucket=BUCKET, Key=lease.KEY, Body=holder.to_json())


def stored(s3: FakeS3) -> dict[str, object]:
    return dict(json.loads(s3.objects.get(lease.KEY) or b"{}"))


@pytest.fixture
def gone() -> Holder:
    """A process of this machine that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return dataclasses.replace(OTHER, machine=processes.identity(), pid=process.pid)


def test_who_releases_what_is_there_while_it_is_held_and_nothing_after_it(s3: FakeS3) -> None:
    with acquire(s3) as mine:
        found = lease.look(s3, BUCKET)
        assert found is not None
        assert found.alive
        assert stored(s3) | {"since": ""} == {
            "id": mine.id,
            "who": "root@vm",
            "machine": processes.identity(),
            "pid": os.getpid(),
            "version": VERSION,
            "environment": "prod",
            "since": "",
            "renewals": 0,
            "doing": "being released",
        }
    assert lease.look(s3, BUCKET) is None


def test_it_is_given_back_also_after_a_failure(s3: FakeS3) -> None:
    def fail() -> None:
        with acquire(s3):
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - raised just above
        fail()
    assert lease.look(s3, BUCKET) is None


def test_of_two_at_once_one_gets_it(s3: FakeS3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "HEARTBEAT_S", 0.05)
    outcomes: list[object] = []

    def attempt() -> None:
        try:
            outcomes.append(
                lease.acquire(
                    s3,
                    BUCKET,
                    environment="prod",
                    version=VERSION,
                    who="x",
                    say=lambda _: None,
                    sleep=lambda _: time.sleep(0.1),
                )
            )
        except LeaseHeldError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=attempt) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Lease", *["LeaseHeldError"] * 3]


def test_who_renews_it_is_named_at_once(s3: FakeS3) -> None:
    hold(s3)

    def renewed(seconds: float) -> None:
        s3.advance(seconds)
        hold(s3, dataclasses.replace(OTHER, renewals=1))

    began = s3.now
    with pytest.raises(LeaseHeldError) as raised:
        lease.acquire(s3, BUCKET, environment="prod", version=VERSION, who="x", say=lambda _: None, sleep=renewed)
    assert (s3.now - began).total_seconds() == 1
    message = str(raised.value)
    assert message.startswith("prod is being released by octocat since 2026-11-23T11:59:58Z (version 9b81e02c9b81,")
    assert "process 4711 on runner-7" in message
    assert "wait until that has ended, or cancel it there" in message
    assert stored(s3)["id"] == "other"


def test_one_that_nobody_renews_is_taken_over_after_its_time_and_not_before(s3: FakeS3, said: list[str]) -> None:
    hold(s3)
    began = s3.now
    with acquire(s3, said) as mine:
        assert stored(s3)["id"] == mine.id
    assert (s3.now - began).total_seconds() == lease.TTL_S + 1
    assert "seeing whether it lives (30 s at most)" in said[0]
    assert "taking over the lease of octocat" in said[1]


def test_an_old_one_is_taken_over_without_waiting(s3: FakeS3) -> None:
    hold(s3)
    s3.advance(3600)
    began = s3.now
    with acquire(s3):
        assert s3.now == began


def test_one_of_a_process_of_this_machine_that_is_gone_is_taken_over_at_once(s3: FakeS3, gone: Holder) -> None:
    hold(s3, gone)
    began = s3.now
    with acquire(s3):
        assert s3.now == began


def test_one_of_the_same_process_number_on_another_machine_is_not(s3: FakeS3, gone: Holder) -> None:
    hold(s3, dataclasses.replace(gone, machine=gone.machine + "-rebooted"))
    found = lease.look(s3, BUCKET)
    assert found is not None
    assert found.alive


def test_of_two_that_take_over_one_wins(s3: FakeS3, gone: Holder, monkeypatch: pytest.MonkeyPatch) -> None:
    hold(s3, gone)
    put = FakeS3.put_object
    rival = dataclasses.replace(OTHER, id="rival")

    def late(self: FakeS3, **arguments: Any) -> Any:
        if "IfMatch" in arguments:
            monkeypatch.setattr(FakeS3, "put_object", put)
            hold(s3, rival)
        return put(self, **arguments)

    def renewed(seconds: float) -> None:
        s3.advance(seconds)
        hold(s3, dataclasses.replace(rival, renewals=1))

    monkeypatch.setattr(FakeS3, "put_object", late)
    with pytest.raises(LeaseHeldError):
        lease.acquire(s3, BUCKET, environment="prod", version=VERSION, who="x", say=lambda _: None, sleep=renewed)
    assert stored(s3)["id"] == "rival"


def test_a_write_whose_answer_was_lost_and_that_boto3_repeats_is_ours(
    s3: FakeS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = FakeS3.put_object

    def twice(self: FakeS3, **arguments: Any) -> Any:
        put(self, **arguments)
        return put(self, **arguments)

    monkeypatch.setattr(FakeS3, "put_object", twice)
    began = s3.now
    with acquire(s3) as mine:
        assert s3.now == began, "it does not wait for itself"
        mine.renew()
        mine.check()
        assert stored(s3)["renewals"] == 1
        mine.renew()
        assert stored(s3)["renewals"] == 2
    assert lease.look(s3, BUCKET) is None


def test_renewing_keeps_it_young(s3: FakeS3) -> None:
    with acquire(s3) as mine:
        s3.advance(29)
        mine.renew()
        s3.advance(29)
        found = lease.look(s3, BUCKET)
        assert found is not None
        assert (found.alive, found.age_s) == (True, 29)
        s3.advance(2)
        found = lease.look(s3, BUCKET)
        assert found is not None
        assert not found.alive


def test_the_heartbeat_renews_and_survives_errors(s3: FakeS3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "HEARTBEAT_S", 0.02)
    monkeypatch.setattr(lease, "POLL_S", 0.02)
    with acquire(s3) as mine:
        s3.fail("PutObject", 2)
        s3.fail("PutObject", afterwards=True)
        until = time.monotonic() + 5
        while int(str(stored(s3)["renewals"])) < 3 and time.monotonic() < until:
            time.sleep(0.01)
        assert int(str(stored(s3)["renewals"])) >= 3
        mine.check()


def test_who_finds_another_holder_has_lost_it(s3: FakeS3) -> None:
    with acquire(s3) as mine:
        hold(s3)
        mine.renew()
        with pytest.raises(LeaseLostError, match=r"the lease on prod is lost: octocat since .* has it\. Nothing more"):
            mine.check()
    assert stored(s3)["id"] == "other"


def test_who_finds_none_has_lost_it(s3: FakeS3) -> None:
    with acquire(s3) as mine:
        s3.delete_object(Bucket=BUCKET, Key=lease.KEY)
        mine.renew()
        with pytest.raises(LeaseLostError, match="somebody took it away"):
            mine.check()
    assert lease.look(s3, BUCKET) is None


def test_who_could_not_renew_it_for_its_time_has_lost_it(s3: FakeS3, monkeypatch: pytest.MonkeyPatch) -> None:
    with acquire(s3) as mine:
        clock = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: clock + lease.TTL_S - 1)
        mine.check()
        monkeypatch.setattr(time, "monotonic", lambda: clock + lease.TTL_S + 1)
        with pytest.raises(LeaseLostError, match="could not be renewed for 31 s, and is free after 30"):
            mine.check()
        monkeypatch.undo()
        with pytest.raises(LeaseLostError):
            mine.check()


def test_giving_it_back_never_fails(s3: FakeS3, said: list[str]) -> None:
    mine = acquire(s3, said)
    s3.fail("DeleteObject")
    mine.release()
    assert "the lease is free in 30 s, not at once" in said[-1]
    mine.release()
    assert lease.look(s3, BUCKET) is None


def test_all_are_given_back_when_the_process_ends(s3: FakeS3) -> None:
    acquire(s3)
    began = time.monotonic()
    lease.abandon_all()
    assert lease.look(s3, BUCKET) is None
    assert time.monotonic() - began < lease.ABANDON_S


def test_the_end_does_not_wait_for_a_call_that_hangs(s3: FakeS3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "ABANDON_S", 0.2)
    acquire(s3)
    with s3._lock:
        began = time.monotonic()
        lease.abandon_all()
        assert 0.2 <= time.monotonic() - began < 1


def test_only_a_dead_one_is_taken_away(s3: FakeS3, gone: Holder) -> None:
    hold(s3)
    held = lease.look(s3, BUCKET)
    assert held is not None
    with pytest.raises(LeaseHeldError):
        lease.take_away(s3, BUCKET, held)
    hold(s3, gone)
    held = lease.look(s3, BUCKET)
    assert held is not None
    lease.take_away(s3, BUCKET, held)
    assert lease.look(s3, BUCKET) is None
    lease.take_away(s3, BUCKET, held)


def test_one_that_was_taken_over_meanwhile_is_not_taken_away(s3: FakeS3, gone: Holder) -> None:
    hold(s3, gone)
    held = lease.look(s3, BUCKET)
    assert held is not None
    hold(s3)
    with pytest.raises(LeaseHeldError, match="released by octocat"):
        lease.take_away(s3, BUCKET, held)
    assert stored(s3)["id"] == "other"


@pytest.mark.parametrize("body", [b"", b"[]", b'{"id": 5, "pid": "x"}', b"\xff"])
def test_what_is_no_lease_ends_like_one(s3: FakeS3, body: bytes) -> None:
    s3.put_object(Bucket=BUCKET, Key=lease.KEY, Body=body)
    with acquire(s3) as mine:
        assert stored(s3)["id"] == mine.id


def test_a_process_that_ended_and_was_not_waited_for_does_not_run() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert processes.runs(process.pid)
    process.kill()
    until = time.monotonic() + 5
    while processes.runs(process.pid) and time.monotonic() < until:
        time.sleep(0.01)
    assert not processes.runs(process.pid)
    process.communicate()
    assert not processes.runs(process.pid)
    assert not processes.runs(0)

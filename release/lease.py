"""One release at a time: a lease on the environment, which is an object in its records bucket.

It is made, renewed and taken over by conditional writes, of which S3 lets one win. The holder writes it anew every few
seconds; its age is the difference between S3's own clock and the object's time, so no clock of ours matters. What is
not renewed for `TTL_S` is free. https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html
"""

from __future__ import annotations

import dataclasses
import json
import os
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from functions import strict_json
from functions.aws_errors import code, is_missing
from functions.strict_json import DamagedError
from release import objects, processes
from release.progress import Say
from release.version import short
from settings.errors import ExpectedError

KEY: Final = "lease.json"
TTL_S: Final = 30.0
"""Seconds after the last renewal for which a lease holds. The deploy function has the same number."""
HEARTBEAT_S: Final = 5.0
"""Seconds between renewals."""
POLL_S: Final = 1.0
"""Seconds between looks at a lease that may be a dead one, and between attempts of a renewal that failed."""
ABANDON_S: Final = 1.0
"""Seconds that giving the lease back may take when the engine is gone."""
RELEASE: Final = "being released"
ONE_OFF: Final = "kept for a one-off task"


class LeaseError(ExpectedError):
    """The environment is not ours to change. The message says whose it is and what to do."""


class LeaseHeldError(LeaseError):
    """Somebody else releases this environment."""


class LeaseLostError(LeaseError):
    """The lease was ours and is no more."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Holder:
    """Who releases what, as the object has it."""

    id: str
    who: str
    machine: str
    pid: int
    version: str
    environment: str
    since: str
    """ISO 8601 in UTC, by the holder's clock."""
    renewals: int = 0
    doing: str = RELEASE
    """What becomes of the environment meanwhile; one of an earlier program does not say, and releases."""

    def to_json(self) -> bytes:
        return json.dumps(strict_json.fields(self), indent=2).encode()

    def __str__(self) -> str:
        where = f"process {self.pid} on {processes.host(self.machine)}"
        return f"{self.who} since {self.since} (version {short(self.version)}, {where})"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Held:
    """A lease that is there, and its age by S3's clock."""

    holder: Holder
    etag: str
    age_s: float

    @property
    def orphan(self) -> bool:
        """Whether its holder was a process of this machine, and is gone."""
        return self.holder.machine == processes.identity() and not processes.runs(self.holder.pid)

    @property
    def alive(self) -> bool:
        """Whether it still keeps others out."""
        return self.age_s <= TTL_S and not self.orphan


class Lease:
    """A lease that is ours, renewed by a thread until it is released or lost. A context manager."""

    def __init__(self, s3: Any, bucket: str, holder: Holder, etag: str, *, renewed: float, say: Say) -> None:
        """`renewed` is the time, of `time.monotonic`, at which its last write began. `acquire` makes these."""
        self.id = holder.id
        self._s3, self._bucket, self._say = s3, bucket, say
        self._holder, self._etag, self._renewed = holder, etag, renewed
        self._lost: str | None = None
        self._writing = threading.Lock()
        self._stop = threading.Event()
        threading.Thread(target=self._renew_until_stopped, name="lease", daemon=True).start()
        _held_here.add(self)

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def check(self) -> None:
        """Raise LeaseLostError when this environment may be somebody else's by now."""
        silent = time.monotonic() - self._renewed
        if self._lost is None and silent > TTL_S:
            self._lost = f"it could not be renewed for {silent:.0f} s, and is free after {TTL_S:.0f}"
        if self._lost is not None:
            environment = self._holder.environment
            raise LeaseLostError(
                f"the lease on {environment} is lost: {self._lost}. Nothing more is changed by this run; "
                f"see what runs (python -m release status -s {environment}), then release again"
            )

    def renew(self) -> None:
        """Write the lease anew. The heartbeat does this; an error of S3 is raised, a lost lease only noted."""
        with self._writing:
            if self._lost is not None or self._stop.is_set():
                return
            began = time.monotonic()
            holder = dataclasses.replace(self._holder, renewals=self._holder.renewals + 1)
            etag = _put(self._s3, self._bucket, holder, IfMatch=self._etag)
            if etag is None:
                # A write that arrived and whose answer did not is repeated by the client, and fails on itself.
                held = look(self._s3, self._bucket)
                if held is None or held.holder.id != self.id:
                    self._lost = f"{held.holder} has it" if held else "somebody took it away"
                    return
                etag, holder = held.etag, held.holder
            self._holder, self._etag, self._renewed = holder, etag, began

    def release(self) -> None:
        """Give the lease back. Never raises: what cannot be deleted is free after `TTL_S`."""
        self._stop.set()
        _held_here.discard(self)
        try:
            with self._writing:
                if self._lost is None and not _delete(self._s3, self._bucket, self._etag):
                    held = look(self._s3, self._bucket)
                    if held is not None and held.holder.id == self.id:
                        _delete(self._s3, self._bucket, held.etag)
        except (BotoCoreError, ClientError) as error:
            self._say(f"{self._holder.environment}: the lease is free in {TTL_S:.0f} s, not at once ({error})")

    def _renew_until_stopped(self) -> None:
        pause = HEARTBEAT_S
        while not self._stop.wait(pause) and self._lost is None:
            try:
                self.renew()
                pause = HEARTBEAT_S
            except (BotoCoreError, ClientError):
                pause = POLL_S


_held_here: set[Lease] = set()


def acquire(
    s3: Any,
    bucket: str,
    *,
    environment: str,
    version: str,
    who: str,
    say: Say,
    doing: str = RELEASE,
    sleep: Callable[[float], None] = time.sleep,
) -> Lease:
    """Take the lease on `environment`.

    One that its holder left behind is taken over: at once when that was a process of this machine, else when it is
    older than `TTL_S`. Raises LeaseHeldError as soon as its holder shows that it lives.
    """
    holder = Holder(
        id=uuid.uuid4().hex,
        who=who,
        machine=processes.identity(),
        pid=os.getpid(),
        version=version,
        environment=environment,
        since=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        doing=doing,
    )
    condition = {"IfNoneMatch": "*"}
    while True:
        began = time.monotonic()
        etag = _put(s3, bucket, holder, **condition)
        # A write that arrived and whose answer did not is repeated by the client, and fails on itself.
        held = None if etag else look(s3, bucket)
        if held is not None and held.holder.id == holder.id:
            etag = held.etag
        if etag:
            return Lease(s3, bucket, holder, etag, renewed=began, say=say)
        held = wait(s3, bucket, say=say, sleep=sleep)
        condition = {"IfMatch": held.etag} if held else {"IfNoneMatch": "*"}
        if held:
            say(f"{environment}: taking over the lease of {held.holder}, which ended without giving it back")


def wait(s3: Any, bucket: str, *, say: Say, sleep: Callable[[float], None] = time.sleep) -> Held | None:
    """The lease that a dead holder left, once that is certain; None when there is none (any more).

    Raises LeaseHeldError as soon as its holder shows that it lives.
    """
    first = held = look(s3, bucket)
    if held is not None and held.alive:
        left = max(TTL_S - held.age_s, 0)
        say(f"{held.holder.environment}: {held.holder} has the lease; seeing whether it lives ({left:.0f} s at most)")
    while held is not None and held.alive:
        sleep(POLL_S)
        held = look(s3, bucket)
        if first is not None and held is not None and held.etag != first.etag:
            raise LeaseHeldError(_held(held.holder))
    return held


def abandon_all() -> None:
    """Give all leases of this process back, as its last act: in `ABANDON_S`, or they are free after `TTL_S`."""
    threads = [threading.Thread(target=held.release, daemon=True) for held in tuple(_held_here)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + ABANDON_S
    for thread in threads:
        thread.join(max(end - time.monotonic(), 0))


def look(s3: Any, bucket: str) -> Held | None:
    """The lease that is there, of a living holder or a dead one; None when there is none, or no bucket any more."""
    try:
        answer, body = objects.read(s3, bucket, KEY)
    except ClientError as error:
        if is_missing(error) or code(error) == "NoSuchBucket":
            return None
        raise
    modified = answer["LastModified"]
    stamped = (answer.get("ResponseMetadata") or {}).get("HTTPHeaders", {}).get("date")
    now = parsedate_to_datetime(stamped) if stamped else datetime.now(UTC)
    return Held(holder=_holder(bucket, body), etag=answer["ETag"], age_s=max((now - modified).total_seconds(), 0.0))


def take_away(s3: Any, bucket: str, held: Held) -> None:
    """Remove a lease that keeps nobody out any more. Raises LeaseHeldError when it does, or was renewed meanwhile."""
    if held.alive or not _delete(s3, bucket, held.etag):
        current = look(s3, bucket)
        if current is not None:
            raise LeaseHeldError(_held(current.holder))


def _held(holder: Holder) -> str:
    return (
        f"{holder.environment} is {holder.doing} by {holder}: wait until that has ended, or cancel it there. "
        f"One that was killed frees it within {TTL_S:.0f} s"
    )


def _holder(bucket: str, body: bytes) -> Holder:
    """The holder in the object. Anything else counts as a lease that nobody renews."""
    try:
        return strict_json.read(Holder, strict_json.decode(body))
    except DamagedError:
        who = f"somebody whom s3://{bucket}/{KEY} does not name"
        return Holder(
            id="", who=who, machine="unknown", pid=0, version="unknown", environment="unknown", since="unknown"
        )


def _put(s3: Any, bucket: str, holder: Holder, **condition: str) -> str | None:
    """Write under a condition; the new ETag, or None when the condition does not hold."""
    try:
        answer = s3.put_object(
            Bucket=bucket, Key=KEY, Body=holder.to_json(), ContentType="application/json", **condition
        )
    except ClientError as error:
        if _refused(error):
            return None
        raise
    return str(answer["ETag"])


def _delete(s3: Any, bucket: str, etag: str) -> bool:
    """Delete this very lease; False when it is another one by now, or none."""
    try:
        s3.delete_object(Bucket=bucket, Key=KEY, IfMatch=etag)
    except ClientError as error:
        if _refused(error):
            return False
        raise
    return True


def _refused(error: ClientError) -> bool:
    """Whether a condition did not hold: 412, 404 without an object, 409 while another write is under way."""
    return objects.condition_failed(error) or code(error) in objects.CONFLICTS

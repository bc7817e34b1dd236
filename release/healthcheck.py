"""The health gate: a version is proven when its health check passes several times in a row, for everyone.

Each probe is a connection of its own through the public address, and its answer comes from the service, not a cache.
One miss and the count begins again.
"""

from __future__ import annotations

import math
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from release import health_answer, http, progress, version
from release.health_answer import AnswerForm
from release.progress import Say
from release.tasks import HEADER, Tasks

UNKNOWN_NAME_S = 30.0
"""So long a name may be missing in DNS: that of a new distribution, or a new record, may take seconds to appear."""
NOT_COMPARED = "answers 200; which version answered was not compared"
"""What a proof by the status code alone is called."""


class NotProven(Exception):  # noqa: N818 - a finding, not an error of the program
    """The gate's deadline passed; the message has the reason of the last miss."""

    def __init__(self, message: str, version: str | None = None) -> None:
        super().__init__(message)
        self.version = version
        """The version that the last miss names; None where it names none."""


class Disproven(NotProven):
    """A task of the release answered visitors, and its answer says that it is not the version, or fails."""


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """What must be proven, and how patiently. Raises ValueError naming the field that is wrong."""

    url: str
    """The health check itself, for example https://example.com/api/v1/healthcheck."""
    version: str
    """What must answer, in full: see `release.version`."""
    connect_to: str | None = None
    """`host:port` to connect to in place of the URL's host, whose name stays in the request and the certificate."""
    probe_secret: str | None = field(default=None, repr=False)
    """Sent as the header by which a firewall lets probes in."""
    passes: int = 3
    """Passes in a row that prove the version."""
    interval_s: float = 1.0
    """Seconds from the end of one probe to the next."""
    deadline_s: float = 120.0
    """Seconds after which no further probe begins. The last one has its full `timeout_s`: cut short, it would only hide
    the reason of the misses before."""
    timeout_s: float = 5.0
    """Seconds that one answer may take."""
    require_live_timestamp: bool = False
    """Whether `timestamp` must be the time of the answer. Off: services may stamp it when they are built."""
    max_skew_s: float = 60.0
    """Seconds that a live timestamp may be away from this machine's clock."""
    form: AnswerForm = field(default_factory=AnswerForm)
    """How the service writes its answer."""
    at_deadline: str = "gives up"
    """What happens at the deadline, for the lines that count down to it."""

    def __post_init__(self) -> None:
        http.check_url(self.url)
        if not version.is_full(self.version):
            raise ValueError(f"version must be {version.FORM}, not {self.version!r}")
        if self.connect_to is not None:
            http.Address.parse(self.connect_to)
        if self.passes < 1:
            raise ValueError(f"passes must be at least 1, not {self.passes}")
        for name in ("interval_s", "deadline_s", "timeout_s", "max_skew_s"):
            value = getattr(self, name)
            if not math.isfinite(value) or value < 0 or (value == 0 and name != "interval_s"):
                least = "0 or more" if name == "interval_s" else "more than 0"
                raise ValueError(f"{name} must be {least} seconds, not {value:g}")
        if self.form.status_code_only and self.require_live_timestamp:
            raise ValueError("require_live_timestamp judges what the answer says, which status_code_only does not read")


@dataclass(frozen=True, kw_only=True)
class Proof:
    """The version answered, `passes` times in a row; without `version_compared`, some version did."""

    verified_at: str
    """ISO 8601, UTC."""
    passes: int
    last: dict[str, Any]
    """The last answer, as the service gave it."""
    tasks: tuple[str, ...] = ()
    """Ids of the tasks that gave the passing answers, as far as they said it."""
    version_compared: bool = True
    """Whether the answers named the version. False: they had status 200, and no more was asked for."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    body: dict[str, Any]
    """Empty where no JSON object came."""
    version: str | None = None
    """The version that it names; None where it names none."""
    miss: str | None
    """Why it does not prove the version; None if it does."""
    task: str | None = None
    """Id of the task that answered; None where the answer does not say."""
    disproves: bool = False
    """The task is of the release, and says that it is another version or fails: asking again would change nothing."""


def prove(check: HealthCheck, say: Say, tasks: Tasks | None = None) -> Proof:
    """Probe until the version is proven, telling `say` what changes; raise NotProven at the deadline.

    An answer by one of `tasks` that disproves the version raises Disproven at once: visitors get such answers, too.
    A name that does not exist has 30 s to appear, and no longer. With `tasks`, an answer that says it is by another
    task is a miss, and where it is not known whose the answers are, that is said.
    """
    began = time.monotonic()
    passes: list[Answer] = []
    probes, miss, missed, unknown_since = 0, "", None, None
    news = progress.Changes(say)
    while True:
        probes += 1
        deadline_s, advice = check.deadline_s, ""
        try:
            answer = _ask(check, tasks)
            unknown_since = None
        except http.HttpError as error:
            answer = Answer(body={}, miss=str(error))
            unknown = isinstance(error, http.UnknownNameError)
            unknown_since = (unknown_since or time.monotonic()) if unknown else None
            if unknown_since is not None:
                deadline_s = min(deadline_s, unknown_since - began + UNKNOWN_NAME_S)
                advice = "; make its DNS record, or connect to another address (connectTo of the site, --connect-to)"
        left_s = began + deadline_s - time.monotonic()
        if answer.disproves:
            raise _disproof(check, answer)
        if answer.miss is None:
            passes.append(answer)
            who = "with status 200" if check.form.status_code_only else f"by {version.short(check.version)}"
            news(f"{len(passes)} of {check.passes} passes {who}")
            if len(passes) >= check.passes:
                if tasks is not None and (doubt := _doubt(passes, tasks)):
                    progress.kept(say, doubt)
                if check.form.status_code_only:
                    progress.kept(say, NOT_COMPARED)
                return Proof(
                    verified_at=_now().strftime("%Y-%m-%dT%H:%M:%SZ"),
                    passes=len(passes),
                    last=answer.body,
                    tasks=tuple(dict.fromkeys(answer.task for answer in passes if answer.task)),
                    version_compared=not check.form.status_code_only,
                )
        else:
            news(f"0 of {check.passes} passes: {answer.miss}", f"; {check.at_deadline} in {max(left_s, 0):.0f} s")
            passes, miss, missed = [], answer.miss + advice, answer.version
        if left_s <= check.interval_s:
            why = miss
            if passes:
                before = f"; the last miss before them: {miss}" if miss else ""
                why = f"only {len(passes)} of {check.passes} passes in a row before the deadline{before}"
            waited = f"{round(deadline_s, 1):g} s and {probes} probes"
            raise NotProven(f"{version.short(check.version)} at {check.url} in {waited}: {why}", missed)
        time.sleep(check.interval_s)


def disprove(check: HealthCheck, tasks: Tasks) -> None:
    """Ask once, while `tasks` start beside others. Raises Disproven; any other answer decides nothing yet."""
    answer = probe(check, tasks)
    if answer.disproves:
        raise _disproof(check, answer)


def _disproof(check: HealthCheck, answer: Answer) -> Disproven:
    by = f"answered by task {answer.task} of this release"
    return Disproven(f"{version.short(check.version)} at {check.url}: {answer.miss}, {by}")


def _doubt(passes: list[Answer], tasks: Tasks) -> str:
    """Why it is not known that the tasks of this release answered; empty where it is. Pure."""
    if not all(answer.task for answer in passes):
        return f"which task answered is not known: the health check sends no header {HEADER}"
    return f"whether the tasks of this release answered is not known: {tasks.unknown}" if tasks.unknown else ""


def miss_of(check: HealthCheck, response: http.Response, now: datetime) -> str | None:
    """Why this answer does not prove the version, None if it does. Pure."""
    max_skew_s = check.max_skew_s if check.require_live_timestamp else None
    return health_answer.miss(check.form, response, version=check.version, now=now, max_skew_s=max_skew_s)


def probe(check: HealthCheck, tasks: Tasks | None = None) -> Answer:
    """Ask once. With `tasks`, an answer that says it is by another task is a miss."""
    try:
        return _ask(check, tasks)
    except http.HttpError as error:
        return Answer(body={}, miss=str(error))


def _ask(check: HealthCheck, tasks: Tasks | None) -> Answer:
    separator = "&" if "?" in check.url else "?"
    response = http.get(
        f"{check.url}{separator}probe={uuid.uuid4().hex}",
        connect_to=check.connect_to,
        timeout_s=check.timeout_s,
        headers={"Accept": "*/*" if check.form.status_code_only else "application/json", "Cache-Control": "no-cache"},
        probe_secret=check.probe_secret,
    )
    sent = response.headers.get(HEADER.lower())
    task = health_answer.shown(sent) if sent else None
    miss = miss_of(check, response, _now())
    if miss is None and task is not None and tasks is not None:
        miss = tasks.miss(task)
    body = health_answer.json_object(response.body) or {}
    is_own = tasks is not None and task in tasks.ids
    return Answer(
        body=body,
        version=check.form.version(body),
        miss=miss,
        task=task,
        disproves=is_own and health_answer.disproves(check.form, response, check.version),
    )


def _now() -> datetime:
    return datetime.now(UTC)

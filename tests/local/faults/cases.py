"""The failures that must come out right: what is done to a release, and what it must come to.

Those that are more than one release with faults (two at once, no network, a restarted emulator, settings) are in
`scenarios.py`; killing at any request is in `test_killed.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.local.faults.calls import Call
from tests.local.faults.proxy import Answer, Fault, On, Rule, cut, delay, lose, status, throttle

Outcome = Literal["proven", "refused", "undone", "failed"]
"""refused: nothing that serves was changed. undone: what ran before runs, and is proven. failed: neither; the next run
must converge."""
Side = Literal["old", "new"]

DEPLOY, STATUS = On(service="lambda", operation="Invoke.deploy"), On(service="lambda", operation="Invoke.status")
LAMBDA, ECS, S3 = On(service="lambda"), On(service="ecs"), On(service="s3")
NO_SECRET = "arn:aws:secretsmanager:us-west-2:000000000000:secret:easi/nowhere-AbCdEf"
NO_DIGEST = "sha256:" + "0" * 64
NOTHING_CHANGED = "nothing that serves was changed"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One release, what goes wrong with it, and how that must end."""

    name: str
    about: str
    """For the page: what goes wrong."""
    expect: Outcome
    says: tuple[str, ...] = ()
    """Patterns that what it tells people must have."""
    serves: Side = "old"
    """What answers afterwards: backend and site."""
    mode: str = "good"
    """Of the new image."""
    digest: str | None = None
    """Another image than that."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Of the new task definition: variable to ARN."""
    migration: tuple[str, ...] = ()
    files: str = "page"
    """Which frontend: a key of `sites.VARIANTS`."""
    faults: tuple[Rule, ...] = ()
    """Between the release and AWS."""
    function_faults: tuple[Rule, ...] = ()
    """Between the deploy function and AWS."""
    function_timeout_s: int | None = None
    """Of the deploy function, where it is not its own."""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    """Inputs of the release that differ."""
    unsettled: bool = False
    """Whether `unsettled.json` must be there afterwards: the next release has to settle it."""
    fast: bool = False
    """Also in a plain `make test`."""

    def __str__(self) -> str:
        return self.name


def function_error(kind: str, message: str) -> Fault:
    """The function itself failed, as Lambda tells it."""
    body = json.dumps({"errorType": kind, "errorMessage": message}).encode()
    headers = (("Content-Type", "application/json"), ("X-Amz-Function-Error", "Unhandled"))

    def fault(_call: Call, _answer: Answer | None) -> Answer:
        return Answer(status=200, headers=headers, body=body)

    return fault


class Stale:
    """An edge of the CDN that keeps the first answer it gave for each path."""

    def __init__(self) -> None:
        self.kept: dict[str, Answer] = {}

    def __call__(self, call: Call, answer: Answer | None) -> Answer | None:
        return self.kept.setdefault(call.key, answer) if answer else None


def stale(times: int | None = None) -> tuple[Rule, ...]:
    """The CDN goes on with the page that it had, for so many questions. A visitor has to ask before the release."""
    edge = Stale()
    return tuple(
        Rule(on=On(service="cdn", key=path), fault=edge, after=True, times=times) for path in ("/version.json", "/")
    )


TIMED_OUT = function_error("Sandbox.Timedout", "RequestId: 1 Error: Task timed out after 60.00 seconds")
BROKEN_IMAGES = (
    Case(
        name="image crashes at once",
        about="the new image ends with exit code 3 as soon as it starts",
        mode="crash",
        expect="undone",
        says=("container easi-dev: exit code 3",),
        fast=True,
    ),
    Case(
        name="image panics",
        about="the new image panics with a password, and prints the stacks of 300 goroutines after it",
        mode="panics",
        expect="undone",
        says=(
            "container easi-dev: exit code 2",
            r"panic: cannot reach the database: postgres://easi:\[hidden\]@db\.internal:5432/easi",
            "whole log: aws logs filter-log-events ",
        ),
    ),
    Case(
        name="image crashes after 4 s",
        about="the new image works for 4 s, then ends with exit code 4",
        mode="crash-late",
        expect="undone",
        says=("container easi-dev: exit code 4",),
    ),
    Case(
        name="image never listens",
        about="the new image runs and opens no port",
        mode="silent",
        expect="undone",
        says=("health",),
    ),
    Case(
        name="image answers 500",
        about="the new image answers every request with 500",
        mode="broken",
        expect="undone",
        says=("500|[Hh]ealth check",),
    ),
    Case(
        name="image answers another version",
        about="the health check passes, of another version than was released",
        mode="other",
        expect="undone",
        says=("0123456",),
    ),
    Case(
        name="image answers status fail",
        about="the health check answers 200 with status fail",
        mode="fail",
        expect="undone",
        says=("status is fail, expected pass",),
    ),
    Case(
        name="image is right once in three",
        about="two of three answers of the health check are 503",
        mode="sometimes",
        expect="undone",
        says=("503",),
    ),
)
NOT_STARTED = (
    Case(
        name="image digest does not exist",
        about="nobody pushed the digest that is to be released",
        digest=NO_DIGEST,
        expect="refused",
        says=("sha256:0000000",),
        fast=True,
    ),
    Case(
        name="secret does not exist",
        about="the task definition names a secret that is not there",
        secrets={"DATABASE_URL": NO_SECRET},
        expect="refused",
        says=("easi/nowhere",),
        fast=True,
    ),
    Case(
        name="digest and secret do not exist",
        about="both: all that is missing is said at once",
        digest=NO_DIGEST,
        secrets={"DATABASE_URL": NO_SECRET},
        expect="refused",
        says=("sha256:0000000", "easi/nowhere"),
    ),
    Case(
        name="migration fails",
        about="the migration ends with exit code 3",
        migration=("migrate-fail",),
        expect="failed",
        says=(NOTHING_CHANGED, "exit code 3", "relation systems does not exist"),
        fast=True,
    ),
    Case(
        name="migration hangs",
        about="the migration waits for a lock for ever; its timeout is 8 s",
        migration=("migrate-hang",),
        inputs={"migration": {"command": ["migrate-hang"], "timeout": 8}},
        expect="failed",
        says=(
            NOTHING_CHANGED,
            "did not end within 8 s",
        ),
    ),
    Case(
        name="migration succeeds",
        about="for comparison: nothing goes wrong",
        migration=("migrate",),
        expect="proven",
        serves="new",
    ),
)
FUNCTION = (
    Case(
        name="Lambda throttled for a while",
        about="after the first, five invocations in a row get TooManyRequestsException",
        faults=(Rule(on=LAMBDA, fault=throttle(), times=5, skip=1),),
        expect="proven",
        serves="new",
        says=("TooManyRequestsException",),
    ),
    Case(
        name="Lambda throttles every deploy",
        about="no deploy comes through within the deadline of 15 s",
        faults=(Rule(on=DEPLOY, fault=throttle()),),
        inputs={"rolloutDeadline": 15},
        expect="undone",
        says=("TooManyRequestsException",),
    ),
    Case(
        name="Lambda times out after it deployed",
        about="the deploy is carried out, and its answer is that the function timed out",
        faults=(Rule(on=DEPLOY, fault=TIMED_OUT, times=1, after=True),),
        expect="proven",
        serves="new",
        says=("timed out",),
        fast=True,
    ),
    Case(
        name="Lambda times out for real",
        about="the function is ended after 3 s, because ECS takes 5 s to accept the deployment",
        function_faults=(Rule(on=On(service="ecs", operation="UpdateService"), fault=delay(5), times=1, after=True),),
        function_timeout_s=3,
        expect="proven",
        serves="new",
    ),
    Case(
        name="Lambda raises",
        about="the function may not update the service",
        function_faults=(
            Rule(
                on=On(service="ecs", operation="UpdateService"),
                fault=status(400, "AccessDeniedException", "not authorized to perform: ecs:UpdateService"),
                times=1,
            ),
        ),
        expect="undone",
        says=("AccessDeniedException",),
    ),
    Case(
        name="answer of the deploy lost",
        about="the deploy is carried out, and the connection is reset before its answer",
        faults=(Rule(on=DEPLOY, fault=lose, times=1, after=True),),
        expect="proven",
        serves="new",
    ),
    Case(
        name="answer of a status cut short",
        about="half of two answers, one ending with a reset, one as if that were all",
        faults=(
            Rule(on=STATUS, fault=cut(reset=True), times=1, skip=1, after=True),
            Rule(on=STATUS, fault=cut(reset=False), times=1, skip=3, after=True),
        ),
        expect="proven",
        serves="new",
    ),
    Case(
        name="ECS throttled for a while",
        about="after four, the function's next twelve calls of ECS get ThrottlingException",
        function_faults=(Rule(on=ECS, fault=throttle(), times=12, skip=4),),
        expect="proven",
        serves="new",
        says=("ThrottlingException",),
    ),
    Case(
        name="ECS throttles every UpdateService",
        about="no deployment can be started within the deadline of 15 s",
        function_faults=(Rule(on=On(service="ecs", operation="UpdateService"), fault=throttle()),),
        inputs={"rolloutDeadline": 15},
        expect="undone",
        says=("ThrottlingException",),
    ),
)
STORAGE = (
    Case(
        name="S3 answers 500 now and then",
        about="every kind of write and read fails twice with InternalError",
        faults=tuple(
            Rule(on=On(service="s3", operation=operation), fault=status(500, "InternalError"), times=2, skip=1)
            for operation in ("PutObject", "GetObject", "HeadObject", "CopyObject", "ListObjects", "DeleteObject")
        ),
        expect="proven",
        serves="new",
        fast=True,
    ),
    Case(
        name="S3 resets in mid-release",
        about="connections are reset before and after uploads and copies, and in the middle of reads",
        faults=(
            Rule(on=On(service="s3", operation="PutObject"), fault=lose, times=2, skip=2),
            Rule(on=On(service="s3", operation="PutObject"), fault=lose, times=2, skip=6, after=True),
            Rule(on=On(service="s3", operation="CopyObject"), fault=lose, times=2, after=True),
            Rule(on=On(service="s3", operation="GetObject"), fault=cut(reset=True), times=1, skip=2, after=True),
            Rule(on=On(service="s3", operation="GetObject"), fault=cut(reset=False), times=1, skip=4, after=True),
        ),
        expect="proven",
        serves="new",
    ),
    Case(
        name="S3 refuses to stage",
        about="no file can be uploaded to the site",
        faults=(Rule(on=On(service="s3", operation="PutObject", key="assets/*"), fault=status(500, "InternalError")),),
        expect="failed",
        says=(
            NOTHING_CHANGED,
            "InternalError|500",
        ),
    ),
    Case(
        name="S3 fails in the middle of the switch",
        about="version.json cannot be switched; the backend is new by then",
        faults=(
            Rule(
                on=On(service="s3", operation="CopyObject", key="version.json"),
                fault=status(500, "InternalError"),
                times=5,
            ),
        ),
        expect="undone",
        says=("version.json",),
    ),
    Case(
        name="CloudFront throttles invalidations",
        about="the first two invalidations get Throttling",
        faults=(Rule(on=On(service="cloudfront"), fault=throttle(), times=2),),
        expect="proven",
        serves="new",
    ),
    Case(
        name="CloudFront refuses invalidations",
        about="no invalidation is accepted: TooManyInvalidationsInProgress",
        faults=(
            Rule(
                on=On(service="cloudfront", operation="CreateInvalidation"),
                fault=status(400, "TooManyInvalidationsInProgress"),
                times=1,
            ),
        ),
        expect="undone",
        says=("TooManyInvalidationsInProgress",),
    ),
)
EDGE = (
    Case(
        name="CDN is late with the new page",
        about="the CDN serves the old version.json to the first questions",
        faults=stale(6),
        expect="proven",
        serves="new",
    ),
    Case(
        name="CDN keeps the old page",
        about="the CDN serves the old version.json and page for ever",
        faults=stale(),
        expect="undone",
        says=("/version.json says",),
    ),
)
FILES = (
    Case(
        name="empty folder",
        about="the frontend's folder is empty",
        files="empty",
        expect="failed",
        says=(NOTHING_CHANGED,),
        fast=True,
    ),
    Case(
        name="no index.html",
        about="the frontend has no index.html",
        files="no index",
        expect="failed",
        says=(
            NOTHING_CHANGED,
            "index.html",
        ),
    ),
    Case(
        name="link out of the folder",
        about="a symbolic link leads out of the frontend's folder",
        files="link",
        expect="failed",
        says=(
            NOTHING_CHANGED,
            "link",
        ),
    ),
    Case(
        name="odd files",
        about="an empty file, one of 100 MB, names with spaces and umlauts",
        files="odd",
        expect="proven",
        serves="new",
    ),
)
CASES = (*BROKEN_IMAGES, *NOT_STARTED, *FUNCTION, *STORAGE, *EDGE, *FILES)

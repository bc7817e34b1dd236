"""The failures that must come out right, by the heading that they have on the page.

Those that are more than one release with faults (two at once, no network, a restarted emulator, settings) are in
`test_scenarios.py`; killing at any request is in `test_killed.py`.
"""

from __future__ import annotations

import json

from tests.local.faults.broken_images import BROKEN_IMAGES, NOT_REHEARSED, WITH_TWO_TASKS, WORKING
from tests.local.faults.calls import Call
from tests.local.faults.case import Case
from tests.local.faults.proxy import Answer, Fault, On, Rule, cut, delay, lose, status, throttle

DEPLOY, STATUS = On(service="lambda", operation="Invoke.deploy"), On(service="lambda", operation="Invoke.status")
LAMBDA, ECS = On(service="lambda", operation="Invoke.*"), On(service="ecs")
NO_SECRET = "arn:aws:secretsmanager:us-west-2:000000000000:secret:easi/nowhere-AbCdEf"
NO_DIGEST = "sha256:" + "0" * 64


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
        says=("exit code 3", "relation systems does not exist"),
        fast=True,
    ),
    Case(
        name="migration hangs",
        about="the migration waits for a lock for ever; its timeout is 8 s",
        migration=("migrate-hang",),
        migration_timeout_s=8,
        expect="failed",
        says=("did not end within 8 s",),
    ),
    Case(
        name="migration succeeds",
        about="for comparison: nothing goes wrong",
        migration=("migrate",),
        expect="proven",
    ),
)
FUNCTION = (
    Case(
        name="Lambda throttled for a while",
        about="after the first, five invocations in a row get TooManyRequestsException",
        faults=(Rule(on=LAMBDA, fault=throttle(), times=5, skip=1),),
        expect="proven",
        says=("TooManyRequestsException",),
    ),
    Case(
        name="Lambda throttles every deploy",
        about="no deploy comes through within the deadline of 15 s",
        faults=(Rule(on=DEPLOY, fault=throttle()),),
        rollout_deadline_s=15,
        expect="undone",
        says=("TooManyRequestsException",),
    ),
    Case(
        name="Lambda times out after it deployed",
        about="the deploy is carried out, and its answer is that the function timed out",
        faults=(Rule(on=DEPLOY, fault=TIMED_OUT, times=1, after=True),),
        expect="proven",
        says=("timed out",),
        fast=True,
    ),
    Case(
        name="Lambda times out for real",
        about="the function is ended after 3 s, because ECS takes 5 s to accept the deployment",
        function_faults=(Rule(on=On(service="ecs", operation="UpdateService"), fault=delay(5), times=1, after=True),),
        function_timeout_s=3,
        expect="proven",
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
    ),
    Case(
        name="answer of a status cut short",
        about="half of two answers, one ending with a reset, one as if that were all",
        faults=(
            Rule(on=STATUS, fault=cut(reset=True), times=1, skip=1, after=True),
            Rule(on=STATUS, fault=cut(reset=False), times=1, skip=3, after=True),
        ),
        expect="proven",
    ),
    Case(
        name="ECS throttled for a while",
        about="after four, the function's next twelve calls of ECS get ThrottlingException",
        function_faults=(Rule(on=ECS, fault=throttle(), times=12, skip=4),),
        expect="proven",
        says=("ThrottlingException",),
    ),
    Case(
        name="ECS throttles every UpdateService",
        about="no deployment can be started within the deadline of 15 s",
        function_faults=(Rule(on=On(service="ecs", operation="UpdateService"), fault=throttle()),),
        rollout_deadline_s=15,
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
    ),
    Case(
        name="S3 refuses to stage",
        about="no file can be uploaded to the site",
        faults=(Rule(on=On(service="s3", operation="PutObject", key="assets/*"), fault=status(500, "InternalError")),),
        expect="failed",
        says=("InternalError|500",),
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
        fast=True,
    ),
    Case(
        name="no index.html",
        about="the frontend has no index.html",
        files="no index",
        expect="failed",
        says=("index.html",),
    ),
    Case(
        name="link out of the folder",
        about="a symbolic link leads out of the frontend's folder",
        files="link",
        expect="failed",
        says=("link",),
    ),
    Case(
        name="odd files",
        about="an empty file, one of 100 MB, names with spaces and umlauts",
        files="odd",
        expect="proven",
    ),
)
GROUPS = {
    "Images that do not work": (WORKING, *BROKEN_IMAGES, *WITH_TWO_TASKS),
    "The same images without a rehearsal": NOT_REHEARSED,
    "Releases that do not begin": NOT_STARTED,
    "The deploy function and ECS": FUNCTION,
    "S3 and CloudFront": (*STORAGE, *EDGE),
    "The frontend's files": FILES,
}

"""How a service may write the answer of its health check, and what is said of one that proves nothing."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from cli import diagnosis
from cli.observed import Health, Observed
from release.health_answer import AnswerForm
from release.healthcheck import NOT_COMPARED, HealthCheck, NotProven, miss_of, probe, prove
from release.http import Response
from release.tasks import HEADER, Tasks
from tests.unit.servers import JSON, VERSION, Served, serving

NOW = dt.datetime(2021, 11, 1, 16, 5, 19, tzinfo=dt.UTC)
SPRING = AnswerForm(status_member="state", version_member="build.version", passing=("UP", "DEGRADED"))
NESTED = {"state": "UP", "build": {"version": VERSION, "time": int(NOW.timestamp())}}
PLAIN = AnswerForm(status_code_only=True)


def miss(body: object, form: AnswerForm = SPRING, *, of_type: str = "application/json", **changes: Any) -> str | None:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    check = HealthCheck(url="http://x/", version=VERSION, form=form, **changes)
    return miss_of(check, Response(status=200, headers={"content-type": of_type}, body=text), NOW)


def test_members_are_found_where_the_form_says() -> None:
    assert miss(NESTED) is None
    assert miss(NESTED | {"state": "DEGRADED"}) is None
    assert miss({"status": "pass", "version": VERSION}, AnswerForm()) is None
    stamped = AnswerForm(status_member="state", version_member="build.version", timestamp_member="build.time")
    assert miss(NESTED | {"state": "pass"}, stamped, require_live_timestamp=True) is None


def test_answer_without_a_status_is_compared_by_its_version() -> None:
    form = AnswerForm(status_member="")
    assert miss({"version": VERSION}, form) is None
    assert miss({"version": "1", "status": "pass"}, form) == f"version is 1, expected {VERSION}"


def test_form_is_read_from_the_inputs_of_a_release_also_of_an_earlier_program() -> None:
    inputs = {"statusMember": "state", "versionMember": "build.version", "pass": ["UP", "DEGRADED"], "path": "/x"}
    assert AnswerForm.of(inputs) == SPRING
    assert AnswerForm.of({"statusCodeOnly": True}) == PLAIN
    assert AnswerForm.of({"timestampMember": "time"}).timestamp_member == "time"
    assert AnswerForm.of({"path": "/x", "passes": 3.0}) == AnswerForm()


@pytest.mark.parametrize("of_type", ["application/health+json", "application/vnd.spring-boot.actuator.v3+json;a=b"])
def test_types_that_are_json_by_their_suffix_are_json(of_type: str) -> None:
    assert miss(NESTED, of_type=of_type) is None


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (NESTED | {"state": "pass"}, "state is pass, expected UP or DEGRADED"),
        (NESTED | {"state": "up"}, "state is up, expected UP or DEGRADED"),
        (NESTED | {"state": ""}, 'state is "", expected UP or DEGRADED'),
        (NESTED | {"state": " UP"}, 'state is " UP", expected UP or DEGRADED'),
        (NESTED | {"state": ["UP"]}, 'state is ["UP"], expected UP or DEGRADED'),
        (NESTED | {"build": {"version": 3}}, f"build.version is the number 3, expected {VERSION}"),
        (NESTED | {"build": {"version": True}}, f"build.version is true, expected {VERSION}"),
        (NESTED | {"build": {"version": None}}, f"build.version is null, expected {VERSION}"),
        (NESTED | {"build": {"version": ""}}, f'build.version is "", expected {VERSION}'),
        (NESTED | {"build": {}}, f"build.version is missing, expected {VERSION}"),
        (NESTED | {"build": None}, f"build.version is missing: build is null, expected {VERSION}"),
        (NESTED | {"build": [{}]}, f"build.version is missing: build is [{{}}], expected {VERSION}"),
        ({"state": "UP"}, f"build.version is missing: there is no build, expected {VERSION}"),
        ([NESTED], "answered no JSON object: [{"),
        (b"", 'answered no JSON object: ""'),
    ],
)
def test_each_fault_is_one_line_that_shows_the_value(body: object, says: str) -> None:
    reason = miss(body)
    assert reason is not None
    assert reason.startswith(says)
    assert "\n" not in reason


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({}, "timestamp is missing, expected the seconds since 1970"),
        ({"timestamp": ""}, 'timestamp is "", expected the seconds since 1970'),
        ({"timestamp": None}, "timestamp is null, expected the seconds since 1970"),
        ({"timestamp": 1.5}, "timestamp is the number 1.5, expected the seconds since 1970"),
        ({"timestamp": 0}, f"timestamp 0 is {int(NOW.timestamp())} s from now, expected at most 60 s"),
    ],
)
def test_timestamp_that_says_nothing_is_shown_as_it_came(answer: dict[str, object], says: str) -> None:
    body = {"status": "pass", "version": VERSION} | answer
    assert miss(body, AnswerForm(), require_live_timestamp=True) == says


@pytest.mark.parametrize("header", ["", " "])
def test_header_that_is_empty_is_seen(header: str) -> None:
    check = HealthCheck(url="http://x/", version=VERSION)
    moved = miss_of(check, Response(status=301, headers={"location": header}, body=b""), NOW)
    assert moved == f'answered 301 to "{header}", expected 200'


def test_status_200_is_enough_where_no_more_is_asked_and_the_proof_says_so() -> None:
    said: list[str] = []
    with serving(Served(b"<p>fine", headers={"Content-Type": "text/html"})) as server:
        proof = prove(HealthCheck(url=server.url, version=VERSION, form=PLAIN, interval_s=0), said.append)
    assert (proof.passes, proof.version_compared, proof.last) == (3, False, {})
    assert said == [*(f"{number} of 3 passes with status 200" for number in (1, 2, 3)), NOT_COMPARED]
    assert {headers["Accept"] for headers in server.headers} == {"*/*"}


def test_a_proof_that_compared_the_version_says_so_and_no_more() -> None:
    said: list[str] = []
    with serving(Served()) as server:
        assert prove(HealthCheck(url=server.url, version=VERSION, interval_s=0), said.append).version_compared
    assert NOT_COMPARED not in said


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Served(b"", status=204), "answered 204, expected 200"),
        (Served(status=302, headers={"Location": "/login"}), "answered 302 to /login, expected 200"),
        (Served(headers={"Age": "1"}), "came from a cache (Age: 1)"),
    ],
)
def test_status_code_alone_still_has_to_be_200_and_fresh(answer: Served, says: str) -> None:
    check = HealthCheck(url="http://x/", version=VERSION, form=PLAIN, interval_s=0.01, deadline_s=0.1)
    with serving(answer) as server, pytest.raises(NotProven, match="probes: ") as caught:
        prove(HealthCheck(**vars(check) | {"url": server.url}), print)
    assert says in str(caught.value)


def test_task_that_answers_is_compared_also_where_the_version_is_not() -> None:
    tasks = Tasks(ids=frozenset({"mine"}), look_up=lambda: frozenset({"mine"}))
    check = HealthCheck(url="http://x/", version=VERSION, form=PLAIN)
    with serving(Served(headers=JSON | {HEADER: "theirs"}), Served(headers=JSON | {HEADER: "mine"})) as server:
        check = HealthCheck(**vars(check) | {"url": server.url})
        assert probe(check, tasks).miss == "answered by task theirs, which is not of this release"
        assert probe(check, tasks).miss is None


def test_version_is_read_where_the_form_says() -> None:
    with serving(Served(json.dumps(NESTED).encode())) as server:
        assert probe(HealthCheck(url=server.url, version=VERSION, form=SPRING)).version == VERSION
        assert probe(HealthCheck(url=server.url, version=VERSION, form=AnswerForm())).version is None


def test_status_shows_that_the_version_was_not_compared() -> None:
    health = Health(url="https://x/", version=None, miss=None, version_compared=False)
    observed = Observed(environment="dev", health={"backend": health}, stack=None, record=None, services={}, sites={})
    rows = {row.name: row.value for row in diagnosis.diagnose(observed, NOW).rows}
    assert rows["health"] == NOT_COMPARED


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"status_member": "a."}, "status_member must be the path of a member, such as build.version, not 'a.'"),
        ({"version_member": ""}, "version_member must be the path of a member, such as build.version, not ''"),
        ({"version_member": "build..version"}, "version_member must be the path of a member"),
        ({"timestamp_member": ".time"}, "timestamp_member must be the path of a member"),
        ({"passing": ()}, "passing must be one value of the status or more"),
        ({"passing": ("pass", "")}, "passing must be one value of the status or more"),
    ],
)
def test_form_that_cannot_be_is_refused(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=r"(?s).+") as caught:
        AnswerForm(**fields)
    assert says in str(caught.value)


def test_live_timestamp_needs_an_answer_that_is_read() -> None:
    with pytest.raises(ValueError, match="require_live_timestamp judges what the answer says"):
        HealthCheck(url="http://x/", version=VERSION, form=PLAIN, require_live_timestamp=True)

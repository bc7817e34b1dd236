"""Whatever a text from outside has become: its reader says what is damaged, where, and what to do, or reads it."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import re
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck as Check
from hypothesis import given, settings
from hypothesis import strategies as st

from cli import approved, comment, drift_issue, environment, events, github, preview, recover
from cli import version as version_verb
from cli.errors import EXPECTED
from functions import strict_json
from functions.deploy.requests import Request, Status, StopTask
from local import layout, project
from local.emulator import process
from release import deploy_function, healthcheck, http, lease, processes, records, session, stack, updates
from release.static import builds, readback, store
from release.static.catalog import Asset, Catalog, Purged
from release.static.manifest import Manifest
from release.static.records import CATALOG, Records
from settings import clear_text, reader
from settings.site import Site
from tests.unit.environments import released
from tests.unit.fake_s3 import FakeS3

SHA: Final = "1" * 40
DIGEST: Final = "sha256:" + "a" * 64
BUCKET: Final = "records"
PREFIX: Final = f"{records.ATTEMPTS_PREFIX}2026-11-23T23:10:01.123Z-id1/"
SITE: Final = store.Site(bucket="site", records_bucket=BUCKET, distribution_id="E1", url="https://site.example")
BEGAN: Final = {
    "id": "id1",
    "environment": "dev",
    "version": SHA,
    "image": "r@sha256:1",
    "taskDefinition": "arn:1",
    "staticManifest": DIGEST,
    "who": "root@host",
    "reason": None,
    "restart": None,
    "replaces": SHA,
    "startedAt": "2026-11-23T23:10:01.123Z",
    "kind": "release",
}
ENDED: Final = {
    "endedAt": "2026-11-23T23:11:00.000Z",
    "outcome": "undone",
    "message": "it failed",
    "phases": [{"name": "check", "seconds": 1, "outcome": "done"}],
    "undone": ["the service is back"],
}
ACTIVE: Final = {
    "manifest": DIGEST,
    "configSha256": "c",
    "activatedAt": "2026-11-23",
    "history": [DIGEST],
    "unsettled": None,
}
EMPTY: Final = Manifest(version=SHA, files=())
KEPT: Final = dataclasses.replace(
    Catalog(),
    assets={"assets/a-Qx3_8fKz.js": Asset("a" * 64, "e", "text/javascript", 1)},
    blobs={"b" * 64: 1},
    purged=(Purged(path=".env", sha256="c" * 64, at="2026-11-23", by="somebody"),),
).add(EMPTY, etags={}, staged_at="2026-11-23")
STAGED: Final = {"manifest": DIGEST, "version": SHA, "stagedAt": "2026-11-23"}
HOLDER: Final = {
    "id": "id1",
    "who": "octocat",
    "machine": processes.identity(),
    "pid": 1,
    "version": SHA,
    "environment": "dev",
    "since": "2026-11-23T23:10:00Z",
    "renewals": 1,
}
MARK: Final = {"attempt": "id1", "version": SHA, "startedAt": "2026-11-23", "siteConfig": {"a": "b"}}
URN: Final = "urn:pulumi:dev::easi::pulumi:pulumi:Stack::easi-dev"
RESOURCE: Final = {
    "urn": URN,
    "type": stack.RELEASE,
    "inputs": {"service": "arn:aws:ecs:r:1:service/c/s", "connection": {"profile": None}, "recordsBucket": BUCKET},
    "outputs": {"release": released(SHA, "2" * 40).to_json()},
}
EXPORT: Final = {
    "version": 3,
    "deployment": {
        "resources": [{"urn": URN, "type": "pulumi:pulumi:Stack", "outputs": {"release": {}}}, RESOURCE],
        "pending_operations": [{"type": "updating", "resource": RESOURCE}],
    },
}
UPDATE: Final = {
    "kind": "update",
    "result": "failed",
    "startTime": "2026-11-23T23:10:00.000Z",
    "endTime": "2026-11-23T23:11:00.000Z",
    "environment": {"git.head": SHA},
}
PREVIEW: Final = {"stack": "dev", "version": SHA, "counts": {"update": 1}, "replaced": [{"name": "a", "type": "b"}]}
NOW: Final = {"deployment": "ecs-svc/1", "taskDefinition": "arn:1", "desiredCount": 1, "runningCount": 1}

# Each reader: what it reads when all is well, and how it reads a text.
Read = Callable[[bytes], object]


def s3_with(key: str, body: bytes) -> FakeS3:
    s3 = FakeS3()
    if key.endswith("ended.json"):
        s3.put_object(Bucket=BUCKET, Key=PREFIX + "began.json", Body=json.dumps(BEGAN).encode())
    s3.put_object(Bucket=BUCKET, Key=key, Body=body)
    return s3


def object_of(key: str, read: Callable[[Any], object]) -> Read:
    return lambda body: read(s3_with(key, body))


def staged(body: bytes) -> object:
    root = store.root(EMPTY.digest)
    s3 = s3_with(root + "staged.json", body)
    s3.put_object(Bucket=BUCKET, Key=root + "manifest.json", Body=EMPTY.to_json())
    return Records(s3, BUCKET).catalog()


def built(folder: Path) -> Read:
    def read(body: bytes) -> object:
        (folder / "version.json").write_bytes(body)
        return builds._read_version(folder / "version.json")

    return read


def invoked(request: Request, kind: type) -> Read:
    class Client:
        def __init__(self, body: bytes) -> None:
            self.body = body

        def invoke(self, **_: Any) -> Any:
            return {"Payload": io.BytesIO(self.body)}

    return lambda body: deploy_function.DeployFunction(Client(body), "f", lambda _: None, 0).call(request, kind)


def healthy(body: bytes) -> object:
    check = healthcheck.HealthCheck(url="https://site.example/h", version=SHA, require_live_timestamp=True)
    answer = http.Response(status=200, headers={"content-type": "application/json"}, body=body)
    return healthcheck.miss_of(check, answer, healthcheck._now())


def by_pulumi(monkeypatch: pytest.MonkeyPatch, read: Callable[[], object]) -> Read:
    def answered(body: bytes) -> object:
        monkeypatch.setattr(stack, "pulumi", lambda *_: body.decode(errors="replace"))
        return read()

    return answered


def state() -> object:
    dev = environment.Environment(stack=stack.read("dev"), request=None)
    return dev.release, environment.read_environment("dev")


def from_github(read: Callable[[github.Api], object]) -> Read:
    class Answer:
        status, headers = 200, dict[str, str]()

        def __init__(self, data: bytes) -> None:
            self.data = data

    def answered(body: bytes) -> object:
        api = github.Api({"GITHUB_REPOSITORY": "o/r", "GITHUB_TOKEN": "t"})
        api._ask = lambda *_: Answer(body)  # type: ignore[method-assign,assignment] # its answer
        return read(api)

    return answered


@pytest.fixture
def readers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[object, Read]]:
    monkeypatch.setattr(session, "connect", lambda *_, **__: types.SimpleNamespace(s3=None))
    key = store.root(DIGEST) + "manifest.json"
    return {
        "release.json": (
            released(SHA, "2" * 40).to_json(),
            object_of(records.RELEASE_KEY, lambda s3: records.read_release(s3, BUCKET)),
        ),
        "began.json": (BEGAN, object_of(PREFIX + "began.json", lambda s3: records.list_attempts(s3, BUCKET, 1))),
        "ended.json": (ENDED, object_of(PREFIX + "ended.json", lambda s3: records.list_attempts(s3, BUCKET, 1))),
        "active.json": (ACTIVE, object_of(store.ACTIVE, lambda s3: store.active(s3=s3, records_bucket=BUCKET))),
        "staged.json": (STAGED, staged),
        "catalog.json": (
            json.loads(KEPT.to_json()),
            object_of(CATALOG, lambda s3: Records(s3, BUCKET).catalog()),
        ),
        "manifest.json": ({}, object_of(key, lambda s3: store.find(s3=s3, records_bucket=BUCKET, digest=DIGEST))),
        "lease.json": (HOLDER, object_of(lease.KEY, lambda s3: str(lease.look(s3, BUCKET).holder))),  # type: ignore[union-attr] # there is one
        "lease.json alive": (HOLDER, object_of(lease.KEY, lambda s3: lease.look(s3, BUCKET).alive)),  # type: ignore[union-attr] # as above
        "unsettled.json": (MARK, object_of(records.MARK_KEY, lambda s3: records.read_mark(s3, BUCKET))),
        "version.json": ({"version": SHA}, built(tmp_path)),
        "served version.json": ({"version": SHA}, readback._version),
        "health": ({"status": "pass", "version": SHA, "timestamp": "1"}, healthy),
        "status": ({"service": "s", "outcome": "o", "current": NOW}, invoked(Status(), deploy_function.Runs)),
        "task": (
            {"task": "arn", "started": True},
            invoked(StopTask(lease="l", task="t", reason="r"), deploy_function.TaskBegan),
        ),
        "export": (EXPORT, by_pulumi(monkeypatch, state)),
        "client": (
            EXPORT,
            by_pulumi(monkeypatch, lambda: recover.records_of(found := stack.read("dev"), found.inputs or {})),
        ),
        "history": ([UPDATE], by_pulumi(monkeypatch, lambda: updates.read("dev"))),
        "stacks": ([{"name": "dev"}], by_pulumi(monkeypatch, lambda: stack._others("deb"))),
        "config": ({"easi:a": {"value": "b"}}, by_pulumi(monkeypatch, lambda: environment.settings_of("dev"))),
        "preview": (PREVIEW, lambda body: strict_json.read(events.Preview, strict_json.decode(body))),
        "comments": (
            [{"id": 1, "user": {"type": "Bot"}, "body": "b"}],
            from_github(lambda api: [each.is_ours("b") for each in api.paginate("issues/1/comments", comment.Comment)]),
        ),
        "issues": (
            [{"number": 1, "title": "t", "body": None, "user": {"login": "a", "type": "Bot"}}],
            from_github(lambda api: drift_issue.own(api.paginate("issues", drift_issue.Issue))),
        ),
        "approvals": (
            [{"state": "approved", "environments": [{"name": "prod"}], "user": {"login": "a"}, "comment": "c"}],
            from_github(lambda api: approved.who("prod", api.get("approvals", tuple[approved.Review, ...]))),
        ),
        "jobs": (
            {"jobs": [{"name": "prod", "conclusion": "success", "completed_at": "2026"}]},
            from_github(lambda api: approved.check_unused("gate", "dev", api.get("jobs", approved.Jobs).jobs)),
        ),
    }


DAMAGE: Final = {
    "nothing": b"",
    "a page": b"<html>Sign in to the proxy</html>",
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    "rather deep": b'{"a":' * 400 + b"1" + b"}" * 400,
    "no UTF-8": b'{"version": "\xff\xfe"}',
    "UTF-16": '{"version": 1}'.encode("utf-16"),
    "half a pair": b'{"version": "\\ud800"}',
    "twice": b'{"version": "a", "version": "b"}',
    "no number": b'{"version": NaN}',
    "infinite": b'{"version": 1e999}',
    "huge": b'{"version": ' + b"9" * 5_000 + b"}",
    "a list": b"[]",
    "a number": b"1",
    "null": b"null",
    "empty": b"{}",
}
LENIENT: Final = {"lease.json", "lease.json alive", "unsettled.json", "served version.json", "health", "stacks"}
"""Damage is another answer to these: nobody's lease, a mark all the same, a miss."""
SOUND_TO_SOME: Final = {
    "empty": {"export", "client", "config"},
    "a list": {"history", "comments", "issues"},
    "no UTF-8": {"export", "client"},  # the output of a program
}
OBJECTS: Final = (
    "release.json",
    "began.json",
    "ended.json",
    "active.json",
    "staged.json",
    "catalog.json",
    "manifest.json",
)


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_said_in_the_readers_own_words(readers: dict[str, tuple[object, Read]], damage: str) -> None:
    body = DAMAGE[damage]
    for name, (_, read) in readers.items():
        if name in LENIENT or (damage in SOUND_TO_SOME and name in SOUND_TO_SOME[damage]):
            with contextlib.suppress(*EXPECTED):
                read(body)
            continue
        with pytest.raises(EXPECTED) as caught:
            read(body)
        said = str(caught.value)
        assert len(said) < 800, name
        if name in OBJECTS:
            assert re.search(rf"s3://records/\S*{name} is damaged", said), (name, said)
            assert "aws s3api copy-object --bucket records --key " in said


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
VALUES = st.recursive(PLAIN | st.just("0001-01-01T00:00+14:00"), nested, max_leaves=4)


def changed(data: st.DataObject, found: Any) -> Any:
    """The document with one of its values taken away, or replaced by any other."""
    if isinstance(found, (dict, list)) and found and data.draw(st.integers(0, 4)):
        keys = list(found) if isinstance(found, dict) else list(range(len(found)))
        at = data.draw(st.sampled_from(keys))
        copy: Any = dict(found) if isinstance(found, dict) else list(found)
        if data.draw(st.booleans()):
            copy.pop(at)
        else:
            copy[at] = changed(data, copy[at])
        return copy
    return data.draw(VALUES)


@settings(max_examples=100, deadline=None, suppress_health_check=list(Check), derandomize=True, database=None)
@given(data=st.data())
def test_no_document_brings_a_reader_down(readers: dict[str, tuple[object, Read]], data: st.DataObject) -> None:
    for sound, read in readers.values():
        body = json.dumps(changed(data, sound)).encode()
        with contextlib.suppress(*EXPECTED):
            read(body)


@settings(max_examples=50, deadline=None, suppress_health_check=list(Check), derandomize=True, database=None)
@given(
    body=st.binary(max_size=40) | st.text(alphabet='{}[]":,0123456789eE.-+truefalsn\\ud8', max_size=40).map(str.encode)
)
def test_no_text_brings_a_reader_down(readers: dict[str, tuple[object, Read]], body: bytes) -> None:
    for _, read in readers.values():
        with contextlib.suppress(*EXPECTED):
            read(body)


def test_what_is_sound_is_read(readers: dict[str, tuple[object, Read]]) -> None:
    for name, (sound, read) in readers.items():
        if name != "manifest.json":
            read(json.dumps(sound).encode())


FILES: Final = {
    "deep": b"[" * 20_000,
    "no UTF-8": b"\xff\xfe",
    "a page": b"<html>\n\t: Sign in: to the proxy</html>",
    "a number": b"1",
    "a list": b"[1]",
    "nothing": b"",
}
OF_FILES: Final[dict[str, Callable[[Path], object]]] = {
    "Pulumi.yaml": version_verb._config,
    "Pulumi.dev.yaml": clear_text._secure,
    "Pulumi.local.yaml": project._load,
    "note.json": layout.read_json,
    "state.json": lambda file: process._read(file.parent),
    "preview.json": preview.load,
}


@pytest.mark.parametrize("damage", FILES)
@pytest.mark.parametrize("name", OF_FILES)
def test_a_file_of_ours_that_is_damaged_is_named_or_counts_as_none(tmp_path: Path, name: str, damage: str) -> None:
    file = tmp_path / name
    file.write_bytes(FILES[damage])
    found = None
    try:
        found = OF_FILES[name](file)
    except (*EXPECTED, layout.LocalError) as error:
        said = str(error)
    else:
        said = name
    assert not found
    assert name in said


@dataclasses.dataclass(frozen=True)
class OfJson:
    a: tuple[str, ...]
    b: Mapping[str, str]
    c: Mapping[str, Site]


@pytest.mark.parametrize("damage", FILES)
def test_a_setting_that_is_damaged_is_refused(damage: str) -> None:
    text = FILES[damage].decode(errors="replace")
    values, problems = reader.read("p", OfJson, {f"p:{key}": text for key in "abc"})
    assert values == {}
    assert ["expected" in problem for problem in problems] == [True] * 3

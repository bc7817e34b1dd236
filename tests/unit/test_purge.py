"""`python -m release purge`: files are removed from all that an environment keeps, under its lease, with a record."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from cli import purge
from release import lease, records, session
from release.__main__ import main
from release.identity import first
from release.lease import Holder, LeaseHeldError
from release.session import Clients
from release.static import activate, builds, publish
from release.static.errors import StaticReleaseError
from release.static.source import Folder
from tests.json_schema import check
from tests.unit.environments import released, world_in
from tests.unit.fake_s3 import FakeS3, refusal
from tests.unit.releases import request
from tests.unit.site_world import CloudFront

REQUEST = request()
ONLY = first(REQUEST.sites).site
SITE, RECORDS = ONLY.bucket, ONLY.records_bucket


@pytest.fixture
def clients(tmp_path: Path) -> Clients:
    """Of an environment that has released a site with a file that leaked."""
    s3 = FakeS3(SITE, RECORDS, page=1000)
    files = {"index.html": "<p>one", "version.json": json.dumps({"version": "1" * 40}), "list.txt": "names"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    built = builds.from_folder(tmp_path)
    site = dataclasses.replace(ONLY, url=None)
    publish.stage(s3=s3, manifest=built, source=Folder(path=tmp_path), site=site, say=print)
    activate.activate(
        s3=s3,
        cloudfront=CloudFront(),
        manifest=built.digest,
        site=site,
        config={},
        say=print,
        begins=lambda: None,
        rewrite=False,
    )
    caller = "arn:aws:sts::111111111111:assumed-role/admin/ana"
    return Clients(s3=s3, cloudfront=CloudFront(), function=None, caller=caller)


def test_the_command_purges_the_environment_of_a_stack_and_the_history_shows_it(
    clients: Clients, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    world = world_in(tmp_path_factory.mktemp("project"), monkeypatch)
    world.add("prod", released(world.first))
    inputs = world.stacks["prod"]["export"]["deployment"]["resources"][-1]["inputs"]
    inputs["recordsBucket"], inputs["site"] = RECORDS, {**inputs["site"], "bucket": SITE}
    world.write()
    monkeypatch.setattr(session, "connect", lambda *_arguments, **_more: clients)

    assert main(["purge", "-s", "prod", "/list.txt", "--reason", "personal data", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    check("purge", said)
    assert [each["path"] for each in said["purged"]] == ["list.txt"]

    assert main(["history", "-s", "prod"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert any(" purge  done " in row for row in rows)
    assert "      files     list.txt" in rows
    assert "      reason    personal data" in rows


def purged(clients: Clients, *paths: str, reason: str | None = None) -> None:
    purge.purge_environment(REQUEST, purge.site_of(REQUEST, None), clients, paths, reason=reason, say=print)


def test_a_purge_removes_every_version_and_is_recorded(clients: Clients) -> None:
    purged(clients, "list.txt", reason="personal data")

    left = [each.body for bucket in clients.s3.buckets.values() for kept in bucket.history.values() for each in kept]
    assert b"names" not in left
    assert clients.cloudfront.paths == [["/list.txt"]]
    (kept,) = records.list_purges(clients.s3, RECORDS, 10)
    assert (kept.state, kept.paths, kept.reason) == ("done", ("list.txt",), "personal data")
    assert lease.look(clients.s3, RECORDS) is None


def test_a_dry_run_takes_no_lease_and_leaves_no_record(clients: Clients) -> None:
    before = {name: dict(bucket.objects) for name, bucket in clients.s3.buckets.items()}
    clients.s3.calls.clear()
    assert purge.would_purge(clients.s3, ONLY, ["list.txt"]).versions == 2
    assert {name: dict(bucket.objects) for name, bucket in clients.s3.buckets.items()} == before
    assert not any(operation.startswith(("Put", "Delete", "Copy")) for operation, _ in clients.s3.calls)
    assert records.list_purges(clients.s3, RECORDS, 10) == ()


def test_what_fails_is_recorded_with_why_and_gives_the_lease_back(clients: Clients) -> None:
    def refuse(operation: str, key: str) -> None:
        if operation == "delete" and "list.txt" in key:
            raise refusal("AccessDenied", "DeleteObjects")

    clients.s3.before = refuse
    with pytest.raises(StaticReleaseError, match="AccessDenied"):
        purged(clients, "list.txt")
    clients.s3.before = lambda _operation, _key: None

    (kept,) = records.list_purges(clients.s3, RECORDS, 10)
    assert kept.state == "failed"
    assert "AccessDenied" in kept.message
    assert lease.look(clients.s3, RECORDS) is None
    purged(clients, "list.txt")
    assert [each.state for each in records.list_purges(clients.s3, RECORDS, 10)] == ["done", "failed"]


def test_a_killed_purge_is_interrupted_in_the_history(clients: Clients) -> None:
    class Killed(BaseException):
        pass

    def kill(operation: str, key: str) -> None:
        if operation == "delete" or key.endswith("ended.json"):
            raise Killed

    clients.s3.before = kill
    with pytest.raises(Killed):
        purged(clients, "list.txt")
    clients.s3.before = lambda _operation, _key: None

    assert [each.state for each in records.list_purges(clients.s3, RECORDS, 10)] == ["interrupted"]


def test_nothing_is_purged_while_somebody_releases(clients: Clients) -> None:
    s3 = clients.s3
    holder = Holder(
        id="other",
        who="octocat",
        machine="runner-7",
        pid=1,
        version="b" * 40,
        environment="impl",
        since="2026-11-23T11:59:58Z",
    )
    numbers = itertools.count()

    def renew(operation: str, key: str) -> None:
        if (operation, key) == ("get", lease.KEY):
            renewed = dataclasses.replace(holder, renewals=next(numbers))
            s3.put_object(Bucket=RECORDS, Key=lease.KEY, Body=renewed.to_json())

    s3.put_object(Bucket=RECORDS, Key=lease.KEY, Body=holder.to_json())
    s3.before = renew
    before = dict(s3.buckets[SITE].objects)
    with pytest.raises(LeaseHeldError, match="octocat"):
        purged(clients, "list.txt")
    assert s3.buckets[SITE].objects == before
    assert records.list_purges(s3, RECORDS, 10) == ()

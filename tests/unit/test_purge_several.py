"""`purge` of an environment with several sites."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from release import records, session
from release.__main__ import main
from release.session import Clients
from tests.json_schema import check
from tests.unit import several
from tests.unit.environments import World, world_in
from tests.unit.fake_s3 import FakeS3
from tests.unit.site_world import CloudFront
from tests.unit.static_sites import Environment, tree
from tests.unit.test_static_two_sites import Admin

FILES = tree(1, **{"list.txt": b"names"})


@pytest.fixture
def s3(tmp_path: Path) -> FakeS3:
    """Both sites have published a list that leaked."""
    made = FakeS3("site", "records", "admin", page=1000)
    Environment(made).publish(FILES, tmp_path / "site")
    Admin(made).publish(FILES, tmp_path / "admin")
    return made


@pytest.fixture
def world(s3: FakeS3, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> World:
    made = world_in(tmp_path_factory.mktemp("project"), monkeypatch)
    several.add(made, "prod", several.several(made.first))
    made.stacks["prod"]["export"]["deployment"]["resources"][-1]["inputs"]["recordsBucket"] = "records"
    made.write()
    clients = Clients(s3=s3, cloudfront=CloudFront(), function=None, caller="arn:aws:sts::1:assumed-role/admin/ana")
    monkeypatch.setattr(session, "connect", lambda *_arguments, **_more: clients)
    return made


def served(s3: FakeS3, bucket: str) -> bool:
    return "list.txt" in s3.buckets[bucket].objects


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_without_the_sites_name_it_is_refused_with_the_names(
    world: World, s3: FakeS3, capsys: pytest.CaptureFixture[str], more: list[str]
) -> None:
    s3.calls.clear()
    assert main(["purge", "-s", "prod", "list.txt", *more]) == 2
    assert "prod has several sites: name one with --site. There are: site, admin" in capsys.readouterr().err
    assert main(["purge", "-s", "prod", "--site", "shop", "list.txt", *more]) == 2
    assert "prod has no site shop. There are: site, admin" in capsys.readouterr().err
    assert s3.calls == []


def test_it_purges_the_named_site_alone_and_the_history_says_which(
    world: World, s3: FakeS3, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["purge", "-s", "prod", "--site", "admin", "list.txt", "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("Would purge list.txt of site admin: 2 versions of objects")
    assert main(["purge", "-s", "prod", "--site", "admin", "list.txt"]) == 0
    assert "Purged list.txt of site admin: 2 versions of objects deleted" in capsys.readouterr().out

    assert (served(s3, "site"), served(s3, "admin")) == (True, False)
    (kept,) = records.list_purges(s3, "records", 10)
    assert kept.site == "admin"
    assert main(["history", "-s", "prod", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    check("history", said)
    assert said["purges"][0]["site"] == "admin"
    assert main(["history", "-s", "prod"]) == 0
    assert "      site      admin\n      files     list.txt\n" in capsys.readouterr().out


def test_the_only_site_may_be_named(world: World, s3: FakeS3, capsys: pytest.CaptureFixture[str]) -> None:
    inputs = world.stacks["prod"]["export"]["deployment"]["resources"][-1]["inputs"]
    del inputs["sites"]["admin"]
    world.write()
    assert main(["purge", "-s", "prod", "--site", "site", "list.txt"]) == 0
    assert "Purged list.txt: 2 versions of objects deleted" in capsys.readouterr().out
    assert (served(s3, "site"), served(s3, "admin")) == (False, True)
    (kept,) = records.list_purges(s3, "records", 10)
    assert kept.site is None

"""`explain` of a release of several services and sites."""

from __future__ import annotations

import json

import pytest

from release.__main__ import main
from tests.json_schema import check
from tests.unit import several
from tests.unit.environments import World, build, released


@pytest.fixture
def world(world: World) -> World:
    admin = world.keep("prod", build("a", index_html="admin"), "admin")
    before = world.keep("prod", build(world.first, index_html="old"))
    after = world.keep("impl", build(world.third, index_html="new", new_js="1"))
    world.keep("impl", build("a", index_html="admin"), "admin")
    impl = several.several(world.third, manifests={"site": after, "admin": admin}, same=("reports",))
    prod = several.several(world.first, manifests={"site": before, "admin": admin}, same=("reports",))
    several.add(world, "impl", impl)
    several.add(world, "prod", prod, promotes_from="impl", **{"easi:services.backend.migration.command": ["/m"]})
    return world


def test_each_service_and_site_has_a_line_with_its_name(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "-s", "prod"]) == 0
    first, third = world.first[:11], world.third[:11]
    lines = capsys.readouterr().out.splitlines()
    assert lines[lines.index(f"            + {world.second[:7]} the second") + 1 :] == [
        f"  image     backend: b{third}, copied from impl; now b{first}",
        "            reports: the same, r00000000000",
        f"            worker: w{third}, copied from impl; now w{first}",
        "  static    site: 1 added, 1 changed, 0 removed; 2 files",
        "            + new.js",
        "            ~ index.html",
        "            admin: the same 1 files",
        '  migration backend: runs first, as a task of the new image: ["/m"]',
        "  settings  not compared here:  pulumi preview -s prod",
        "to release it:  pulumi up -s prod",
    ]


def test_the_json_has_them_by_name(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "-s", "prod", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    check("explain", said)
    changes = said["changes"]
    assert list(changes["images"]) == list(several.SERVICES)
    assert changes["images"]["worker"] == {
        "now": f"sha256:w{world.first[:11]}".ljust(71, "0"),
        "then": f"sha256:w{world.third[:11]}".ljust(71, "0"),
    }
    assert changes["static"]["site"]["added"] == ["new.js"]
    assert changes["static"]["admin"] == {"added": [], "changed": [], "removed": [], "total": 1}
    assert changes["migrations"] == {"backend": {"command": ["/m"], "runs": True}}


def test_what_is_missing_of_one_site_leaves_the_others_compared(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    objects = world.s3.buckets["records-impl"].objects
    (lost,) = (key for key in objects if key.startswith("sites/admin/"))
    del objects[lost]
    assert main(["explain", "-s", "prod"]) == 0
    said = capsys.readouterr().out
    assert "  static    site: 1 added, 1 changed, 0 removed; 2 files\n" in said
    assert "            admin: not compared: sha256:" in said


def test_a_refusal_names_what_was_not_proven(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.add("impl", released(world.third))
    assert main(["explain", "-s", "prod", "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    check("explain", said)
    assert "impl has not proven service reports and service worker and site admin" in said["message"]
    assert said["changes"]["images"]["worker"]["then"] is None

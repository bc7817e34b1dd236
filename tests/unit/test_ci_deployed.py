"""`python -m ci deployed`: with which tree an environment is compared when drift is looked for."""

from __future__ import annotations

import pytest

from ci import main
from cli import preview
from tests.unit.attempts import entry
from tests.unit.environments import World, released


def from_upstream(world: World, name: str) -> None:
    """Let the last release of the stack have copied what an environment has, instead of built it."""
    release = world.stacks[name]["export"]["deployment"]["resources"][-1]
    release["inputs"] = {**release["inputs"], "source": {"image": "r@sha256:1", "bucket": "b", "recordsBucket": "c"}}


def test_what_was_built_there_is_compared_with_its_own_commit(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.add("dev", released(world.first, world.second))
    world.stacks["dev"]["history"] = [entry(world.second)]
    world.write()

    code = main(["deployed", "-s", "dev"])

    assert code == 0
    assert world.sha("HEAD") == world.second
    assert world.outputs() == {"version": world.second, "release-version": ""}
    assert "next      pulumi preview --refresh -s dev" in capsys.readouterr().out


def test_what_was_promoted_is_compared_by_its_name(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.add("prod", released(world.first, world.second), promotes_from="impl")
    from_upstream(world, "prod")
    world.write()

    code = main(["deployed", "-s", "prod"])

    assert code == 0
    assert world.outputs() == {"version": world.second, "release-version": world.second}
    assert f"RELEASE_VERSION={world.second} pulumi preview --refresh -s prod" in capsys.readouterr().out


def test_after_a_roll_back_the_settings_are_those_it_was_made_with(world: World) -> None:
    world.add("dev", released(world.first, world.second, world.first))
    world.stacks["dev"]["history"] = [entry(world.second), entry(world.second), entry(world.first)]
    world.write()

    code = main(["deployed", "-s", "dev"])

    assert code == 0
    assert world.sha("HEAD") == world.second
    assert world.outputs() == {"version": world.first, "release-version": world.first}


def test_where_nothing_was_released_there_is_no_drift(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.add("prod", None)

    code = main(["deployed", "-s", "prod", "--save", "drift/prod.json"])

    saved = preview.load(world.folder / "drift/prod.json")
    assert code == 0
    assert world.outputs() == {"version": "", "release-version": ""}
    assert "prod has proven nothing yet" in capsys.readouterr().out
    assert saved is not None
    assert (saved.stack, saved.version, saved.changes, saved.failed) == ("prod", None, False, False)
    assert world.sha("HEAD") == world.third


def test_a_history_that_is_none_is_said(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.add("prod", released(world.first))
    world.stacks["prod"]["history"] = {"message": "moved"}
    world.write()

    code = main(["deployed", "-s", "prod"])

    assert code == 1
    assert "pulumi stack history -s prod answered what is no history" in capsys.readouterr().err

"""`python -m ci deployed`: with which tree an environment is compared when drift is looked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ci import main
from cli import events
from tests.unit.environments import World, released, world_in
from tests.unit.test_ci_rollback import entry, outputs


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = world_in(tmp_path, monkeypatch)
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / ".output"))
    return made


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
    assert outputs(world) == {"version": world.second, "easi-version": ""}
    assert "next      pulumi preview --refresh -s dev" in capsys.readouterr().out


def test_what_was_promoted_is_compared_by_its_name(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.add("prod", released(world.first, world.second), promotes_from="impl")
    from_upstream(world, "prod")
    world.write()

    code = main(["deployed", "-s", "prod"])

    assert code == 0
    assert outputs(world) == {"version": world.second, "easi-version": world.second}
    assert f"EASI_VERSION={world.second} pulumi preview --refresh -s prod" in capsys.readouterr().out


def test_after_a_roll_back_the_settings_are_those_it_was_made_with(world: World) -> None:
    world.add("dev", released(world.first, world.second, world.first))
    world.stacks["dev"]["history"] = [entry(world.second), entry(world.second), entry(world.first)]
    world.write()

    code = main(["deployed", "-s", "dev"])

    assert code == 0
    assert world.sha("HEAD") == world.second
    assert outputs(world) == {"version": world.first, "easi-version": world.first}


def test_where_nothing_was_released_there_is_no_drift(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.add("prod", None)
    world.write()

    code = main(["deployed", "-s", "prod", "--save", "drift/prod.json"])

    saved = events.from_json(json.loads((world.folder / "drift/prod.json").read_text()))
    assert code == 0
    assert outputs(world) == {"version": "", "easi-version": ""}
    assert "prod has proven nothing yet" in capsys.readouterr().out
    assert (saved.stack, saved.version, saved.changes, saved.failed) == ("prod", None, False, False)
    assert world.sha("HEAD") == world.third


def test_a_history_that_is_none_is_said(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.add("prod", released(world.first))
    world.stacks["prod"]["history"] = {"message": "moved"}
    world.write()

    code = main(["deployed", "-s", "prod"])

    assert code == 1
    assert "pulumi stack history -s prod answered what is no history" in capsys.readouterr().err

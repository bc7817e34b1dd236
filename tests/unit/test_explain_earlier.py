"""What `python -m release explain` says of earlier attempts to release the same version."""

from __future__ import annotations

import dataclasses
import json
from unittest import mock

import pytest
from botocore.exceptions import ClientError

from release import records
from release.__main__ import main
from release.records import Phase
from tests.unit import attempts
from tests.unit.environments import World, build, released


def attempt(world: World, number: int, version: str, outcome: str | None, message: str = "") -> None:
    """An attempt to release `version` to prod."""
    at = f"2026-01-0{number}T03:04:05.000Z"
    made = attempts.attempt(version, id=f"id-{number}", started_at=at, ended_at=None, outcome=None)
    records.begin(world.s3, "records-prod", made)
    if outcome is not None:
        phases = (Phase(name="check", seconds=1, outcome="done"), Phase(name="prove", seconds=1, outcome="failed"))
        made = dataclasses.replace(made, outcome=outcome, ended_at=made.started_at, message=message, phases=phases)
        records.end(world.s3, "records-prod", made)


STORY = "prod: 2 is not released: prove failed\n  why       status is fail\n            exit code 3\n  runs now  1"


@pytest.mark.parametrize(
    ("outcomes", "told"),
    [
        (["undone"], "  earlier   undone 2026-01-01 03:04:05 UTC in prove: status is fail"),
        (["failed", "undone"], "  earlier   undone 2026-01-02 03:04:05 UTC in prove: status is fail"),
        ([None], "  earlier   interrupted 2026-01-01 03:04:05 UTC"),
        (["undone", "proven"], ""),
        ([], ""),
    ],
)
def test_how_the_last_attempt_of_the_same_version_ended(
    world: World, capsys: pytest.CaptureFixture[str], outcomes: list[str | None], told: str
) -> None:
    files = world.keep("impl", build(world.third, index_html="new"))
    world.add("impl", released(world.third, manifest=files))
    world.add("prod", released(world.first, manifest=world.keep("prod", build(world.first))), promotes_from="impl")
    for number, outcome in enumerate(outcomes, 1):
        attempt(world, number, world.third, outcome, STORY)
    attempt(world, 9, world.second, "failed", "of another version")
    assert main(["explain", "-s", "prod"]) == 0
    shown = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  earlier")]
    assert shown == ([told] if told else [])

    assert main(["explain", "-s", "prod", "--json"]) == 0
    earlier = json.loads(capsys.readouterr().out)["earlier"]
    assert (earlier is None) is (not told)
    if outcomes and outcomes[-1] == "undone":
        number = len(outcomes)
        assert earlier == {
            "startedAt": f"2026-01-0{number}T03:04:05.000Z",
            "state": "undone",
            "phase": "prove",
            "why": "status is fail",
        }


def test_attempts_that_cannot_be_read_are_said_to_be_unknown(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = world.keep("impl", build(world.third, index_html="new"))
    world.chain(impl=released(world.third, manifest=files), prod=released(world.first, manifest=files))
    denied = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "ListObjectsV2")
    monkeypatch.setattr(records, "list_attempts", mock.Mock(side_effect=denied))
    assert main(["explain", "-s", "prod"]) == 0
    assert "  earlier   not known: " in capsys.readouterr().out

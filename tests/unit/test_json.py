"""Each verb's `--json` is what docs/json.schema.yaml describes; so are the examples of docs/json.md."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import fastjsonschema
import pytest

from cli import diagnosis, explain, history, status
from cli.history import History
from cli.observed import Observed
from cli.status import as_json
from release import records, way_back
from release.__main__ import main
from tests.json_schema import SCHEMA, check
from tests.unit.attempts import attempt, held, purge, update
from tests.unit.environments import MIGRATION, World, build, released
from tests.unit.one_of_each import backend, manifest
from tests.unit.test_status_verb import FINE, MARK, NEW, NOW, OLD, OTHER, RECORD, missing, on
from tests.unit.test_verify_cli import QUICK, VERSION, url

__all__ = ["url"]
PAGE = Path(__file__).parents[2] / "docs" / "json.md"
EXAMPLES = re.findall(r"    \$ python -m release (site \w+|\w+) [^\n]*--json\n((?:    [^\n]*\n)+)", PAGE.read_text())
DIFFERS = f"{manifest(RECORD)} changed: index.html"
RELEASING = held(OTHER)


def whole(data: dict[str, Any]) -> dict[str, Any]:
    """As a program reads it."""
    found: dict[str, Any] = json.loads(json.dumps(data))
    return found


STATES: list[tuple[dict[str, Any], list[str]]] = [
    ({}, []),
    ({"lease": RELEASING, "last": attempt(OTHER, id="id-3", outcome=None, ended_at=None)}, ["releasing"]),
    ({"lease": held(OTHER, age_s=900)}, ["cut short"]),
    ({"unfinished": MARK, "services": {"backend": None}}, ["unfinished", "service missing"]),
    ({"pending": ("urn:pulumi:prod::easi::a::b",), "stack": None}, ["pending"]),
    ({"record": None, "stack": None, "last": None, "sites": {"site": None}}, ["nothing proven"]),
    ({"record": None, "unread": {"record": "AccessDenied"}}, ["unread"]),
    ({"services": {"backend": on("easi:9")}, "sites": {"site": DIFFERS}}, ["service differs", "site differs"]),
    (
        {"services": {"backend": on(running=1)}, "health": {"backend": missing("no route")}},
        ["tasks missing", "unhealthy"],
    ),
    ({"stack": released(OLD)}, ["stack differs"]),
    (
        {
            "services": {"backend": None},
            "last": None,
            "lease": None,
            "unread": {"ECS": "no", "last attempt": "no", "unfinished": "no"},
        },
        ["unread"] * 3,
    ),
]


@pytest.mark.parametrize(("changes", "codes"), STATES)
def test_status(changes: dict[str, Any], codes: list[str]) -> None:
    facts: Observed = dataclasses.replace(FINE, **changes)
    said = whole(as_json(facts, diagnosis.diagnose(facts, NOW)))
    check("status", said)
    assert [wrong["code"] for wrong in said["wrong"]] == codes
    assert said["good"] is (codes == [])


def test_status_has_data_in_place_of_sentences() -> None:
    facts = dataclasses.replace(FINE, sites={"site": DIFFERS}, lease=RELEASING)
    said = as_json(facts, diagnosis.diagnose(facts, NOW))
    assert said["record"]["verifiedAt"] == "2026-01-02T03:04:05Z"
    assert said["services"]["backend"] == {
        "taskDefinition": backend(RECORD).task_definition,
        "desired": 2,
        "running": 2,
        "asRecorded": True,
    }
    assert said["sites"]["site"]["staticManifest"] == manifest(RECORD)
    assert (said["sites"]["site"]["differences"], said["sites"]["site"]["asRecorded"]) == ("changed: index.html", False)
    assert said["lease"]["renewedSecondsAgo"] == 1.0
    assert said["lastAttempt"]["state"] == "proven"


def test_history() -> None:
    phase = records.Phase(name="prove", seconds=1.5, outcome="failed")
    found = (
        attempt(NEW, id="id-2", kind="roll back", outcome=None, ended_at=None, reason="500s"),
        attempt(OTHER, outcome="undone", message="two\nlines", phases=(phase,), undone=("it is back",)),
        attempt(OLD, replaces=None, restart="rotated", outcome=None, ended_at=None),
    )
    release = released(OLD, NEW, OTHER, NEW)
    past = History(
        environment="prod",
        release=release,
        entries=(*found, update("05:00", "05:09"), purge(), purge(ended_at=None, reason="it leaked")),
        held=held(NEW),
    )
    said = whole(history.as_json(past))
    check("history", said)
    check("history", whole(history.as_json(History(environment="prod"))))
    assert [one["state"] for one in said["attempts"]] == ["under way", "undone", "interrupted"]
    assert [one["version"] for one in said["wayBack"]] == [OLD]
    assert [one["version"] for one in said["rolledBack"]] == [OTHER]
    assert said["rolledBack"][0]["rollBack"]["at"] == release.verified_at


def test_explain(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = build(world.first, index_html="old", a_js="1"), build(world.third, index_html="new")
    world.chain(dev=released(world.second), impl=released(world.third, manifest=world.keep("impl", new)))
    world.add(
        "prod",
        released(world.first, world.second, world.first, manifest=world.keep("prod", old)),
        promotes_from="impl",
        **{MIGRATION: ["/m"]},
    )
    world.add("new", None, promotes_from="impl")

    def said(*arguments: str) -> dict[str, Any]:
        main(["explain", *arguments, "--json"])
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        check("explain", found)
        return found

    assert said("-s", "prod")["hold"]["takenBack"] == [world.second]
    world.state("prod", "lift")
    promoted = said("-s", "prod")
    assert promoted["hold"] is None
    assert (promoted["source"], promoted["kind"]) == ("promoted", "promotion")
    assert promoted["changes"]["commits"]["come"]["newest"][0] == {"commit": world.third[:7], "subject": "the third"}
    assert promoted["changes"]["migrations"] == {"backend": {"command": ["/m"], "runs": True}}
    assert [one["contained"] for one in promoted["rolledBack"]] == [True]
    assert said("-s", "prod", world.second)["rolledBack"][0]["rollBack"]["to"] == world.first
    assert said("-s", "prod", "e" * 40)["source"] == "refused"
    assert said("-s", "prod", world.first)["kind"] == "again"
    built = said("-s", "dev")
    assert (built["source"], built["changes"]["images"]["backend"]["then"]) == ("built", None)
    assert "files" in built["changes"]["unknown"], "there is no build"
    assert said("-s", "new")["now"] is None


@pytest.mark.parametrize("version", [VERSION, "f" * 40])
def test_verify(url: str, capsys: pytest.CaptureFixture[str], version: str) -> None:
    code = main(["verify", "--url", url, "--version", version, *QUICK, "--json"])
    said = json.loads(capsys.readouterr().out)
    check("verify", said)
    assert said["proven"] is (code == 0)


@pytest.mark.parametrize(("verb", "text"), EXAMPLES, ids=[verb for verb, _ in EXAMPLES])
def test_the_pages_examples_are_true(verb: str, text: str) -> None:
    check(verb, json.loads(text))


def test_every_verb_has_an_example_and_its_words_are_the_programs() -> None:
    definitions = SCHEMA["definitions"]
    assert [verb for verb, _ in EXAMPLES] == [
        *("describe", "status", "history", "explain", "verify", "purge"),
        *("site publish", "site restore", "site status", "site purge"),
    ]
    assert definitions["kind"]["enum"] == list(get_args(way_back.Kind))
    states = definitions["attempt"]["properties"]["state"]["enum"]
    assert states == [*records.OUTCOMES, "interrupted", "under way"]
    codes = definitions["status"]["properties"]["wrong"]["items"]["properties"]["code"]["enum"]
    assert set(codes) == {code for _, of_state in STATES for code in of_state}
    assert definitions["explain"]["properties"]["source"]["enum"] == list(explain.SOURCES)
    unread = definitions["status"]["properties"]["unread"]["propertyNames"]["pattern"]
    assert all(re.fullmatch(unread, name) for name in (*status.JSON_NAMES.values(), "ECS", "ECS api", "site"))


def lacks(data: dict[str, Any]) -> None:
    data["services"]["backend"].pop("running")


def adds(data: dict[str, Any]) -> None:
    data["new"] = 1


def says(data: dict[str, Any]) -> None:
    data["record"]["verifiedAt"] = "yesterday"


@pytest.mark.parametrize("change", [lacks, adds, says])
def test_what_the_schema_does_not_describe_is_noticed(change: Callable[[dict[str, Any]], None]) -> None:
    said = whole(as_json(FINE, diagnosis.diagnose(FINE, NOW)))
    change(said)
    with pytest.raises(fastjsonschema.JsonSchemaException):
        check("status", said)

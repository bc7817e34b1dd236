"""What a preview found is read from the engine's events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cli import diff, events
from cli.events import IMAGE, Change, Preview
from functions import strict_json
from release import gate
from tests.unit.ci_preview_world import RELEASE, VERSION, prelude, release, replaced, said, step, summary


def read(*found: dict[str, Any], **given: Any) -> Preview:
    return events.read("dev", found, **given)


def test_what_stays_the_same_is_not_counted() -> None:
    found = read(summary(same=94, update=1, replace=1))
    assert found.counts == {"replace": 1, "update": 1}
    assert found.changes


def test_a_replaced_resource_names_the_property_that_forces_it_once() -> None:
    kind = "aws:lb/loadBalancer:LoadBalancer"
    found = read(
        step("create-replacement", kind, "backend", old={}, new={}, keys=["name"]),
        step("create-replacement", kind, "backend", old={}, new={}, keys=["name"], event="resOutputsEvent"),
        step("replace", kind, "backend", old={}, new={}, keys=["name"]),
        step("delete-replaced", kind, "backend", old={}),
    )
    assert found.replaced == (Change(name="backend", type=kind, because=("name",)),)
    assert found.deleted == ()


def test_a_component_is_nothing_that_can_be_deleted() -> None:
    assert read(step("delete", "easi:service:ServiceAutoscaling", "backend", old={}, custom=False)).deleted == ()


def test_a_new_revision_of_the_task_definition_is_told_from_other_replacements() -> None:
    found = read(*replaced({}, {}), step("replace", "aws:s3/bucket:Bucket", "site", old={}, new={}, keys=["bucket"]))
    assert [change.name for change in found.replaced] == ["backend", "site"]
    assert [(change.name, change.note) for change in found.routine] == [
        ("backend", "a new revision; the old one stays registered")
    ]
    assert [(operation, change.name) for operation, change in found.dangers] == [("replace", "site")]


def test_policy_of_a_role_that_is_replaced_says_why_and_is_shown() -> None:
    kind = "aws:iam/rolePolicy:RolePolicy"
    changed = step("replace", kind, "backend-execution", old={}, new={}, keys=["policy"])
    moved = step("replace", kind, "deploy", old={}, new={}, keys=["policy", "role"])
    found = read(*replaced({}, {}), changed, moved)
    assert [(change.name, change.note) for _, change in found.dangers] == [
        ("backend-execution", "the role may do what either allows until the release is proven"),
        ("deploy", ""),
    ]


def test_no_release_explains_what_drift_replaces() -> None:
    found = read(*replaced({}, {}), refresh=True)
    assert found.routine == ()
    assert [change.name for _, change in found.dangers] == ["backend"]


def test_a_task_definition_that_would_be_deregistered_is_something_to_be_afraid_of() -> None:
    steps = replaced({}, {})
    for each in steps:
        each["resourcePreEvent"]["metadata"]["old"]["inputs"]["skipDestroy"] = False
    assert read(*steps).replaced[0].note == ""


def test_the_version_is_the_release_s_own() -> None:
    assert read(release()).version == VERSION
    assert read(step("same", RELEASE, "release", old={"version": "a"}, new={"version": "b"})).version == "b"
    assert read(summary(same=1)).version is None


def test_the_gate_s_refusal_is_no_warning_among_others() -> None:
    message = "dev refused 3f2c1aa: it is older than 9b81e02.\n  compared   one is an ancestor of the other"
    found = read(said("warning", gate.warning(message)), said("warning", "something is deprecated"))
    assert found.gate == message
    assert found.warnings == ("something is deprecated",)


def test_the_line_on_top_is_kept() -> None:
    line = "dev: 399915e -> ed79594, 3 commits, built from this commit"
    assert read(said("info", "a note"), said("info", line), said("info", "dev: another note")).headline == line
    assert read(said("warning", line)).headline == ""


def test_a_refused_version_deletes_no_built_image() -> None:
    """It is not built, so the program does not declare it; `pulumi up` stops before it would go."""
    steps = [
        step("delete", IMAGE, "backend", old={}),
        step("delete", "aws:s3/bucket:Bucket", "records", old={}),
        summary(delete=2, same=90),
    ]
    refused = read(*steps, said("warning", gate.warning("dev refused 3f2c1aa.")))
    assert [change.name for change in refused.deleted] == ["records"]
    assert refused.counts == {"delete": 1}
    assert IMAGE not in refused.diff

    assert not read(*steps[:1], summary(delete=1), said("warning", gate.warning("dev refused 3f2c1aa."))).changes
    rolled_back = read(*steps)
    assert rolled_back.counts == {"delete": 2}
    assert [change.note for change in rolled_back.deleted] == ["", "the image stays in the repository"]


def test_two_refusals_are_both_told() -> None:
    found = read(said("warning", gate.warning("one.")), said("warning", gate.warning("two.")))
    assert found.gate == "one.\ntwo."


def test_a_warning_that_only_speaks_of_previews_is_no_refusal() -> None:
    assert read(said("warning", "this is a preview: `pulumi up` would stop here, perhaps")).gate is None


VALUE = 'xyzzy "plugh" \u2028 Stra\u00dfe'


@pytest.mark.parametrize(
    "spelled", [VALUE, json.dumps(VALUE), json.dumps(VALUE, ensure_ascii=False), repr(VALUE), "mm1"]
)
def test_errors_are_told_without_the_engine_s_colors_and_without_values(spelled: str) -> None:
    """What somebody else wrote has no structure: there, values are looked for."""
    error = said("error", f"cannot use {spelled}: PGPASS=hunter2, nor mm12, on dev")
    found = read(*replaced({"OLD": "one\nmm1\n"}, {"NEW": VALUE}), error, failed=True)
    name = "OLD" if spelled == "mm1" else "NEW"
    shown = found.errors[0].replace('"[', "[").replace(']"', "]").replace("'[", "[").replace("]'", "]")
    assert shown == f"cannot use [{name}]: PGPASS=[hidden], nor mm12, on dev"
    assert found.failed


def test_what_the_program_only_prints_is_no_warning() -> None:
    found = read(said("info", "hello"), said("info#err", "hello"))
    assert (found.warnings, found.errors) == ((), ())


def test_variables_that_come_change_and_go_are_named() -> None:
    found = read(*replaced({"GOES": "1", "CHANGES": "2", "STAYS": "3"}, {"COMES": "1", "CHANGES": "4", "STAYS": "3"}))
    assert found.variables == ("~ CHANGES", "+ COMES", "- GOES")


def test_a_preview_survives_its_file() -> None:
    found = read(
        *replaced({"A": "1"}, {"B": "1"}),
        release(),
        said("warning", "careful"),
        said("error", "broken"),
        summary(replace=1, same=3),
        refresh=True,
        failed=True,
    )
    assert strict_json.read(Preview, json.loads(json.dumps(strict_json.fields(found)))) == found


def test_a_log_that_was_cut_short_is_read_as_far_as_it_goes() -> None:
    lines = [json.dumps(prelude()), json.dumps(release()), '{"sequence":2,"resou']
    assert len(events.parse("\n".join(lines))) == 2
    assert events.parse("") == []


def test_a_definition_that_is_not_known_or_secret_has_no_variables() -> None:
    for text in ("04da6b54-80e4-46f7-96ec-b56ff0331ba9", "[secret]", None, 7, "{}", "[1]", '["x"]'):
        assert diff.containers(text) == {}

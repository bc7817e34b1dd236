"""The diff of a preview is made from the engine's events: properties with their values, variables with their names."""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Mapping
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli import comment, diff, events, markdown
from functions import strict_json
from settings import description
from tests.unit.ci_preview_world import RELEASE, TASK_DEFINITION, UNKNOWN, definition, said, setting, step, summary

BUCKET = "aws:s3/bucket:Bucket"
FUNCTION = "aws:lambda/function:Function"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "[secret]"}
ASSET = {"4dabf18193072939515e22adb298388d": "0def7320c3a5731c473e5ecbe6d01bc7", "hash": "0123456789abcdef"}


def changed(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, kind: str = BUCKET, **more: Any) -> list[str]:
    """The lines below the one about the resource."""
    one = step("update", kind, "x", old=old, new=new)
    one["resourcePreEvent"]["metadata"] |= more
    return [line.strip() for line in diff.lines([one])[1:]]


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ({"a": 1, "b": True}, {"a": 2, "b": True}, ["~ a: 1 => 2"]),
        ({"a": "x"}, {"b": {"c": None, "d": []}, "e": ["y"]}, ['- a: "x"', '+ e[0]: "y"']),
        ({"a": {"b.c": [1, 2]}}, {"a": {"b.c": [1, 3]}}, ['~ a["b.c"][1]: 2 => 3']),
        ({"a": '{"b": [1]}'}, {"a": '{"b":[1], "c": "x"}'}, ['+ a.c: "x"']),
        (
            {"a": [{"name": "p", "v": 1}]},
            {"a": [{"name": "q"}, {"name": "p", "v": 2}]},
            ["~ a.p.v: 1 => 2", "+ a.q.name: "],
        ),
        ({"a": "[" * 500 + "]" * 500}, {"a": "x"}, ['~ a: "[[[[']),
        ({"a": "x"}, {"a": UNKNOWN}, ['~ a: "x" => [unknown]']),
        ({"a": {"b": "x"}}, {"a": "y"}, ['~ a: {…} => "y"']),
        ({"a": "x"}, {"a": SECRET}, ['~ a: "x" => [secret]']),
        ({"a": {**ASSET, "hash": "f" * 64}}, {"a": ASSET}, ["~ a: [ffffffffffff] => [0123456789ab]"]),
        (
            {"a": "x", "__defaults": []},
            {"a": "##[error]\u2028\n\x1b[0m", "__defaults": ["a"]},
            ['~ a: "x" => "##\\u005berror]\\u2028\\n\\u001b[0m"'],
        ),
        ({"e\u202e": 1}, {}, ['- ["e\\u202e"]: 1']),
    ],
)
def test_properties_are_compared_by_structure(old: Any, new: Any, shown: list[str]) -> None:
    found = changed(old, new) if new else changed(old, None)
    assert [line[: len(each)] for line, each in itertools.zip_longest(found, shown, fillvalue="")] == shown


@pytest.mark.parametrize(
    ("kind", "old", "new", "shown"),
    [
        (
            TASK_DEFINITION,
            definition({"GOES": "1", "STAYS": "2", "feature.flag": "on"}),
            definition({"COMES": "1", "STAYS": "2", "feature.flag": "off"}),
            [
                "+ containerDefinitions.easi-dev.environment.COMES: added",
                "- containerDefinitions.easi-dev.environment.GOES: removed",
                '~ containerDefinitions.easi-dev.environment["feature.flag"]: changed',
            ],
        ),
        (
            TASK_DEFINITION,
            definition({"A": "on"}),
            {**definition({}), "containerDefinitions": UNKNOWN},
            ["~ containerDefinitions: not known yet"],
        ),
        (
            TASK_DEFINITION,
            {"containerDefinitions": '[{"environment":"on"'},
            {"containerDefinitions": "on"},
            ["~ containerDefinitions: changed"],
        ),
        (
            FUNCTION,
            {"environment": {"variables": {"A": "on"}}},
            {"environment": {"variables": {"A": "off", "B": "on"}}},
            ["~ environment.variables.A: changed", "+ environment.variables.B: added"],
        ),
        (FUNCTION, {"environment": "on"}, {"environment": {"A": "on"}}, ["~ environment: changed"]),
        (FUNCTION, {"environment": ["on"]}, {"environment": ["off"]}, ["~ environment[0]: changed"]),
        (
            "pulumi:providers:x",
            {"easi:services": '{"backend":{"environment":{"A":"on"}}}'},
            {"easi:services": '{"backend":{"environment":{"A":"off"}}}'},
            ['~ ["easi:services"].backend.environment.A: changed'],
        ),
        (RELEASE, {"environment": "dev"}, {"environment": "impl"}, ["~ environment: changed"]),
    ],
)
def test_of_environment_variables_there_are_names(kind: str, old: Any, new: Any, shown: list[str]) -> None:
    assert changed(old, new, kind) == shown


def test_what_the_provider_names_is_compared_and_nothing_else() -> None:
    old, new = {"a": 1, "b": {"c.d": [1]}, "policy": "x"}, {"a": 2, "b": {"c.d": [2]}, "policy": "x"}
    assert changed(old, new, detailedDiff={'b["c.d"][0]': {"diffKind": "update"}}) == ['~ b["c.d"][0]: 1 => 2']
    assert changed(old, new, detailedDiff={"etag": {"diffKind": "update"}}) == ["~ etag: changed"]


def test_drift_is_what_a_refresh_found_and_what_would_be_brought_back() -> None:
    state = {"desired": 2, "taskDefinition": "easi:7", "release": None}
    steps = [
        step("refresh", RELEASE, "release", old=state, new=state, event="resOutputsEvent"),
        step("update", RELEASE, "release", old=state, new=state),
        step("refresh", BUCKET, "same", old={}, new={}, event="resOutputsEvent"),
        step("refresh", BUCKET, "gone", old={}, event="resOutputsEvent"),
    ]
    found = state | {"taskDefinition": "easi:6", "release": {"version": "a"}}
    steps[0]["resOutputsEvent"]["metadata"]["old"]["outputs"] = state
    steps[0]["resOutputsEvent"]["metadata"]["new"]["outputs"] = found
    steps[1]["resourcePreEvent"]["metadata"]["old"]["outputs"] = found
    shown = [
        f"~ {BUCKET} gone: refresh",
        "    it is not there any more",
        f"~ {RELEASE} release: refresh",
        '    + release.version: "a"',
        '    ~ taskDefinition: "easi:7" => "easi:6"',
        f"~ {RELEASE} release: update",
    ]
    for order in itertools.permutations(steps[:1] + steps[2:]):
        assert diff.lines([*order, steps[1]]) == shown, "the engine looks at resources in any order"


def test_a_replacement_is_one_operation_and_outputs_of_the_stack_are_shown() -> None:
    both: dict[str, Any] = {"old": {"a": 1}, "new": {"a": 2}}
    stack = step("same", diff.STACK, "easi-dev", old={}, new={}, event="resOutputsEvent", custom=False)
    for side, value in (("old", "x"), ("new", "y")):
        stack["resOutputsEvent"]["metadata"][side]["outputs"] = {"url": value}
    found = diff.lines(
        [
            step("create-replacement", BUCKET, "b", **both),
            step("replace", BUCKET, "b", **both),
            step("delete-replaced", BUCKET, "b", old={"a": 1}),
            step("same", BUCKET, "c", **both),
            step("update", "pulumi:providers:pulumi-python", "default", **both),
            step("delete", BUCKET, "d", old={}),
            stack,
        ]
    )
    assert found == [
        f"+- {BUCKET} b: replace",
        "    ~ a: 1 => 2",
        f"- {BUCKET} d: delete",
        f"~ {diff.STACK} easi-dev: outputs",
        '    ~ url: "x" => "y"',
    ]


HOSTILE = st.text(st.sampled_from("\r\v\f\x1c\x85\u2028\u2029\n\"'\\`]}{[: \x00\x1b$<&aé1"), max_size=12)
VALUES = st.one_of(
    HOSTILE,
    st.text(max_size=8),
    st.sampled_from(("on", "1", "", "true", "line one\nline\x85two", "a: 1\nb:\n  - c\n", "environment", UNKNOWN)),
    st.dictionaries(HOSTILE, HOSTILE, max_size=3).map(lambda found: json.dumps(found, ensure_ascii=False)),
)


def told(old: Mapping[str, str], new: Mapping[str, str] | None) -> list[str]:
    """Everything that leaves: the artifact, the log, the summary and the comment."""
    after = definition(new) if new is not None else {"containerDefinitions": UNKNOWN}
    function = [{"environment": {"variables": side or {}}, "memorySize": 128} for side in (old, new)]
    described = ({"backend": {"environment": side or {}}} for side in (old, new))
    config = [{"easi:services": json.dumps(services, ensure_ascii=False)} for services in described]
    log = [
        setting(new or old),
        step("replace", TASK_DEFINITION, "backend", old=definition(old), new=after, keys=["containerDefinitions"]),
        step("update", FUNCTION, "deploy", old=function[0], new=function[1]),
        step("update", "pulumi:providers:pulumi-python", "named", old=config[0], new=config[1]),
        step("delete", TASK_DEFINITION, "gone", old=definition(old)),
        step("create", TASK_DEFINITION, "comes", new=after),
        said("info", "dev: 399915e -> ed79594, 3 commits, built from this commit"),
        summary(replace=1, update=2, create=1, delete=1),
    ]
    lines = "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in log)
    found = events.read("dev", events.parse(lines))
    pages = (markdown.join(markdown.parts_of(found)), comment.body({"dev": found}))
    return [json.dumps(strict_json.fields(found)), found.diff, *pages]


# The same examples in each run, and no folder of those that failed; a machine may be busy. To read Pulumi.yaml takes
# longer than all the rest of an example.
@mock.patch.object(description, "declared_defaults", functools.cache(description.declared_defaults))
@settings(derandomize=True, deadline=None)
@given(st.dictionaries(st.text(max_size=6), st.tuples(VALUES, VALUES), max_size=4), st.booleans())
def test_nothing_that_is_told_depends_on_a_value(variables: Mapping[str, tuple[str, str]], known: bool) -> None:
    """With the same names and other values, as different from each other as these, the same is told."""
    others = {name: ("before", "before" if old == new else "after") for name, (old, new) in variables.items()}
    pairs = ([{name: values[side] for name, values in each.items()} for side in (0, 1)] for each in (variables, others))
    hostile, plain = (told(old, new if known else None) for old, new in pairs)
    assert hostile == plain

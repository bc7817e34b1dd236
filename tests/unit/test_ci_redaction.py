"""No value of an environment variable is in what a preview says; the names are."""

from __future__ import annotations

import json

import pytest

from ci import redaction
from ci.redaction import HIDDEN, Values
from tests.unit.ci_preview_world import prelude, replaced, setting, urn

CHANGED = """\
      ~ containerDefinitions: (json) [
          ~ [0]: {
                  ~ environment           : [
                        [0]: {
                                name : "KEPT"
                                value: "kept-secret"
                            }
                      ~ [1]: {
                                name : "feature.some-flag"
                              ~ value: "on" => "off"
                            }
                      ~ [2]: {
                                name : "JSONISH"
                              ~ value: (json) {
                                  ~ inner: "deep" => "deeper"
                                    n    : 7
                                }
                            }
                      ~ [3]: {
                                name : "MULTI"
                              ~ value:\x20
                                    first-line

                                  - ]
                                  + name : "mimicry"
                            }
                      ~ [4]: {
                              ~ name : "NUM" => "QUOTED"
                              ~ value: "1" => "say \\"hi\\" }"
                            }
                      + [5]: {
                              + name : "NEW"
                              + value: (yaml) {
                                  + a: "yaml-secret"
                                }

                            }
                      - [6]: {
                              - name : "OLD"
                              - value: "gone"
                            }
                    ]
                    essential             : true
                    image                 : "r@sha256:00"
                    secrets               : [
                        [0]: {
                                name     : "TOKEN"
                                valueFrom: "arn:aws:ssm:us-west-2:1:parameter/token"
                            }
                    ]
                }
        ]
    ~ pulumi-python:dynamic/release:Release: (update)
        environment    : "dev"
"""
"""As Pulumi 3.232 prints a changed definition."""
WHOLE = """\
      ~ containerDefinitions: (json) [
      -     [0]: {
              - environment           : [
              -     [0]: {
                      - name : "feature.some-flag"
                      - value: "on"
                    }
              -     [1]: {
                      - name : "JSONISH"
                      - value: (json) {
                          - inner: "deep-json-secret"
                        }

                    }
                ]
              - essential             : true
              - name                  : "easi-dev"
            }
        ]
 => [unknown]
"""
"""As it prints one that goes as a whole, because the new image is not known."""


def test_values_in_a_changed_definition_are_hidden_however_they_are_printed() -> None:
    made = Values().hide_in_diff(CHANGED)
    for value in ("kept", '"on"', '"off"', "deep", "first", "mimicry", '"1"', "say", "yaml", "gone", "n    :"):
        assert value not in made
    assert made.count(f"value: {HIDDEN}") == 7
    for name in ("KEPT", "feature.some-flag", "JSONISH", "MULTI", "NUM", "QUOTED", "NEW", "OLD"):
        assert f'"{name}"' in made


def test_what_is_no_value_stays_line_by_line() -> None:
    made = Values().hide_in_diff(CHANGED).splitlines()
    before = CHANGED.splitlines()
    assert made[:3] == before[:3]
    end = before.index("                    ]")
    assert made[-len(before[end:]) :] == before[end:]


def test_values_in_a_definition_that_goes_as_a_whole_are_hidden() -> None:
    made = Values().hide_in_diff(WHOLE)
    assert '"on"' not in made
    assert "deep-json-secret" not in made
    assert made.count(f"- value: {HIDDEN}") == 2
    assert made.endswith(WHOLE[WHOLE.index("                ]") :].rstrip("\n"))


def test_a_definition_that_is_printed_as_a_text_has_no_values() -> None:
    text = json.dumps(json.dumps([{"environment": [{"name": "A", "value": 'on "x"'}, {"name": "B", "value": "b"}]}]))
    made = Values().hide_in_diff(f"  + containerDefinitions: {text}")
    assert "on" not in made.replace("containerDefinitions", "").replace("environment", "")
    assert made.count(HIDDEN) == 2


@pytest.mark.parametrize(
    "value",
    [
        "xyzzy-distinct-plugh",
        'say "hi" <b>&amp; ```x``` back\\slash',
        "first-line-m1\nsecond-line-m2\n",
        '{"inner":"deep-json-secret","n":7}',
        "postgres://app:hunter2@db/easi",
        "größer als ein Wert",
        "$1 (regex) [chars]+ \\g<0>",
    ],
)
@pytest.mark.parametrize(
    "spelled",
    [
        str,
        json.dumps,
        lambda value: json.dumps(value, ensure_ascii=False),
        lambda value: json.dumps(json.dumps(value)),
        lambda value: json.dumps(value).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"),
        repr,
    ],
)
def test_a_distinctive_value_is_found_anywhere_in_any_spelling(value: str, spelled: object) -> None:
    assert callable(spelled)
    values = redaction.values([setting({"A": value})])
    for hide in (values.hide, values.hide_in_diff):
        assert hide(f"cannot use {spelled(value)}, sorry").strip('"') in {
            f"cannot use {HIDDEN}, sorry",
            f'cannot use "{HIDDEN}", sorry',
            f"cannot use '{HIDDEN}', sorry",
            f'cannot use "\\"{HIDDEN}\\"", sorry',
        }


def test_values_of_before_are_hidden_as_well_as_those_to_come() -> None:
    values = redaction.values(replaced({"A": "value-before"}, {"A": "value-after"}))
    assert values.hide("value-before, value-after") == f"{HIDDEN}, {HIDDEN}"


def test_a_value_that_is_the_beginning_of_another_leaves_no_rest() -> None:
    values = redaction.values(replaced({"A": "secret"}, {"A": "secret-and-more"}))
    assert values.hide("secret-and-more secret") == f"{HIDDEN} {HIDDEN}"


def test_parts_of_a_value_that_are_printed_alone_are_hidden() -> None:
    value = json.dumps({"user": "a", "password": ["hunter2hunter2"], "text": "line one\nline two"})
    values = redaction.values([setting({"A": value})])
    assert values.hide("hunter2hunter2 / line one / line two") == f"{HIDDEN} / {HIDDEN} / {HIDDEN}"


def test_a_short_value_is_hidden_in_a_message_only_where_it_is_quoted() -> None:
    values = redaction.values([setting({"feature.some-flag": "on"})])
    assert values.hide("'on' is no number: \"on\"; depends on it") == f"{HIDDEN} is no number: {HIDDEN}; depends on it"


def test_a_value_of_a_few_characters_is_hidden_in_a_message_where_it_is_a_word() -> None:
    values = redaction.values([setting({"feature.some-flag": "maybe"})])
    assert values.hide("boom on maybe: maybes are none") == f"boom on {HIDDEN}: maybes are none"


def test_what_the_program_sets_itself_is_no_secret() -> None:
    values = redaction.values(replaced({}, {}))
    assert values.hide('dev answers at /api/v1/healthcheck, "dev"') == 'dev answers at /api/v1/healthcheck, "dev"'


def test_the_region_and_names_of_resources_stay_readable() -> None:
    events = [
        prelude(**{"easi:backendEnvironment": json.dumps({"REGION": "us-west-2", "SERVICE": "backend"})}),
        *replaced({}, {}),
    ]
    text = f"arn:aws:ecs:us-west-2:1:x {urn('aws:ecs/service:Service', 'backend')}"
    assert redaction.values(events).hide_in_diff(text) == text


def test_what_looks_like_a_secret_is_hidden_in_a_message_whosever_it_is() -> None:
    message = "error: dial postgres://easi:Winter@2026!@db/easi: PGPASS=hunter2 refused"
    assert Values().hide(message) == "error: dial postgres://easi:[hidden]@db/easi: PGPASS=[hidden] refused"
    assert "2026" not in Values().hide_in_diff(f"  {message}\n  a: b", [message])


def test_a_value_is_hidden_although_it_is_a_part_of_a_name() -> None:
    events = [setting({"A": "ackend"}), *replaced({}, {})]
    assert HIDDEN in redaction.values(events).hide("ackend")


def test_without_events_nothing_is_known_and_nothing_breaks() -> None:
    assert redaction.values([]) == Values()
    assert redaction.values([prelude(**{"easi:backendEnvironment": "[secret]"})]) == Values()
    assert Values().hide_in_diff("") == ""

"""docs/settings.md says what the settings are."""

from __future__ import annotations

from docs import settings_table


def test_the_page_of_settings_is_what_is_generated_from_them() -> None:
    written = settings_table.PAGE.read_text()
    assert written == settings_table.page(), "to make it anew:  python -m docs.settings_table"


def test_every_setting_has_a_row() -> None:
    rows = [line for line in settings_table.page().splitlines() if line.startswith("| `")]
    fields = [path for kind in settings_table.KINDS.values() for path, _ in settings_table.leaves(kind)]
    assert len(rows) == len(settings_table.declared()) - len(settings_table.KINDS) + len(fields)
    assert any(row.startswith("| `cpu` | integer | `256` | one of 256, 512") for row in rows)


def test_changes_are_told_the_gravest_first() -> None:
    changes = {
        "easi:service:EcsService$aws:ecs/taskDefinition:TaskDefinition::backend": "replace",
        "release:index:Release::release": "update",
        "aws:iam/role:Role::a": "delete",
    }
    said = settings_table.effect(changes)
    assert said == "replaces TaskDefinition `backend`; removes Role `a`; updates Release `release`"
    many = settings_table.effect({f"aws:ec2/subnet:Subnet::{number}": "update" for number in range(6)})
    assert many == "updates 6 of Subnet"
    kinds = settings_table.effect({f"aws:x/{kind}:{kind}::a": "update" for kind in "ABCDEF"})
    assert kinds == "updates A `a`, B `a`, C `a`, D `a`, 2 more"
    assert settings_table.effect({}) == "nothing: the next release has it"

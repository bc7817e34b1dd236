"""What a reviewer of production reads: what changes, in the same words each time, and nothing beside it."""

from __future__ import annotations

import os
import re

from tests.local.clone import Clone

PREVIEW = "pulumi preview -s prod --diff --color never"


def preview(easi: Clone) -> str:
    """A preview without the lines that say how far it is."""
    done = easi.shell(f"{PREVIEW} 2>&1")
    assert done.returncode == 0, done.stdout
    return "\n".join(line for line in done.stdout.splitlines() if not line.startswith("@ "))


def test_preview_without_a_change_shows_no_resource(easi: Clone) -> None:
    shown = preview(easi)
    assert re.search(r"Resources:\s+\d+ unchanged", shown), shown
    assert "aws:" not in shown


def test_what_a_machine_adds_to_the_sources_is_no_change(easi: Clone) -> None:
    sources = [path for path in (easi.root / "example" / "backend").iterdir() if path.is_file()]
    modes = {path: path.stat().st_mode for path in sources}
    for path in sources:
        path.chmod(0o600)
        os.utime(path, (1, 1))
    try:
        done = easi.shell("pulumi preview -s dev --expect-no-changes --color never 2>&1")
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
    assert done.returncode == 0, done.stdout


def test_preview_of_a_setting_shows_its_consequences_only(easi: Clone) -> None:
    variable = "-s prod --path easi:services.backend.environment.GREETING"
    easi.shell(f"pulumi config set {variable} hello")
    try:
        first, second = preview(easi), preview(easi)
    finally:
        # The whole setting: an empty one that is left would hide what later commits set.
        easi.shell("pulumi config rm --path -s prod easi:services.backend.environment")
    assert first == second
    operations = re.findall(r"^ +([~+-]+ ?\S+:\S+): \((\w+)\)$", first, re.MULTILINE)
    assert operations == [
        ("+-aws:ecs/taskDefinition:TaskDefinition", "replace"),
        ("~ release:index:Release", "update"),
    ]
    changed = [line.split(":")[0] for line in re.findall(r"^ +[~+-] +(\w+ *: .*)$", first, re.MULTILINE)]
    assert {name.strip() for name in changed} == {
        "containerDefinitions",
        "environment",
        "name",
        "value",
        "services",
        "backend",
        "taskDefinition",
    }

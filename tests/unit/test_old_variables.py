"""A variable that is set by its old name: nothing else is released instead, and the message names the new one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pulumi
import pytest

import ci
from local import up
from local.layout import Layout, LocalError
from release import __main__ as release
from release import invocation
from tests.unit.environments import released, world_in

OLD_AND_NEW: Final = [
    ("EASI_VERSION", "RELEASE_VERSION"),
    ("EASI_BREAK_GLASS_REASON", "RELEASE_REASON"),
    ("EASI_RESTART", "RELEASE_RESTART"),
]
BOTH_ARE_NAMED: Final = "{} is not read any more: unset it, and set {} instead."


@pytest.mark.parametrize(("old", "new"), OLD_AND_NEW)
def test_nothing_is_released(old: str, new: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(old, "3" * 40)
    with pytest.raises(pulumi.RunError, match=BOTH_ARE_NAMED.format(old, new)):
        invocation.load()
    with pytest.raises(LocalError, match=BOTH_ARE_NAMED.format(old, new)):
        up.run(Layout(tmp_path), ("dev",), "local")


@pytest.mark.parametrize(("old", "new"), OLD_AND_NEW)
@pytest.mark.parametrize(("main", "verb"), [(release.main, "explain"), (ci.main, "evidence"), (ci.main, "proof")])
def test_no_other_version_is_judged(
    main: Callable[[list[str]], int],
    verb: str,
    old: str,
    new: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    world = world_in(tmp_path, monkeypatch)
    world.add("dev", released(world.third))
    world.write()
    monkeypatch.setenv(old, world.first)

    assert main([verb, "-s", "dev"]) == 2
    assert BOTH_ARE_NAMED.format(old, new) in capsys.readouterr().err


def test_an_empty_one_asks_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, _ in OLD_AND_NEW:
        monkeypatch.setenv(variable, "")
    assert invocation.load().requested_version is None


def test_all_of_them_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, _ in OLD_AND_NEW:
        monkeypatch.setenv(variable, "x")
    with pytest.raises(pulumi.RunError) as refused:
        invocation.load()
    assert [line.split()[0] for line in str(refused.value).splitlines()] == [old for old, _ in OLD_AND_NEW]

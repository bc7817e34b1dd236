"""What both command lines say to wrong usage."""

from __future__ import annotations

import threading

import pytest

from ci import main as ci
from cli import status
from release.__main__ import main as release
from tests.unit.environments import World, released


@pytest.mark.parametrize("verb", ["status", "history", "recover"])
def test_an_environment_without_its_option_is_a_hint(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        release([verb, "prod"])
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert f"error: unrecognized arguments: prod\n  did you mean:  python -m release {verb} -s prod\n" in said


def test_the_environment_of_explain_is_told_from_a_version(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.add("prod", released(world.first))
    world.selected = "prod"
    world.write()
    (world.folder / "Pulumi.prod.yaml").touch()

    assert release(["explain", "prod"]) == 2
    said = capsys.readouterr().err
    assert said.endswith("a version was expected.\n  did you mean:  python -m release explain -s prod\n")


@pytest.mark.parametrize("arguments", [["--x"], ["status", "--stcak", "prod"], ["history", "-s", "prod", "--jsno"]])
def test_another_mistake_has_no_hint_that_does_not_fit(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    with pytest.raises(SystemExit):
        release(arguments)
    said = capsys.readouterr().err
    assert f"unrecognized arguments: {' '.join(word for word in arguments if word.startswith('--'))}" in said
    assert "-s prod --" not in said


def test_a_verb_that_needs_its_environment_names_the_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        ci(["proof", "prod"])
    assert ended.value.code == 2
    assert "the following arguments are required: -s/--stack" in capsys.readouterr().err


def test_what_is_printed_moves_no_cursor_and_commands_no_runner(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.add("prod", released(world.first))
    assert release(["explain", "-s", "prod\x1b[2J\n::error::\u2028x\udce9"]) == 2
    said = capsys.readouterr().err
    assert "prod\n\\u003a:error::\\u2028x\ufffd" in said
    assert "\x1b" not in said


def test_an_interrupt_that_comes_out_as_the_error_of_a_lock_is_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def waits(_options: object) -> int:
        try:
            raise KeyboardInterrupt
        finally:
            threading.Lock().release()

    monkeypatch.setattr(status, "run", waits)
    assert release(["status", "-s", "prod"]) == 130
    assert capsys.readouterr().err == "interrupted\n"

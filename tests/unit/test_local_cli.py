"""`python -m local`, and the make targets that call it."""

from __future__ import annotations

import argparse

import pytest

from local import cli


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["up"], "Interrupted. To continue:  make up"),
        (["up", "--env", "dev"], "Interrupted. To continue:  make up ENV=dev"),
        (["down"], "Interrupted. To continue:  make down"),
        (["logs", "--env", "dev"], "Interrupted."),
    ],
)
def test_what_was_interrupted_is_continued_as_it_was_asked_for(
    arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_options: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_run", interrupted)

    assert cli.main(arguments) == cli.INTERRUPTED
    assert capsys.readouterr().err.splitlines() == [said]

"""`python -m local`, and the make targets that call it."""

from __future__ import annotations

import argparse

import pytest

from local import cli
from local.layout import LocalError
from settings.names import ProjectError


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


@pytest.mark.parametrize("kind", [LocalError, ProjectError])
def test_what_a_person_can_mend_is_one_error(
    kind: type[Exception], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(_options: argparse.Namespace) -> int:
        raise kind("Pulumi.yaml is not valid YAML")

    monkeypatch.setattr(cli, "_run", refused)

    assert cli.main(["up"]) == 1
    assert capsys.readouterr().err.splitlines() == ["error: Pulumi.yaml is not valid YAML"]

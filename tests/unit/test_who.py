"""Who releases."""

from __future__ import annotations

import socket

import pytest

from release.who import who

CI = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_ACTOR": "octocat",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "o/r",
    "GITHUB_RUN_ID": "1",
}


def test_a_ci_run_is_named_with_its_address() -> None:
    assert who("arn:aws:sts::1:assumed-role/deploy/session", CI) == "octocat, https://github.com/o/r/actions/runs/1"


def test_whoever_ran_it_again_is_who_releases() -> None:
    assert who("", {**CI, "GITHUB_TRIGGERING_ACTOR": "hubot"}).startswith("hubot, ")


def test_a_person_is_named_with_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "ann")
    assert who("", {}) == f"ann@{socket.gethostname()}"


def test_a_user_without_a_name_is_named_by_the_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 1234")

    monkeypatch.setattr("getpass.getuser", nameless)
    assert who("arn:aws:sts::1:assumed-role/deploy/ann", {}) == f"ann@{socket.gethostname()}"

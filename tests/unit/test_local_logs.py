"""Which logs `python -m local logs` shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local import logs
from local.emulator import process as emulator
from local.emulator.process import Running
from local.layout import Layout, LocalError

ONE, SEVERAL = ("web",), ("backend", "worker")


@pytest.mark.parametrize(
    ("source", "services", "meant"),
    [
        (None, ONE, ("web",)),
        ("backend", ONE, ("web",)),
        (None, SEVERAL, ("backend",)),
        ("web", ONE, ("web",)),
        ("backend", SEVERAL, ("backend",)),
        ("worker", SEVERAL, ("worker",)),
        ("lambda", SEVERAL, SEVERAL),
    ],
)
def test_a_source_is_a_service_or_all_functions(
    source: str | None, services: tuple[str, ...], meant: tuple[str, ...]
) -> None:
    assert logs.sources(source, services) == meant


@pytest.mark.parametrize(("source", "services"), [("wroker", SEVERAL), ("backend", ("web", "worker"))])
def test_another_source_is_refused_with_those_that_there_are(source: str, services: tuple[str, ...]) -> None:
    with pytest.raises(LocalError, match=rf"no log of '{source}': expected one of {', '.join(services)}, lambda, emu"):
        logs.sources(source, services)


def test_without_a_service_those_that_there_are_are_named() -> None:
    with pytest.raises(LocalError, match=r"^whose log\? One of web, worker, lambda, emulator$"):
        logs.sources(None, ("web", "worker"))


def test_a_description_of_no_service_has_no_log_of_one() -> None:
    with pytest.raises(LocalError, match=r"^no service is described, so that none has a log; there is: emulator$"):
        logs.sources(None, ())


class Client:
    """CloudWatch Logs, in which every group has one event."""

    class exceptions:  # noqa: N801 - boto3's name
        ResourceNotFoundException = KeyError

    def get_paginator(self, _operation: str) -> Client:
        return self

    def paginate(self, *, logGroupName: str, startTime: int) -> object:  # noqa: N803 - boto3's names
        yield {"events": [{"logStreamName": "s", "timestamp": startTime, "message": logGroupName}]}


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("backend", ["dev  00:00:00 s /ecs/shop-dev"]),
        ("worker", ["dev  00:00:00 s /ecs/shop-dev-worker"]),
        (
            "lambda",
            [
                "dev backend 00:00:00 s /aws/lambda/shop-dev-deploy",
                "dev worker 00:00:00 s /aws/lambda/shop-dev-worker-deploy",
            ],
        ),
    ],
)
def test_the_logs_of_each_service_have_its_name(
    source: str, shown: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    services = {name: {"build": {"context": "."}} for name in SEVERAL}
    project = {"name": "shop", "config": {"services": {"type": "object", "default": services}}}
    (tmp_path / "Pulumi.yaml").write_text(json.dumps(project))
    monkeypatch.setattr(emulator, "running", lambda _: Running)
    monkeypatch.setattr(
        logs, "variables", lambda _: {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_REGION": "us-west-2"}
    )
    monkeypatch.setattr(logs, "client", lambda *_: Client())
    assert logs.run(Layout(tmp_path), source, environment="dev", follow=False, lines=10) == 0
    assert capsys.readouterr().out.splitlines() == shown

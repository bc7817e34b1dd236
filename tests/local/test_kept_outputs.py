"""What becomes of a stack's outputs when an update does not end well: Pulumi's engine, a small program, no AWS."""

from __future__ import annotations

import json
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.local.engine_project import PYTHON, Project, make_project

PROGRAM = """
import os

import pulumi

from release import stack_outputs

stack_outputs.keep(stack_outputs.read(pulumi.get_stack()))

how = os.environ.get("HOW", "")
if how == "refused":
    raise pulumi.RunError("it is refused")
if how:
    made = pulumi.CustomResource("tests:index:Resource", how, {"how": how})
    pulumi.export("late", made.id)
pulumi.export("token", pulumi.Output.secret("hunter2"))
pulumi.export("url", {"of": "what runs"})
"""
PROVIDER = """
import time

import grpc
from pulumi.runtime.proto import provider_pb2

from release.plugin import serve
from release.servicer import Servicer


class Slow(Servicer):
    def Check(self, request, context):
        return provider_pb2.CheckResponse(inputs=request.news)

    def Create(self, request, context):
        if request.properties["how"] == "failed":
            context.abort(grpc.StatusCode.UNKNOWN, "it broke")
        time.sleep(10 if request.properties["how"] == "canceled" else 0)
        return provider_pb2.CreateResponse(id="id", properties=request.properties)


serve(Slow())
"""
SHOWN = """\
Outputs:
    token: [secret]
    url  : {
        of: "what runs"
    }
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A stack that was updated once."""
    made = make_project(tmp_path, "kept/only", PROGRAM, ("tests", f"#!{PYTHON}{PROVIDER}"))
    code, printed = made.run("up", "--yes", "--skip-preview")
    assert code == 0, printed
    return made


def outputs_of(project: Project) -> dict[str, Any]:
    """As they are in the state, with the secret one still encrypted there."""
    _, exported = project.run("stack", "export")
    assert "hunter2" not in exported
    outputs: dict[str, Any] = json.loads(project.run("stack", "output", "--json", "--show-secrets")[1])
    return outputs


@pytest.mark.parametrize(("how", "told"), [("refused", "error: it is refused"), ("failed", "error: it broke")])
def test_they_stay_and_are_shown_as_they_are(project: Project, how: str, told: str) -> None:
    before = outputs_of(project)
    code, said = project.run("up", "--yes", "--skip-preview", HOW=how)
    assert code != 0
    assert told in said
    assert SHOWN in said, said
    assert outputs_of(project) == before == {"token": "hunter2", "url": {"of": "what runs"}}


def test_they_stay_when_somebody_cancels_what_then_succeeds(project: Project) -> None:
    """Here the engine takes exactly what was registered: nothing would be all of it."""
    before = outputs_of(project)
    process = project.start("up", "--yes", "--skip-preview", HOW="canceled")
    assert process.stdout is not None
    said = ""
    while not re.search(r"Resource canceled creating", said):
        said += process.stdout.readline()
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    said += process.communicate(timeout=120)[0]
    assert "canceled created" in said
    assert SHOWN in said, said
    assert outputs_of(project) == before


def test_what_an_update_that_succeeds_exports_replaces_them(project: Project) -> None:
    code, said = project.run("up", "--yes", "--skip-preview", HOW="made")
    assert code == 0, said
    assert outputs_of(project)["late"] == "id"

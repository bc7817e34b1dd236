"""What becomes of a stack's outputs when an update does not end well: Pulumi's engine, a small program, no AWS."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.layout import here
from tests.local.clone import ROOT

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


@dataclass(frozen=True)
class Project:
    """A stack that was updated once."""

    folder: Path
    environment: dict[str, str]

    def start(self, *arguments: str, how: str = "") -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["pulumi", *arguments, "-s", "only", "--non-interactive", "--color", "never"],
            cwd=self.folder,
            env={**self.environment, "HOW": how},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str, how: str = "") -> tuple[int, str]:
        process = self.start(*arguments, how=how)
        said, _ = process.communicate(timeout=120)
        return process.returncode, said

    def outputs(self) -> dict[str, Any]:
        """As they are in the state, with the secret one still encrypted there."""
        _, exported = self.run("stack", "export")
        assert "hunter2" not in exported
        found: dict[str, Any] = json.loads(self.run("stack", "output", "--json", "--show-secrets")[1])
        return found


@pytest.fixture
def project(tmp_path: Path) -> Project:
    engine = Path(json.loads((here().local / "engine" / "engine.json").read_text())["path"])
    (tmp_path / "Pulumi.yaml").write_text(
        f"name: kept\nruntime: {{name: python, options: {{virtualenv: {ROOT / '.venv'}}}}}\n"
        "plugins: {providers: [{name: tests, path: provider}]}\n"
    )
    plugin = tmp_path / "provider" / "pulumi-resource-tests"
    plugin.parent.mkdir()
    plugin.write_text(f"#!{ROOT / '.venv' / 'bin' / 'python'}{PROVIDER}")
    plugin.chmod(0o755)
    (tmp_path / "__main__.py").write_text(PROGRAM)
    (tmp_path / "state").mkdir()
    hidden = ("AWS_", "PULUMI_", "EASI_", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    made = Project(
        tmp_path,
        {
            **kept,
            "PATH": os.pathsep.join([str(engine.parent), kept["PATH"]]),
            "PYTHONPATH": str(ROOT),
            "PULUMI_BACKEND_URL": f"file://{tmp_path / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_HOME": str(tmp_path / "home"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        },
    )
    code, said = made.run("stack", "init")
    assert code == 0, said
    code, said = made.run("up", "--yes", "--skip-preview")
    assert code == 0, said
    return made


@pytest.mark.parametrize(("how", "told"), [("refused", "error: it is refused"), ("failed", "error: it broke")])
def test_they_stay_and_are_shown_as_they_are(project: Project, how: str, told: str) -> None:
    before = project.outputs()
    code, said = project.run("up", "--yes", "--skip-preview", how=how)
    assert code != 0
    assert told in said
    assert SHOWN in said, said
    assert project.outputs() == before == {"token": "hunter2", "url": {"of": "what runs"}}


def test_they_stay_when_somebody_cancels_what_then_succeeds(project: Project) -> None:
    """Here the engine takes exactly what was registered: nothing would be all of it."""
    before = project.outputs()
    process = project.start("up", "--yes", "--skip-preview", how="canceled")
    assert process.stdout is not None
    said = ""
    while not re.search(r"Resource canceled creating", said):
        said += process.stdout.readline()
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    said += process.communicate(timeout=120)[0]
    assert "canceled created" in said
    assert SHOWN in said, said
    assert project.outputs() == before


def test_what_an_update_that_succeeds_exports_replaces_them(project: Project) -> None:
    code, said = project.run("up", "--yes", "--skip-preview", how="made")
    assert code == 0, said
    assert project.outputs()["late"] == "id"

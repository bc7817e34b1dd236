"""A Pulumi project of a test's own: the real engine, a small program, one plugin, its state in a folder."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.layout import here
from tests.local.clone import ROOT

PYTHON = ROOT / ".venv" / "bin" / "python"


@dataclass(frozen=True)
class Project:
    """A stack that was never updated."""

    folder: Path
    stack: str
    environment: Mapping[str, str]

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["pulumi", *arguments, "-s", self.stack, "--non-interactive", "--color", "never"],
            cwd=self.folder,
            env={**self.environment, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str, **variables: str) -> tuple[int, str]:
        """The exit code, and what was printed."""
        process = self.start(*arguments, **variables)
        printed, _ = process.communicate(timeout=240)
        return process.returncode, printed


def make_project(
    folder: Path, stack: str, program: str, plugin: tuple[str, str], variables: Mapping[str, str] | None = None
) -> Project:
    """`stack` is the project's name, a slash and the stack's; `plugin` a package and the script that serves it."""
    name, _, stack = stack.partition("/")
    package, script = plugin
    engine = Path(json.loads((here().local / "engine" / "engine.json").read_text())["path"])
    (folder / "Pulumi.yaml").write_text(
        f"name: {name}\nruntime: {{name: python, options: {{virtualenv: {ROOT / '.venv'}}}}}\n"
        f"plugins: {{providers: [{{name: {package}, path: provider}}]}}\n"
    )
    executable = folder / "provider" / f"pulumi-resource-{package}"
    executable.parent.mkdir()
    executable.write_text(script)
    executable.chmod(0o755)
    (folder / "__main__.py").write_text(program)
    (folder / "state").mkdir()
    hidden = ("AWS_", "PULUMI_", "LOCAL_", "RELEASE_", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    project = Project(
        folder,
        stack,
        {
            **kept,
            "PATH": os.pathsep.join([str(engine.parent), kept["PATH"]]),
            "PYTHONPATH": str(ROOT),
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            **(variables or {}),
        },
    )
    code, printed = project.run("stack", "init")
    assert code == 0, printed
    return project

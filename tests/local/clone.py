"""A clone of this working tree, driven as a person does it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import new
from local.layout import here
from tests.local import emulated

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ("dev", "impl", "prod")


@dataclass
class Clone:
    """A clone whose local environments are up."""

    root: Path
    first_up: str = ""
    """What the first `up` printed."""
    first_version: str = ""

    @property
    def python(self) -> str:
        return str(self.root / ".venv" / "bin" / "python")

    @property
    def why_not_up(self) -> str:
        """Why there are no local environments in it, and what to do; empty where they are up."""
        if (self.root / ".local" / "emulator" / "state.json").exists():
            return ""
        return f"no local environments in {self.root}: `make up` there, or name another clone"

    @property
    def version(self) -> str:
        """The commit that is checked out."""
        return self.git("rev-parse", "HEAD").strip()

    @property
    def port(self) -> int:
        return int(json.loads((self.root / ".local" / "emulator" / "state.json").read_text())["port"])

    def local(
        self, *arguments: str, timeout_s: float = 600, variables: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """`python -m local <verb>`, both streams together as a CI log has them; `variables` are the caller's."""
        return subprocess.run(
            [sys.executable, "-m", "local", *arguments],
            cwd=self.root,
            env=caller_environment() | dict(variables or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def shell(
        self, script: str, timeout_s: float = 300, variables: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """A script in the local shell, entered as the README says; `variables` are the caller's."""
        enter = f'eval "$({self.python} -m local env)"\n'
        return subprocess.run(
            ["sh", "-euc", enter + script],
            cwd=self.root,
            env=caller_environment() | dict(variables or {}),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def run(self, script: str, timeout_s: float = 300) -> str:
        """What a script in the local shell prints that succeeds."""
        done = self.shell(script, timeout_s)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr
        return done.stdout

    def up(self, *arguments: str, variables: Mapping[str, str] | None = None) -> str:
        """What `python -m local up` prints, which succeeds."""
        done = self.local("up", *arguments, variables=variables)
        assert done.returncode == 0, done.stdout[-6000:]
        return done.stdout

    def update(self, environment: str, variables: str = "", *, options: str = "") -> tuple[int, str]:
        """`pulumi up` of one environment as CI runs it, after the `variables` of a shell: exit code and output."""
        command = f"{variables} pulumi up -s {environment} --yes --skip-preview {options} 2>&1"
        done = self.shell(command, timeout_s=1200)
        return done.returncode, done.stdout

    def lift(self, environment: str) -> None:
        """End the hold of a roll back, and leave the version that was taken back, which stays refused."""
        self.run(f"python -m release hold -s {environment} --lift --reason 'the next test'")
        self.commit("after a roll back")

    def aws(self, service: str) -> Any:
        """A client of its emulator, as the account's administrator in the environments' Region."""
        return emulated.client(f"http://127.0.0.1:{self.port}", service)

    def outputs(self, environment: str) -> Mapping[str, Any]:
        """The outputs of a stack, in Pulumi's own words."""
        found: dict[str, Any] = json.loads(self.run(f"pulumi stack output -s {environment} --json"))
        return found

    def get(self, address: str) -> tuple[int, bytes]:
        """Status and body at a public address."""
        parts = urllib.parse.urlsplit(address)
        return emulated.get(parts.port or 80, parts.path or "/", parts.netloc)

    def health(self, environment: str) -> dict[str, Any]:
        """What an environment's health check answers now."""
        status, body = self.get(self.outputs(environment)["healthcheckUrl"])
        assert status == 200, body
        found: dict[str, Any] = json.loads(body)
        return found

    def git(self, *arguments: str) -> str:
        return subprocess.run(
            ["git", "-c", "user.name=test", "-c", "user.email=test@example.org", *arguments],
            cwd=self.root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def commit(self, message: str) -> str:
        """Commit everything; the new version."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.version


def caller_environment() -> dict[str, str]:
    """The caller's environment, with this clone's engine to hand on and no port or stack of anybody else's."""
    hidden = ("AWS_", "PULUMI_", "LOCAL_", "RELEASE_", "PYTHONPATH", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    if (ROOT / ".local" / "engine" / "engine.json").exists():
        kept["LOCAL_ENGINE_CACHE"] = str(ROOT / ".local" / "engine")
    return kept


def clone_to(target: Path) -> Clone:
    """A clone of HEAD with what is changed in the working tree committed on top, and this virtual environment."""
    subprocess.run(["git", "clone", "--quiet", "--no-local", ROOT, target], check=True, capture_output=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    for name in {*filter(None, listed.decode().split("\0"))} - {".venv"}:  # a link is listed, a folder is ignored
        source, copy = ROOT / name, target / name
        copy.unlink(missing_ok=True)
        if source.is_symlink() or source.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy, follow_symlinks=False)
    clone = Clone(target)
    (target / ".git" / "info" / "exclude").write_text(".venv\n")  # as a link, it is no folder for .gitignore
    if clone.git("status", "--porcelain").strip():
        clone.commit("the working tree")
    (target / ".venv").symlink_to(ROOT / ".venv")
    return clone


def application_in(target: Path, example: str) -> Clone:
    """The project in a repository of an application of docs/examples, made as docs/adopt.md says."""
    source, project = ROOT / "docs" / "examples" / example, target / "deploy"
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("dist"))
    assert new.run(here(), project, target.name, source / "description.yaml") == 0
    clone = Clone(project)
    clone.git("init", "--quiet", "--initial-branch", "main", str(target))
    (target / ".git" / "info" / "exclude").write_text(".venv\n")  # as a link, it is no folder for .gitignore
    (project / ".venv").symlink_to(ROOT / ".venv")
    clone.commit("the application and its release program")
    return clone

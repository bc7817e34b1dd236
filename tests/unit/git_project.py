"""A project in a repository of Git, as far as the version of a release depends on it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from release.tree import Sources
from settings.service import Build
from settings.site import Site

SOURCES = Sources(
    images={"backend": Build(context="example/backend")}, sites={"site": Site(folder="example/frontend/dist")}
)
FILES = {
    ".gitignore": "node_modules/\n*.local\nignored.go\n/example/frontend/dist/\n",
    "README.md": "a project\n",
    "Pulumi.yaml": json.dumps(
        {
            "name": "easi",
            "config": {
                "services": {"default": {"backend": {"build": {"context": SOURCES.images["backend"].context}}}},
                "sites": {"default": {"site": {"folder": SOURCES.sites["site"].folder}}},
            },
        }
    ),
    "Pulumi.impl.yaml": 'config: {"easi:promoteFrom": dev}\n',
    "example/backend/Dockerfile": "FROM scratch\nCOPY *.go ./\n",
    "example/backend/.dockerignore": "*\n!*.go\n*_test.go\n",
    "example/backend/main.go": "package main\n",
    "example/backend/main_test.go": "package main\n",
    "example/frontend/package.json": "{}\n",
    "example/frontend/src/main.ts": "export {};\n",
    "functions/deploy/handler.py": "",
}


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=test", "-c", "user.email=test@example.org", "-C", folder, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def project(folder: Path, *, commits: int = 1) -> Path:
    """A clean clone, with as many commits as asked for."""
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "the first")
    for number in range(1, commits):
        git(folder, "commit", "--quiet", "--allow-empty", "-m", f"number {number + 1}")
    (folder / "example/frontend/dist").mkdir()
    (folder / "example/frontend/dist/version.json").write_text("{}")
    (folder / "example/frontend/node_modules").mkdir()
    (folder / "example/frontend/node_modules/react.js").write_text("")
    return folder

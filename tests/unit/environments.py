"""Environments for the verbs' tests: a `pulumi` that answers from files, and the objects of buckets in memory."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from release import environment_before, records, session, stack, statements, way_back
from release.environment_before import Health
from release.identity import site_prefix
from release.records import Release
from release.statements import Statement
from release.static.manifest import File, Manifest
from settings.own_names import MAIN_SITE
from tests.described import nested
from tests.unit.fake_s3 import MAX_KEYS, Bucket, FakeS3
from tests.unit.one_of_each import backend, one_of_each
from tests.unit.one_of_each import manifest as only_manifest

PULUMI = """#!{python}
import json, pathlib, sys

stacks = json.loads(pathlib.Path({file!r}).read_text())
arguments = sys.argv[1:]
name = arguments[arguments.index("-s") + 1] if "-s" in arguments else None
if stacks.get("failure"):
    sys.exit("error: " + stacks["failure"])
if arguments[:2] == ["stack", "ls"]:
    print(json.dumps([{{"name": stack}} for stack in stacks["stacks"]]))
elif "--show-name" in arguments:
    if not stacks.get("selected"):
        sys.exit("error: no stack selected; please use `pulumi stack select` or `pulumi stack init` to choose one")
    print(stacks["selected"])
elif name not in stacks["stacks"]:
    sys.exit(f"error: no stack named '{{name}}' found")
elif arguments[:2] == ["stack", "history"]:
    print(json.dumps(stacks["stacks"][name].get("history", [])))
elif arguments[:2] == ["state", "unprotect"]:
    with open("unprotected", "a") as file:
        file.write(arguments[2] + "\\n")
elif arguments[0] == "config":
    print(json.dumps(stacks["stacks"][name]["config"]))
else:
    print(json.dumps(stacks["stacks"][name]["export"]))
"""

INPUTS: Mapping[str, Any] = {
    "version": "",
    "image": "",
    "taskDefinition": "",
    "staticManifest": "",
    "source": {"folder": "dist"},
    "service": "arn:aws:ecs:us-west-2:111111111111:service/easi/backend",
    "deployFunction": "easi-deploy",
    "cpuArchitecture": "X86_64",
    "counts": {"minimum": 1, "maximum": 2},
    "rolloutDeadline": 60,
    "site": {"bucket": "site", "distributionId": "E1", "url": "http://127.0.0.1:9", "connectTo": "", "config": {}},
    "health": {"path": "/health", "passes": 3, "interval": 1, "deadline": 5, "requireLiveTimestamp": False},
    "keep": 10,
    "reason": None,
    "connection": {"profile": "", "assumeRoles": []},
    "container": "backend",
    "migration": {"command": [], "timeout": 900},
    "restart": "",
}

MIGRATION, SITE = "easi:services.backend.migration.command", "easi:sites.site."
SOURCES: Mapping[str, Any] = {
    "easi:services.backend.build.context": "backend",
    "easi:sites.site.folder": "frontend/dist",
}


class World:
    """A project folder with a git repository of three commits, its stacks, and their buckets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.s3 = FakeS3("site", "records-dev", "records-impl", "records-prod", page=MAX_KEYS)
        self.ecs: Any = None
        self.stacks: dict[str, Any] = {}
        self.selected = ""
        self.failure = ""
        self.health = Health(notes=("the environment before is healthy",))
        """What the environment before answers now."""
        (folder / "Pulumi.yaml").write_text("name: easi\n")
        (folder / "backend").mkdir()
        (folder / "backend" / "Dockerfile").write_text("FROM scratch\n")
        for command in (
            ["init", "--quiet"],
            ["add", "backend"],
            ["config", "user.name", "test"],
            ["config", "user.email", "test@example.org"],
            *(["commit", "--quiet", "--allow-empty", "-m", f"the {name}"] for name in ("first", "second", "third")),
        ):
            subprocess.run(["git", "-C", folder, *command], check=True)
        self.first, self.second, self.third = (self.sha(name) for name in ("HEAD~2", "HEAD~1", "HEAD"))

    def sha(self, name: str) -> str:
        found = subprocess.run(
            ["git", "-C", self.folder, "rev-parse", name], check=True, capture_output=True, text=True
        )
        return found.stdout.strip()

    def commit(self, title: bytes) -> None:
        """A commit with any title: `git commit` takes care of bytes that are no UTF-8; other programs need not."""
        who = b"t <t> 0 +0000"
        head = (self.sha("HEAD^{tree}").encode(), self.sha("HEAD").encode(), who, who)
        git = ["git", "-C", str(self.folder)]
        done = subprocess.run(
            [*git, "hash-object", "-t", "commit", "-w", "--stdin"],
            input=b"tree %b\nparent %b\nauthor %b\ncommitter %b\n\n" % head + title,
            check=True,
            capture_output=True,
        )
        subprocess.run([*git, "update-ref", "HEAD", done.stdout.decode().strip()], check=True)

    def add(self, name: str, release: Release | None, *, promotes_from: str = "", **settings: Any) -> None:
        """A stack whose outputs and records are those of `release`; the `pulumi` on the PATH knows it at once."""
        bucket = f"records-{name}"
        resources: list[Any] = [
            {
                "type": "pulumi:pulumi:Stack",
                "urn": "root",
                "outputs": {"recordsBucket": bucket, "promoteFrom": promotes_from},
            }
        ]
        if release is not None:
            recorded = release.to_json()
            resources[0]["outputs"]["release"] = stack.output_of(recorded)
            inputs = {
                **INPUTS,
                "environment": name,
                "recordsBucket": bucket,
                "version": release.version,
                "image": backend(release).image,
                "taskDefinition": backend(release).task_definition,
                "staticManifest": only_manifest(release),
            }
            resource = {"type": "release:index:Release", "urn": "release", "inputs": inputs}
            resources.append({**resource, "outputs": {"release": recorded}})
            self.put(bucket, records.RELEASE_KEY, recorded)
        config = nested({"easi:promoteFrom": promotes_from, **SOURCES, **settings})
        self.stacks[name] = {
            "export": {"deployment": {"resources": resources}},
            "config": {
                key: {"value": json.dumps(value), "objectValue": value}
                if isinstance(value, list | dict)
                else {"value": value}
                for key, value in config.items()
            },
        }
        self.write()

    def chain(self, **releases: Release | None) -> None:
        """Stacks with these releases, each promoting from the one before it."""
        before = ""
        for name, release in releases.items():
            self.add(name, release, promotes_from=before)
            before = name

    def state(self, name: str, kind: Any, version: str | None = None, at: str = "2026-01-02T04:00:00+00:00") -> None:
        """What a person states about an environment, by default after all that was released."""
        statement = Statement(
            kind=kind,
            environment=name,
            at=datetime.fromisoformat(at),
            who="ana",
            reason="an audit",
            version=version,
        )
        statements.write(self.s3, f"records-{name}", statement)

    def write(self) -> None:
        """Let the `pulumi` on the PATH know what was changed by hand."""
        state = {"stacks": self.stacks, "selected": self.selected, "failure": self.failure}
        (self.folder / ".stacks.json").write_text(json.dumps(state))

    def summary(self) -> str:
        """The summary of the step."""
        return (self.folder / ".summary").read_text()

    def outputs(self) -> dict[str, str]:
        """What GitHub would read of the step's outputs: name<<delimiter, value, delimiter."""
        written = (self.folder / ".output").read_text()
        return {name: value for name, _, value in re.findall(r"^(\S+)<<(\S+)\n(.*?)\n\2$", written, re.M | re.S)}

    def keep(self, name: str, manifest: Manifest, site: str = MAIN_SITE) -> str:
        """Store a manifest of a site in the records of an environment; its digest."""
        digest = manifest.digest.removeprefix("sha256:")
        self.put(f"records-{name}", f"{site_prefix(site)}static/{digest}/manifest.json", manifest.to_json())
        return manifest.digest

    def put(self, bucket: str, key: str, body: Any) -> None:
        """Store an object, of anything but bytes as JSON."""
        stored = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.s3.buckets.setdefault(bucket, Bucket()).objects[key] = stored


def world_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world that is the current folder, with credentials for it, in a step of a job."""
    made = World(tmp_path)
    program = tmp_path / ".bin" / "pulumi"
    program.parent.mkdir()
    program.write_text(PULUMI.format(python=sys.executable, file=str(tmp_path / ".stacks.json")))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / ".output"))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / ".summary"))
    for variable in ("RELEASE_VERSION", "RELEASE_REASON"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)

    def connect(*_: Any, **__: Any) -> session.Clients:
        return session.Clients(
            s3=made.s3, cloudfront=None, function=None, make=lambda service, _region: getattr(made, service)
        )

    monkeypatch.setattr(session, "connect", connect)
    monkeypatch.setattr(environment_before, "look", lambda *_: made.health)
    return made


def build(version: str, **files: str) -> Manifest:
    """A build of the site: name (with "_" for ".") to content."""
    return Manifest(
        version=version,
        files=tuple(
            File(
                path=path.replace("_", "."),
                size=len(content),
                sha256=content.encode().hex().ljust(64, "0")[:64],
                content_type="text/html",
                cache="no-cache",
            )
            for path, content in sorted(files.items())
        ),
    )


def released(
    *versions: str, manifest: str = f"sha256:{'5' * 64}", verified_at: str = "2026-01-02T03:04:05Z"
) -> Release:
    """The record after `versions`, the oldest first, each named, a minute after the other.

    The digest of an image begins as its version does.
    """
    found: Release | None = None
    last = datetime.fromisoformat(verified_at)
    for number, version in enumerate(versions, 1):
        at = last - timedelta(minutes=len(versions) - number)
        proven = records.Proven(
            **one_of_each(
                version=version,
                image=f"registry/repository@sha256:{version[:12].ljust(64, '0')}",
                task_definition=f"arn:aws:ecs:us-west-2:111111111111:task-definition/easi:{number}",
                static_manifest=manifest,
            ),
            verified_at=at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            kind=way_back.kind(version, here=found, asked=True),
        )
        found = way_back.recorded(found, proven, keep=10, attempt=f"id-{version[0]}", who="octocat")
    assert found is not None
    return found

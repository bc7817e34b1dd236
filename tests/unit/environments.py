"""Environments for the verbs' tests: a `pulumi` that answers from files, and the objects of buckets in memory."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from release import records, session, way_back
from release.records import Release
from release.static.manifest import File, Manifest

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

SOURCES: Mapping[str, Any] = {"easi:backendFolder": "backend", "easi:frontendFolder": "frontend/dist"}


class S3:
    """Objects by bucket and key, as far as the verbs read them."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}
        self.modified = datetime.now(UTC)

    def put(self, bucket: str, key: str, body: Any) -> None:
        self.objects[bucket, key] = body if isinstance(body, bytes) else json.dumps(body).encode()

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        body = self.objects.get((Bucket, Key))
        if body is None:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": "not there"}}, "GetObject")
        return {"Body": io.BytesIO(body), "ETag": '"1"', "LastModified": self.modified}

    def get_paginator(self, _operation: str) -> Any:
        return self

    def paginate(self, *, Bucket: str, Prefix: str, Delimiter: str) -> list[dict[str, Any]]:  # noqa: N803 - boto3's
        keys = [key for bucket, key in self.objects if bucket == Bucket and key.startswith(Prefix)]
        folders = {Prefix + key.removeprefix(Prefix).partition(Delimiter)[0] + Delimiter for key in keys}
        return [{"CommonPrefixes": [{"Prefix": folder} for folder in sorted(folders)]}]


class World:
    """A project folder with a git repository of three commits, its stacks, and their buckets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.s3 = S3()
        self.ecs: Any = None
        self.stacks: dict[str, Any] = {}
        self.selected = ""
        self.failure = ""
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
        """A stack whose outputs and records are those of `release`."""
        bucket = f"records-{name}"
        resources: list[Any] = [{"type": "pulumi:pulumi:Stack", "urn": "root", "outputs": {"recordsBucket": bucket}}]
        if release is not None:
            resources[0]["outputs"]["release"] = release.to_json()
            inputs = {
                **INPUTS,
                "environment": name,
                "recordsBucket": bucket,
                "version": release.version,
                "image": release.image,
                "taskDefinition": release.task_definition,
                "staticManifest": release.static_manifest,
            }
            resources.append({"type": "release:index:Release", "urn": "release", "inputs": inputs})
            self.s3.put(bucket, records.RELEASE_KEY, release.to_json())
        config = {"easi:promoteFrom": promotes_from, **SOURCES, **settings}
        self.stacks[name] = {
            "export": {"deployment": {"resources": resources}},
            "config": {
                key: {"value": json.dumps(value), "objectValue": value} if isinstance(value, list) else {"value": value}
                for key, value in config.items()
            },
        }

    def write(self) -> None:
        """Let the `pulumi` on the PATH know."""
        state = {"stacks": self.stacks, "selected": self.selected, "failure": self.failure}
        (self.folder / ".stacks.json").write_text(json.dumps(state))

    def keep(self, name: str, manifest: Manifest) -> str:
        """Store a manifest in the records of an environment; its digest."""
        digest = manifest.digest.removeprefix("sha256:")
        self.s3.put(f"records-{name}", f"static/{digest}/manifest.json", manifest.to_json())
        return manifest.digest


def world_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world that is the current folder, with credentials for it."""
    made = World(tmp_path)
    program = tmp_path / ".bin" / "pulumi"
    program.parent.mkdir()
    program.write_text(PULUMI.format(python=sys.executable, file=str(tmp_path / ".stacks.json")))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    for variable in ("EASI_VERSION", "EASI_BREAK_GLASS_REASON"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)

    def connect(*_: Any, **__: Any) -> session.Clients:
        return session.Clients(
            s3=made.s3, cloudfront=None, function=None, make=lambda service, _region: getattr(made, service)
        )

    monkeypatch.setattr(session, "connect", connect)
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
            version=version,
            image=f"repository@sha256:{version[:12].ljust(64, '0')}",
            task_definition=f"arn:aws:ecs:us-west-2:111111111111:task-definition/easi:{number}",
            static_manifest=manifest,
            verified_at=at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            kind=way_back.kind(version, here=found, asked=True),
        )
        found = way_back.recorded(found, proven, keep=10, attempt=f"id-{version[0]}", who="octocat")
    assert found is not None
    return found

"""A site alone, with S3 in memory, and the verbs of `python -m release site` on it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cli.site import publish, purge, restore, status
from tests.json_schema import check
from tests.unit.fake_key_value_store import FakeKeyValueStore
from tests.unit.fake_s3 import FakeS3, refusal

ONE, TWO, THREE = "1" * 40, "2" * 40, "3" * 40
BUCKETS = ("--bucket", "site", "--records-bucket", "records")
VERBS: dict[str, Any] = {"publish": publish, "restore": restore, "status": status, "purge": purge}


class CloudFront:
    """Remembers what it was to forget."""

    def __init__(self) -> None:
        self.paths: list[list[str]] = []

    def get_invalidation(self, *, DistributionId: str, Id: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        """That there is none, or no such distribution."""
        raise refusal("NoSuchInvalidation" if DistributionId == "E1" else "NoSuchDistribution", f"GetInvalidation {Id}")

    def create_invalidation(self, *, DistributionId: str, InvalidationBatch: dict[str, Any]) -> dict[str, Any]:  # noqa: N803 - boto3's names
        assert DistributionId == "E1"
        self.paths.append(InvalidationBatch["Paths"]["Items"])
        return {"Invalidation": {"Id": "I1", "Status": "Completed"}}


@dataclass
class World:
    folder: Path
    capsys: pytest.CaptureFixture[str]
    s3: FakeS3 = field(default_factory=lambda: FakeS3("site", "records", page=1000))
    cloudfront: CloudFront = field(default_factory=CloudFront)
    routes: FakeKeyValueStore = field(default_factory=FakeKeyValueStore)

    def build(self, version: str, **files: str) -> str:
        """The folder of a small build, with more files by their paths."""
        folder = self.folder / version
        contents = {
            "index.html": f"<!doctype html><title>{version}</title><p>{version}",
            "version.json": json.dumps({"version": version}),
            "robots.txt": "User-agent: *",
            "assets/app-Ab12Xy_9.js": "app",
        }
        for name, text in (contents | files).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return str(folder)

    def run(self, verb: str, *words: str) -> int:
        parser = argparse.ArgumentParser(prog=f"python -m release site {verb}")
        VERBS[verb].add(parser)
        options = parser.parse_args([*BUCKETS, *words])
        options.parser = parser
        options.clients = SimpleNamespace(s3=self.s3, cloudfront=self.cloudfront, routes=self.routes)
        code: int = VERBS[verb].run(options)
        return code

    def publish(self, version: str, *words: str, **files: str) -> list[str]:
        """The lines that it printed."""
        assert self.run("publish", "--dist", self.build(version, **files), *words) == 0
        return self.said()

    def said(self) -> list[str]:
        return self.capsys.readouterr().out.splitlines()

    def document(self, verb: str, *words: str) -> dict[str, Any]:
        """What `--json` prints, as the schema describes it."""
        self.run(verb, *words, "--json")
        found: dict[str, Any] = json.loads(self.capsys.readouterr().out)
        check(f"site {verb}", found)
        return found

    @property
    def site(self) -> dict[str, bytes]:
        return self.s3.buckets["site"].objects

    def title(self) -> str:
        return self.site["index.html"].decode().partition("<title>")[2].partition("<")[0]

    def stored(self) -> tuple[dict[str, bytes], dict[str, bytes]]:
        return dict(self.site), dict(self.s3.buckets["records"].objects)


def site_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> World:
    """For a fixture."""
    return World(tmp_path, capsys)


def refuse() -> None:
    raise refusal("AccessDenied")


def refuse_at(operation: str, key: str, *, from_then_on: bool = False) -> Callable[[str, str], None]:
    """What S3 refuses: one request, or all from that on, as with credentials that expire."""
    began: list[bool] = []

    def before(at: str, of: str) -> None:
        if (at, of) == (operation, key) or (began and from_then_on):
            began.append(True)
            refuse()

    return before

"""Environments of static releases in one S3 in memory, and releases of trees of files to them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from release.static import activate, expire, publish
from release.static.content import content_type
from release.static.expire import Expired
from release.static.manifest import File, Manifest
from release.static.records import Records
from release.static.repair import Listing
from release.static.source import Folder, Upstream
from release.static.store import Site
from tests.unit.fake_s3 import MAX_KEYS, Bucket, FakeS3

Tree = Mapping[str, bytes]


def two_environments() -> tuple[FakeS3, Environment, Environment]:
    """An S3 that pages as S3 does, and two environments in it."""
    s3 = FakeS3("site", "records", "next-site", "next-records", page=MAX_KEYS)
    return s3, Environment(s3), Environment(s3, "next-")


def one_environment() -> Environment:
    return two_environments()[1]


def manifest(tree: Tree) -> Manifest:
    """Of a tree; what is in `assets/` is content-hashed, whatever its name is."""
    files = [
        File(
            path=path,
            size=len(body),
            sha256=hashlib.sha256(body).hexdigest(),
            content_type=content_type(path),
            cache="immutable" if path.startswith("assets/") else "no-cache",
        )
        for path, body in sorted(tree.items())
    ]
    return Manifest(version=hashlib.sha256(repr(sorted(tree.items())).encode()).hexdigest()[:40], files=tuple(files))


def tree(number: int, **more: bytes) -> dict[str, bytes]:
    """A site whose entry page and version are those of a number; `more` files, with `_` for `/` where it is doubled."""
    found = {"index.html": f"page {number}".encode(), "version.json": json.dumps({"version": str(number)}).encode()}
    return found | {name.replace("__", "/"): body for name, body in more.items()}


@dataclass
class Environment:
    """A site without a stack: no distribution, no address, and its own mark of an activation that has not ended."""

    s3: FakeS3
    prefix: str = ""
    said: list[str] = field(default_factory=list)
    by: str = "somebody"
    lists_ahead: bool = False
    """As `site publish` does; requests come in no certain order then."""
    written: dict[Path, bytes] = field(default_factory=dict)
    """Files of builds; what is there is not written again."""

    @property
    def site(self) -> Site:
        return Site(bucket=f"{self.prefix}site", records_bucket=f"{self.prefix}records", distribution_id=None, url=None)

    @property
    def source(self) -> Upstream:
        return Upstream(bucket=self.site.bucket, records_bucket=self.site.records_bucket)

    @property
    def bucket(self) -> Bucket:
        return self.s3.buckets[self.site.bucket]

    @property
    def records(self) -> Bucket:
        return self.s3.buckets[self.site.records_bucket]

    def served(self) -> dict[str, bytes]:
        return dict(self.bucket.objects)

    def write(self, files: Tree, folder: Path) -> None:
        """The tree as files."""
        for path, body in files.items():
            if self.written.get(folder / path) != body:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(body)
                self.written[folder / path] = body

    def stage(
        self,
        of: Manifest,
        source: Folder | Upstream,
        records: Records | None = None,
        listing: Listing | None = None,
    ) -> int:
        return publish.stage(
            s3=self.s3,
            manifest=of,
            source=source,
            site=self.site,
            say=self.said.append,
            records=records,
            listing=listing,
        )

    def switch(self, digest: str, records: Records | None = None, **more: Any) -> activate.Activated:
        """Switch and prove, as a publish without a stack does."""
        switched = activate.switch(
            s3=self.s3,
            cloudfront=None,
            manifest=digest,
            site=self.site,
            say=self.said.append,
            records=records,
            **{"config": None, "begins": None, "by": self.by, **more},
        )
        if switched.proves is not None:
            activate.prove(switched=switched, site=self.site, say=self.said.append)
        return switched.activated

    def publish(self, files: Tree, folder: Path, **more: Any) -> Manifest:
        """What one process does: bring, switch and record."""
        self.write(files, folder)
        found, records = manifest(files), Records(self.s3, self.site.records_bucket, self.site.prefix)
        listing = Listing(self.s3, self.site, found) if self.lists_ahead else None
        self.stage(found, Folder(path=folder), records, listing)
        self.switch(found.digest, records, source=Folder(path=folder), listing=listing, **more)
        return found

    def promote(self, found: Manifest, upstream: Environment) -> None:
        records = Records(self.s3, self.site.records_bucket, self.site.prefix)
        self.stage(found, upstream.source, records)
        self.switch(found.digest, records, source=upstream.source)

    def expire(self, keep: int, *named: str) -> Expired:
        return expire.expire(s3=self.s3, site=self.site, say=self.said.append, keep=keep, named=named)

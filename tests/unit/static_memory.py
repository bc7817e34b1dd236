"""A program: releases a hundred thousand files twice, 1 % of them changed, and prints what that took.

S3 is as lean as can be: of an object it has the size and the ETag, and content only of what releases keep for
themselves. The files come from an environment before, so that none is on a disk. Prints the peak of memory in MiB,
without what this S3 holds; that before the releases; and the seconds and requests of the second release.
"""

# The arguments have the names that boto3 gives them.
# ruff: noqa: N803

from __future__ import annotations

import base64
import hashlib
import io
import resource
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.unit.fake_s3 import MAX_KEYS, refusal

COUNT = 100_000


class LeanS3:
    """Two environments; the first has every file by its path, with a content that is told by its name."""

    meta = SimpleNamespace(config=SimpleNamespace(max_pool_connections=8))

    def __init__(self) -> None:
        self.bodies: dict[tuple[str, str], bytes] = {}
        self.names_in: dict[str, dict[str, None]] = {"site": {}, "records": {}}
        self.requests = 0

    def size(self) -> float:
        """What this double holds, in MiB."""
        keys = [key for names in self.names_in.values() for key in names]
        return (
            sum(map(len, self.bodies.values())) + sum(map(sys.getsizeof, (*keys, *self.names_in.values())))
        ) / 1024**2

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, **_: Any) -> dict[str, Any]:
        self.requests += 1
        self.bodies[Bucket, Key] = Body
        return {"ETag": '"e"'}

    def get_object(self, *, Bucket: str, Key: str, **_: Any) -> dict[str, Any]:
        self.requests += 1
        if (Bucket, Key) not in self.bodies:
            raise refusal("NoSuchKey", "GetObject")
        return {"ETag": '"e"', "Body": io.BytesIO(self.bodies[Bucket, Key])}

    def copy_object(self, *, Bucket: str, Key: str, CopySource: dict[str, str], **_: Any) -> dict[str, Any]:
        self.requests += 1
        self.names_in[Bucket][Key] = None
        source = CopySource["Key"]
        sha256 = source.removeprefix("static/blobs/") if "blobs/" in source else digest(source)
        return {"CopyObjectResult": {"ETag": '"e"', "ChecksumSHA256": base64.b64encode(bytes.fromhex(sha256)).decode()}}

    def list_objects_v2(self, *, Bucket: str, Prefix: str, ContinuationToken: str = "0", **_: Any) -> dict[str, Any]:
        self.requests += 1
        start = int(ContinuationToken)
        if not start:
            self.names = sorted(key for key in self.names_in[Bucket] if key.startswith(Prefix))
        page = self.names[start : start + MAX_KEYS]
        more = start + MAX_KEYS < len(self.names)
        contents = [{"Key": key, "Size": 1, "ETag": '"e"'} for key in page]
        return {"IsTruncated": more, "Contents": contents, "NextContinuationToken": str(start + MAX_KEYS)}


def digest(path: str) -> str:
    return hashlib.sha256(path.encode()).hexdigest()


def build(kind: str, number: int) -> Any:
    from release.static.manifest import File, Manifest

    def one(index: int) -> File:
        changes = number if index < COUNT // 100 else 0
        if kind == "pages":
            path = f"docs/some/section/page-{index}/index.html"
            return File(
                path=path, size=1, sha256=digest(f"{path} {changes}"), content_type="text/html", cache="no-cache"
            )
        path = f"assets/some-chunk-{digest(f'{index} {changes}')[:8]}-{index}.js"
        return File(path=path, size=1, sha256=digest(path), content_type="text/javascript", cache="immutable")

    files = [one(index) for index in range(COUNT)]
    entry = File(path="index.html", size=1, sha256=digest(str(number)), content_type="text/html", cache="no-cache")
    return Manifest(version=str(number), files=tuple(sorted([*files, entry], key=lambda file: file.path)))


def main(kind: str) -> None:
    from release.static import activate, publish
    from release.static.catalog import Catalog
    from release.static.records import Records
    from release.static.source import Upstream
    from release.static.store import Site

    s3 = LeanS3()
    site = Site(bucket="site", records_bucket="records", distribution_id=None, url=None)
    source = Upstream(bucket="before", records_bucket="before-records")
    before = peak()
    for number in range(2):
        manifest = build(kind, number)
        upstream = Catalog().add(manifest, etags={}, staged_at="t").to_json()
        s3.bodies["before-records", "static/catalog.json"] = upstream
        began, s3.requests = time.monotonic(), 0
        records = Records(s3, "records")
        publish.stage(s3=s3, manifest=manifest, source=source, site=site, say=quiet, records=records)
        switched = activate.switch(
            s3=s3,
            cloudfront=None,
            manifest=manifest.digest,
            site=site,
            config=None,
            say=quiet,
            begins=None,
            source=source,
            records=records,
        )
        activate.prove(switched=switched, site=site, say=quiet)
        del records, switched, manifest
    print(f"{peak() - s3.size():.0f} {before:.0f} {time.monotonic() - began:.1f} {s3.requests}")


def quiet(_: str) -> None:
    pass


def peak() -> float:
    """The most memory that this program had so far, in MiB.

    Not getrusage's on Linux: it starts with what the process had that started this one (execve keeps it).
    """
    if sys.platform == "linux":
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024  # proc_pid_status(5): in KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


if __name__ == "__main__":
    main(sys.argv[1])

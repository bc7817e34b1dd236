"""An environment's site in an emulator, and what tests of static releases do with it."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from release import session
from release.static import drift, routes, store
from release.static.activate import READ_BACK_DEADLINE_S, Activated, prove, switch
from release.static.builds import from_folder
from release.static.manifest import Manifest
from release.static.publish import stage
from release.static.source import Folder, Upstream
from release.static.store import Site
from settings.site_build import Pages
from tests.local import emulated
from tests.local.emulated import ask, free_port

IMMUTABLE = "public, max-age=31536000, immutable"
ONE, TWO, THREE = "1" * 40, "2" * 40, "3" * 40


def emulator(folder: Path) -> Iterator[str]:
    """The address of an emulator that runs as long as this is not exhausted, with its files in `folder`."""
    port = free_port()
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    environment |= {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "STATE_DIR": str(folder),
        "S3_DATA_DIR": str(folder),
        "IOT_MTLS_ENABLED": "0",
    }
    url = f"http://127.0.0.1:{port}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "ministack"], env=environment, stdout=log, stderr=log)
    try:
        for _ in range(150):
            try:
                urllib.request.urlopen(f"{url}/_ministack/health", timeout=2)
                break
            except OSError:
                assert process.poll() is None, (folder / "log").read_text()[-2000:]
                time.sleep(0.2)
        else:
            pytest.fail(f"the emulator does not answer: {(folder / 'log').read_text()[-2000:]}")
        yield url
    finally:
        process.terminate()
        process.wait(20)


class KilledError(BaseException):
    """What stands for the end of the process: nothing may catch it."""


@dataclass
class Counted:
    """A client that counts its requests, keeps what they were, and dies after some of them."""

    client: Any
    calls: list[str] = field(default_factory=list)
    die_after: int | None = None

    @property
    def meta(self) -> Any:
        return self.client.meta

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self.client, name)
        if name == "get_paginator":
            return lambda what: Paginator(self, operation(what))

        def call(**arguments: Any) -> Any:
            listed = name == "list_objects_v2"
            self.count(f"list {arguments['Prefix']}" if listed else f"{name} {arguments.get('Key', '')}".strip())
            return operation(**arguments)

        return call

    def count(self, what: str) -> None:
        if self.die_after is not None and len(self.calls) >= self.die_after:
            raise KilledError
        self.calls.append(what)


@dataclass
class Paginator:
    owner: Counted
    inner: Any

    def paginate(self, **arguments: Any) -> Iterator[Any]:
        for page in self.inner.paginate(**arguments):
            self.owner.count(f"list {arguments['Prefix']}")
            yield page


@dataclass
class World:
    """One environment: its buckets, its distribution, and the words that were said."""

    endpoint: str
    site: Site
    s3: Counted
    cloudfront: Counted
    routes_client: Callable[[], Any] = routes.no_client
    said: list[str] = field(default_factory=list)

    def stage(self, manifest: Manifest, source: Folder | Upstream) -> int:
        return stage(s3=self.s3, manifest=manifest, source=source, site=self.site, say=self.said.append)

    def activate(
        self,
        manifest: Manifest,
        config: dict[str, object] | None = None,
        *,
        read_back_deadline_s: float = READ_BACK_DEADLINE_S,
        **more: Any,
    ) -> Activated:
        """Switch and prove, with the mark that a release keeps meanwhile; `more` is for `switch`."""
        mark = {"Bucket": self.site.records_bucket, "Key": "unsettled.json"}
        marked = mark["Key"] in self.keys(self.site.records_bucket)
        more["rewrite"] = marked or more.get("rewrite", False)
        switched = switch(
            s3=self.s3,
            cloudfront=self.cloudfront,
            manifest=manifest.digest,
            site=self.site,
            config=config or {"environment": "dev"},
            say=self.said.append,
            begins=lambda: self.s3.put_object(**mark, Body=b"{}"),
            routes_client=self.routes_client,
            **more,
        )
        if switched.proves is not None:
            prove(
                switched=switched,
                site=self.site,
                say=self.said.append,
                deadline_s=read_back_deadline_s,
            )
        self.s3.client.delete_object(**mark)
        return switched.activated

    def release(self, folder: Path, config: dict[str, object] | None = None, *, pages: Pages = "single") -> Manifest:
        manifest = from_folder(folder, pages=pages)
        self.stage(manifest, Folder(path=folder))
        self.activate(manifest, config, source=Folder(path=folder))
        return manifest

    def get(self, path: str) -> tuple[int, bytes, dict[str, str]]:
        """What a visitor gets."""
        host = str(self.site.url).split("//")[1]
        return ask("GET", self.endpoint + path, Host=host)

    def look(self) -> str | None:
        """What is released, as the drift check says it."""
        return drift.look(s3=self.s3, site=self.site)

    def keys(self, bucket: str) -> list[str]:
        pages = self.s3.client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def invalidations(self) -> list[list[str]]:
        client = self.cloudfront.client
        listed = client.list_invalidations(DistributionId=self.site.distribution_id)["InvalidationList"]
        ids = [item["Id"] for item in listed.get("Items", [])]
        found = [
            client.get_invalidation(DistributionId=self.site.distribution_id, Id=one)["Invalidation"] for one in ids
        ]
        found.sort(key=lambda one: one["CreateTime"])
        return [sorted(one["InvalidationBatch"]["Paths"]["Items"]) for one in found]

    def assert_consists_of(self, folder: Path, config: dict[str, object]) -> None:
        """Every file is served as it is in `folder`, with the right headers, and the records say so."""
        manifest = from_folder(folder)
        for file in manifest.files:
            found = self.s3.client.get_object(Bucket=self.site.bucket, Key=file.path)
            assert found["Body"].read() == (folder / file.path).read_bytes(), file.path
            assert found["ContentType"] == file.content_type
            assert found["CacheControl"] == (IMMUTABLE if file.cache == "immutable" else "no-cache"), file.path
        assert (
            json.loads(self.s3.client.get_object(Bucket=self.site.bucket, Key="config.json")["Body"].read()) == config
        )
        assert self.get("/")[1] == (folder / "index.html").read_bytes()
        active = store.active(s3=self.s3.client, records_bucket=self.site.records_bucket)
        assert active is not None
        assert (active.manifest, active.unsettled) == (manifest.digest, None)


_COUNT = iter(range(1000))


def client(endpoint: str, service: str) -> Any:
    return emulated.client(endpoint, service, config=session.READS)


def make_world(endpoint: str, *, distribution: bool = True, versioned: bool = False) -> World:
    """A site in buckets of its own; `versioned`: the bucket keeps versions, as the components make it."""
    s3, cloudfront = client(endpoint, "s3"), client(endpoint, "cloudfront")
    number = next(_COUNT)
    bucket, records, identity = f"site-{number}", f"records-{number}", "none"
    for name in (bucket, records):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    if versioned:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    if distribution:
        made = emulated.distribution(cloudfront, bucket, bucket, DefaultRootObject="index.html")
        identity = made["Id"]
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "cloudfront.amazonaws.com"},
            "Action": ["s3:GetObject", "s3:ListBucket"],
            "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
            "Condition": {"StringEquals": {"AWS:SourceArn": made["ARN"]}},
        }
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
        address = endpoint.removeprefix("http://")
        url = f"http://{made['DomainName'].split('.')[0]}.cloudfront.localhost:{address.split(':')[1]}"
    else:
        address, url = endpoint.removeprefix("http://"), endpoint
    site = Site(bucket=bucket, records_bucket=records, distribution_id=identity, url=url, connect_to=address)
    return World(endpoint=endpoint, site=site, s3=Counted(s3), cloudfront=Counted(cloudfront))


def build(folder: Path, version: str, **files: bytes) -> Path:
    """A small site: three assets, one of them new in every version, and files that keep their names."""
    contents = {
        "index.html": (
            f"<!doctype html><title>{version}</title><link rel=stylesheet href=assets/style-Ab12-_zZ.css>"
            f"<script type=module src=/assets/index-{version[:4]}Xy_9.js></script>"
        ).encode(),
        "version.json": json.dumps({"version": version}).encode(),
        f"assets/index-{version[:4]}Xy_9.js": version.encode(),
        "assets/vendor-D3adB33f.js": b"vendor",
        "assets/style-Ab12-_zZ.css": b"body{}",
        "robots.txt": b"User-agent: *",
        "images/Übersicht mit Leerzeichen.txt": "größer".encode(),
        "empty.txt": b"",
    }
    for name, content in {**contents, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder

"""Static releases against S3 and CloudFront of an emulator of their own."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest

from release import session
from release.static import store
from release.static.activate import Activated, activate
from release.static.errors import StaticReleaseError
from release.static.expire import expire
from release.static.manifest import Manifest, from_folder
from release.static.publish import Folder, Staged, Upstream, stage
from release.static.restore import restore
from release.static.store import Site

IMMUTABLE = "public, max-age=31536000, immutable"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("emulator")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
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
            self.count(f"{name} {arguments.get('Key', '')}".strip())
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
    said: list[str] = field(default_factory=list)

    def stage(self, manifest: Manifest, source: Folder | Upstream) -> Staged:
        return stage(s3=self.s3, manifest=manifest, source=source, site=self.site, say=self.said.append)

    def activate(self, manifest: Manifest, config: dict[str, object] | None = None, **more: Any) -> Activated:
        return activate(
            s3=self.s3,
            cloudfront=self.cloudfront,
            manifest=manifest.digest,
            site=self.site,
            config=config or {"environment": "dev"},
            say=self.said.append,
            **more,
        )

    def release(self, folder: Path, config: dict[str, object] | None = None) -> Manifest:
        manifest = from_folder(folder)
        self.stage(manifest, Folder(path=folder))
        self.activate(manifest, config)
        return manifest

    def get(self, path: str) -> tuple[int, bytes, dict[str, str]]:
        """What a visitor gets."""
        host = self.site.url.split("//")[1]
        request = urllib.request.Request(self.endpoint + path, headers={"Host": host})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read(), dict(answer.headers)
        except urllib.error.HTTPError as error:
            return error.code, error.read(), dict(error.headers)

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
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-west-2"}
    return boto3.client(service, endpoint_url=endpoint, config=session.READS, **keys)


def make_world(endpoint: str, *, distribution: bool = True) -> World:
    s3, cloudfront = client(endpoint, "s3"), client(endpoint, "cloudfront")
    number = next(_COUNT)
    bucket, records, identity = f"site-{number}", f"records-{number}", "none"
    for name in (bucket, records):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    if distribution:
        access = cloudfront.create_origin_access_control(
            OriginAccessControlConfig={
                "Name": bucket,
                "SigningProtocol": "sigv4",
                "SigningBehavior": "always",
                "OriginAccessControlOriginType": "s3",
            }
        )["OriginAccessControl"]["Id"]
        origin = {
            "Id": "s3",
            "DomainName": f"{bucket}.s3.us-west-2.amazonaws.com",
            "S3OriginConfig": {"OriginAccessIdentity": ""},
            "OriginAccessControlId": access,
        }
        behavior = {
            "TargetOriginId": "s3",
            "ViewerProtocolPolicy": "allow-all",
            "ForwardedValues": {"QueryString": False, "Cookies": {"Forward": "none"}},
            "MinTTL": 0,
        }
        made = cloudfront.create_distribution(
            DistributionConfig={
                "CallerReference": bucket,
                "Comment": "",
                "Enabled": True,
                "DefaultRootObject": "index.html",
                "Origins": {"Quantity": 1, "Items": [origin]},
                "DefaultCacheBehavior": behavior,
            }
        )["Distribution"]
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


@pytest.fixture
def world(endpoint: str) -> World:
    return make_world(endpoint)


def build(folder: Path, version: str, **files: bytes) -> Path:
    """A small site: three assets, one of them new in every version, and files that keep their names."""
    contents = {
        "index.html": f"<!doctype html><title>{version}</title>".encode(),
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


ONE, TWO, THREE = "1" * 40, "2" * 40, "3" * 40


def test_first_release_serves_every_file(world: World, tmp_path: Path) -> None:
    folder = build(tmp_path, ONE)
    world.release(folder, {"environment": "impl"})
    world.assert_consists_of(folder, {"environment": "impl"})


def test_second_release_brings_only_what_is_new(world: World, tmp_path: Path) -> None:
    world.release(build(tmp_path / "one", ONE))
    world.s3.calls.clear()
    folder = build(tmp_path / "two", TWO)
    manifest = from_folder(folder)
    assert world.stage(manifest, Folder(path=folder)) == Staged(assets=1, kept=5)
    assert len(world.s3.calls) == 11
    done = world.activate(manifest)
    assert done.written == ("index.html", "version.json")
    assert world.invalidations()[1:] == [["/", "/index.html", "/version.json"]]
    world.assert_consists_of(folder, {"environment": "dev"})
    assert world.get("/assets/index-1111Xy_9.js")[0] == 200, "a page that is open may still ask for it"


def test_nothing_changed_is_two_requests(world: World, tmp_path: Path) -> None:
    folder = build(tmp_path, ONE)
    world.release(folder)
    world.s3.calls.clear()
    world.cloudfront.calls.clear()
    world.release(folder)
    assert world.s3.calls == ["get_object static/active.json"] * 2
    assert world.cloudfront.calls == []


def test_staging_changes_nothing_that_is_served(world: World, tmp_path: Path) -> None:
    one = build(tmp_path / "one", ONE)
    world.release(one)
    two = build(tmp_path / "two", TWO, **{"new.html": b"new"})
    world.stage(from_folder(two), Folder(path=two))
    world.assert_consists_of(one, {"environment": "dev"})
    assert world.get("/new.html")[0] != 200
    assert world.get("/assets/index-2222Xy_9.js")[0] == 200


def test_pages_are_written_last_and_the_root_page_after_them(world: World, tmp_path: Path) -> None:
    folder = build(tmp_path, ONE, **{"help/index.html": b"help", "zebra.html": b"zebra"})
    manifest = from_folder(folder)
    world.stage(manifest, Folder(path=folder))
    world.s3.calls.clear()
    world.activate(manifest)
    written = [call.split()[1] for call in world.s3.calls if call.startswith(("copy", "put"))]
    assert written[0] == "static/active.json"
    assert sorted(written[1:4]) == ["empty.txt", "images/Übersicht", "robots.txt"] or "version.json" in written[1:5]
    assert written[5:] == ["config.json", "help/index.html", "zebra.html", "index.html", "static/active.json"]


def test_change_of_settings_alone_switches_config_json(world: World, tmp_path: Path) -> None:
    folder = build(tmp_path, ONE)
    manifest = world.release(folder, {"environment": "dev"})
    done = world.activate(manifest, {"environment": "dev", "banner": "Grüße"})
    assert done.written == ("config.json",)
    assert world.invalidations()[-1] == ["/config.json"]
    world.assert_consists_of(folder, {"environment": "dev", "banner": "Grüße"})


def test_going_back_needs_no_build(world: World, tmp_path: Path) -> None:
    one = build(tmp_path / "one", ONE)
    world.release(one)
    world.release(build(tmp_path / "two", TWO))
    restore(
        s3=world.s3,
        cloudfront=world.cloudfront,
        version="1111111",
        site=world.site,
        config={"environment": "dev"},
        say=world.said.append,
    )
    world.assert_consists_of(one, {"environment": "dev"})
    assert len(world.invalidations()) == 3
    with pytest.raises(StaticReleaseError, match="no kept release is '4444'; kept are: "):
        restore(s3=world.s3, cloudfront=world.cloudfront, version="4444", site=world.site, config={}, say=print)


def test_next_environment_copies_without_a_build(endpoint: str, tmp_path: Path) -> None:
    dev, impl = make_world(endpoint), make_world(endpoint)
    one, two = build(tmp_path / "one", ONE), build(tmp_path / "two", TWO)
    for folder in (one, two):
        digest = dev.release(folder).digest
        upstream = Upstream(bucket=dev.site.bucket, records_bucket=dev.site.records_bucket)
        manifest = store.load(s3=impl.s3, records_bucket=upstream.records_bucket, digest=digest)
        impl.stage(manifest, upstream)
        impl.activate(manifest, {"environment": "impl"})
        impl.assert_consists_of(folder, {"environment": "impl"})


def test_object_that_was_changed_in_the_environment_before_is_not_copied(endpoint: str, tmp_path: Path) -> None:
    dev, impl = make_world(endpoint), make_world(endpoint)
    manifest = dev.release(build(tmp_path, ONE))
    dev.s3.client.put_object(Bucket=dev.site.bucket, Key="assets/vendor-D3adB33f.js", Body=b"tamper")
    with pytest.raises(StaticReleaseError, match=r"is not the assets/vendor-D3adB33f\.js that the manifest names"):
        impl.stage(manifest, Upstream(bucket=dev.site.bucket, records_bucket=dev.site.records_bucket))
    with pytest.raises(StaticReleaseError, match="was not staged to its end"):
        impl.activate(manifest)
    with pytest.raises(StaticReleaseError):
        impl.stage(manifest, Upstream(bucket=dev.site.bucket, records_bucket=dev.site.records_bucket))


def test_stored_manifest_that_was_changed_is_refused(world: World, tmp_path: Path) -> None:
    manifest = world.release(build(tmp_path, ONE))
    key = store.root(manifest.digest) + "manifest.json"
    other = from_folder(build(tmp_path, TWO))
    world.s3.client.put_object(Bucket=world.site.records_bucket, Key=key, Body=other.to_json())
    with pytest.raises(StaticReleaseError, match="was changed: its digest is"):
        store.load(s3=world.s3, records_bucket=world.site.records_bucket, digest=manifest.digest)


def test_file_that_changes_after_the_manifest_is_not_released(world: World, tmp_path: Path) -> None:
    folder = build(tmp_path, ONE)
    manifest = from_folder(folder)
    (folder / "assets/vendor-D3adB33f.js").write_bytes(b"VENDOR")
    with pytest.raises(StaticReleaseError, match=r"vendor-D3adB33f.js changed while it was being released"):
        world.stage(manifest, Folder(path=folder))


def test_large_file_arrives_whole(world: World, tmp_path: Path) -> None:
    folder = build(tmp_path, ONE, **{"assets/video-aB3dE6gH.mp4": os.urandom(100 * 1024 * 1024)})
    manifest = from_folder(folder)
    world.stage(manifest, Folder(path=folder))
    world.activate(manifest)
    world.assert_consists_of(folder, {"environment": "dev"})


def test_release_killed_after_any_request_is_completed_by_the_next(endpoint: str, tmp_path: Path) -> None:
    one, two = build(tmp_path / "one", ONE), build(tmp_path / "two", TWO)
    died_at = 0
    while True:
        world = make_world(endpoint)
        world.release(one)
        world.s3.calls.clear()
        world.s3.die_after = died_at
        try:
            world.release(two)
        except KilledError:
            assert world.get("/")[0] == 200
        else:
            break
        world.s3.die_after = None
        world.release(two)
        world.assert_consists_of(two, {"environment": "dev"})
        died_at += 1
    assert died_at > 18


def test_first_release_killed_after_any_request_is_completed_by_the_next(endpoint: str, tmp_path: Path) -> None:
    folder = build(tmp_path, ONE)
    died_at = 0
    while True:
        world = make_world(endpoint)
        world.s3.die_after = died_at
        try:
            world.release(folder)
        except KilledError:
            world.s3.die_after = None
            world.s3.calls.clear()
            world.release(folder)
            world.assert_consists_of(folder, {"environment": "dev"})
            died_at += 1
        else:
            break
    assert died_at > 20


def test_release_killed_while_switching_is_undone_by_activating_the_one_before(endpoint: str, tmp_path: Path) -> None:
    one, two = build(tmp_path / "one", ONE), build(tmp_path / "two", TWO)
    staged = from_folder(two)
    died_at = 0
    while True:
        world = make_world(endpoint)
        before = world.release(one)
        world.stage(staged, Folder(path=two))
        world.s3.calls.clear()
        world.s3.die_after = died_at
        try:
            world.activate(staged)
        except KilledError:
            world.s3.die_after = None
            world.activate(before)
            world.assert_consists_of(one, {"environment": "dev"})
            died_at += 1
        else:
            break
    assert died_at > 6


def test_interrupted_staging_does_not_upload_again_what_arrived(world: World, tmp_path: Path) -> None:
    more = {f"assets/chunk-{number:02}abXYZ9.js": str(number).encode() for number in range(60)}
    folder = build(tmp_path, ONE, **more)
    world.s3.die_after = 50
    with pytest.raises(KilledError):
        world.stage(from_folder(folder), Folder(path=folder))
    there = len(world.keys(world.site.bucket))
    assert there > 30
    world.s3.die_after = None
    assert world.stage(from_folder(folder), Folder(path=folder)).assets == 63 - there


def test_object_that_no_release_wrote_is_not_trusted(world: World, tmp_path: Path) -> None:
    world.s3.client.put_object(Bucket=world.site.bucket, Key="assets/vendor-D3adB33f.js", Body=b"VENDOR")
    folder = build(tmp_path, ONE)
    time.sleep(3)  # the times of a listing are compared in seconds
    world.s3.die_after = 3
    with pytest.raises(KilledError):
        world.stage(from_folder(folder), Folder(path=folder))
    world.s3.die_after = None
    world.release(folder)
    world.assert_consists_of(folder, {"environment": "dev"})


def test_site_that_serves_something_else_is_not_proven(world: World, tmp_path: Path) -> None:
    world.release(build(tmp_path / "one", ONE))
    folder = build(tmp_path / "two", TWO)
    manifest = from_folder(folder)
    world.stage(manifest, Folder(path=folder))
    kept = store.root(manifest.digest) + "files/version.json"
    world.s3.client.copy_object(
        Bucket=world.site.records_bucket,
        Key=kept,
        CopySource={"Bucket": world.site.bucket, "Key": "version.json"},
    )
    with pytest.raises(StaticReleaseError, match=r"is not the version\.json that the manifest names|does not serve"):
        world.activate(manifest, read_back_deadline_s=0)
    active = store.active(s3=world.s3, records_bucket=world.site.records_bucket)
    assert active is not None
    assert (active.manifest, active.unsettled) == (from_folder(tmp_path / "one").digest, manifest.digest)


def test_missing_distribution_is_named(endpoint: str, tmp_path: Path) -> None:
    world = make_world(endpoint, distribution=False)
    with pytest.raises(StaticReleaseError, match="could not invalidate 7 paths of the distribution none: NoSuch"):
        world.release(build(tmp_path, ONE))


def test_missing_bucket_is_named(endpoint: str, tmp_path: Path) -> None:
    world = make_world(endpoint, distribution=False)
    world.s3.client.delete_bucket(Bucket=world.site.bucket)
    with pytest.raises(StaticReleaseError, match=r"NoSuchBucket.*has the stack been created\?"):
        world.release(build(tmp_path, ONE))


def forget(world: World, keep: int, *named: str) -> tuple[str, ...]:
    return expire(s3=world.s3, site=world.site, say=world.said.append, keep=keep, named=named).manifests


def test_expiry_keeps_the_last_releases_and_every_file_that_they_name(world: World, tmp_path: Path) -> None:
    world.s3.client.put_object(Bucket=world.site.bucket, Key="from-elsewhere.txt", Body=b"")
    folders = [build(tmp_path / name, name * 40) for name in "123"]
    manifests = []
    for folder in folders:
        manifests.append(world.release(folder))
    staging = build(tmp_path / "4", "4" * 40)
    world.s3.die_after = len(world.s3.calls) + 6
    with pytest.raises(KilledError):
        world.stage(from_folder(staging), Folder(path=staging))
    world.s3.die_after = None

    assert forget(world, 3) == ()
    assert forget(world, 2, manifests[0].digest) == ()
    assert forget(world, 2) == (manifests[0].digest,)
    assert forget(world, 2) == ()
    keys = world.keys(world.site.bucket)
    assert "assets/index-1111Xy_9.js" not in keys
    assert {"assets/index-2222Xy_9.js", "assets/vendor-D3adB33f.js", "from-elsewhere.txt", "config.json"} <= set(keys)
    assert not [key for key in world.keys(world.site.records_bucket) if key.startswith(store.root(manifests[0].digest))]
    world.activate(manifests[1])
    world.assert_consists_of(folders[1], {"environment": "dev"})
    world.release(staging)
    world.assert_consists_of(staging, {"environment": "dev"})
    world.release(folders[0])
    world.assert_consists_of(folders[0], {"environment": "dev"})


def test_expiry_killed_after_any_request_is_completed_by_the_next(endpoint: str, tmp_path: Path) -> None:
    one, two = build(tmp_path / "one", ONE), build(tmp_path / "two", TWO)
    died_at = 0
    while True:
        world = make_world(endpoint)
        world.release(one)
        world.release(two)
        world.s3.calls.clear()
        world.s3.die_after = died_at
        try:
            forget(world, 1)
        except KilledError:
            world.s3.die_after = None
            forget(world, 1)
            world.assert_consists_of(two, {"environment": "dev"})
            assert "assets/index-1111Xy_9.js" not in world.keys(world.site.bucket)
            first = store.root(from_folder(one).digest)
            assert not [key for key in world.keys(world.site.records_bucket) if key.startswith(first)]
            died_at += 1
        else:
            break
    assert died_at > 10

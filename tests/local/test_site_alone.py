"""`python -m release site` as processes of its own, against S3 with versions and CloudFront of an emulator."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.local.site_world import ONE, TWO, World, build, make_world

ROOT = Path(__file__).parents[2]
SECRET = b"DB_PASSWORD=hunter2"


def site(world: World, verb: str, *words: str) -> list[str]:
    """The lines that the verb prints; it has to end well."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-west-2"}
    buckets = ("--bucket", world.site.bucket, "--records-bucket", world.site.records_bucket)
    done = subprocess.run(
        [sys.executable, "-m", "release", "site", verb, *words, *buckets],
        cwd=ROOT,
        env={**kept, **keys, "AWS_ENDPOINT_URL": world.endpoint},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def contents(world: World) -> list[bytes]:
    """The content of every version of every object."""
    found = []
    for bucket in (world.site.bucket, world.site.records_bucket):
        for page in world.s3.client.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for version in page.get("Versions", []):
                key = {"Bucket": bucket, "Key": version["Key"], "VersionId": version["VersionId"]}
                found.append(world.s3.client.get_object(**key)["Body"].read())
    return found


def test_a_file_that_leaked_is_purged_from_a_site_that_was_published_changed_and_restored(
    site_endpoint: str, tmp_path: Path
) -> None:
    world = make_world(site_endpoint, versioned=True)
    cdn = ("--distribution", str(world.site.distribution_id))
    leaked = str(build(tmp_path / "one", ONE, **{".env": SECRET}))
    said = site(world, "publish", "--dist", leaked, "--publish", ".env", *cdn)
    assert said[-1] == "The site is 111111111111: 6 of 9 files written, 0 removed"
    assert world.get("/.env")[1] == SECRET

    assert site(world, "publish", "--dist", str(build(tmp_path / "two", TWO)), *cdn)[-1] == (
        "The site is 222222222222: 2 of 8 files written, 1 removed"
    )
    assert SECRET in contents(world), "earlier versions and the records have it"

    assert site(world, "purge", ".env", *cdn)[-1].startswith("Purged .env: ")
    assert SECRET not in contents(world)
    assert ["/.env"] in world.invalidations()

    assert site(world, "restore", ONE, *cdn)[-1] == "The site is 111111111111: 2 of 8 files written, 0 removed"
    assert world.get("/.env")[0] != 200
    assert SECRET not in contents(world)
    assert site(world, "status")[0].startswith("The site is 111111111111")

"""Who reaches the buckets of site, records and logs: their policies as the components make them, enforced.

Proven on requests to S3 and to distributions in an emulator that enforces IAM; Block Public Access is set as the
components set it.

Not proven, because the emulator does not do it:
- That plain HTTP is refused: every request counts as made over TLS, so that statement is only evaluated.
- That S3 tells a policy whether a write is conditional (s3:if-none-match): the statement is only evaluated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pulumi_aws as aws
import pytest
from botocore.config import Config
from ministack.core.iam_evaluator import EvalContext, evaluate_resource_policy

from components.release_store import ReleaseStore, ReleaseStoreArgs
from components.static_site import StaticSite, StaticSiteArgs
from local.emulator import process
from tests.components.recorded import Recorded, record
from tests.local import authorized_emulator
from tests.local.emulated import client, denies, distribution, get

OWNER, READER, STRANGER = "000000000000", "222222222222", "333333333333"
SITE, RECORDS, LOGS = "site-of-dev", "records-of-dev", "logs-of-dev"
NAMES = {SITE: "site", RECORDS: "store-records", LOGS: "site-logs"}
"""Buckets and what the components call them."""
RECORDED = "arn:aws:mock:us-west-2:111111111111"
BODY = b"<!doctype html>"


@dataclass(frozen=True, kw_only=True)
class World:
    """Both buckets with one object each, the site's distribution, and another one with the same origin."""

    port: int
    own: str
    """The distribution's own name, as `own.cloudfront.localhost`."""
    other: str
    policies: dict[str, str]
    """By bucket."""

    def s3(self, account: str) -> Any:
        """As the root of an account: whom only the bucket's policy binds, unless it is the owner's."""
        config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        return client(f"http://127.0.0.1:{self.port}", "s3", aws_access_key_id=account, config=config)

    def get(self, path: str, host: str = "127.0.0.1") -> tuple[int, bytes]:
        """Without credentials."""
        return get(self.port, path, f"{host}:{self.port}")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("emulator")
    try:
        port = authorized_emulator.start(folder).port
        cloudfront = client(f"http://127.0.0.1:{port}", "cloudfront", aws_access_key_id=OWNER)
        (own, arn), (other, _) = (
            (str(made["DomainName"]).partition(".")[0], str(made["ARN"]))
            for made in (distribution(cloudfront, name, SITE) for name in ("own", "other"))
        )
        recorded = record_components()
        policies = {bucket: policy(recorded, name, bucket, arn) for bucket, name in NAMES.items()}
        made = World(port=port, own=own, other=other, policies=policies)
        for bucket, name in NAMES.items():
            make_bucket(made, recorded, name, bucket)
        yield made
    finally:
        process.stop(folder, print)


def record_components() -> Recorded:
    def program() -> None:
        east = aws.Provider("us-east-1", region="us-east-1")
        StaticSite("site", StaticSiteArgs(reader_accounts=[READER], access_log_days=7, us_east_1=east))
        ReleaseStore("store", ReleaseStoreArgs(reader_accounts=[READER]))

    return record(program)


def policy(recorded: Recorded, name: str, bucket: str, distribution: str) -> str:
    """A bucket's policy as recorded, with the ARNs that the resources have here."""
    found = str(recorded.one("aws:s3/bucketPolicy:BucketPolicy", name)["policy"])
    found = found.replace(f"{RECORDED}:Bucket/{name}", f"arn:aws:s3:::{bucket}")
    found = found.replace(f"{RECORDED}:Distribution/site", distribution)
    found = found.replace(f"{RECORDED}:LogDeliverySource/", f"arn:aws:logs:us-east-1:{OWNER}:delivery-source:")
    assert RECORDED not in found, found
    return found


def make_bucket(world: World, recorded: Recorded, name: str, bucket: str) -> None:
    s3 = world.s3(OWNER)
    block = recorded.one("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", name)
    names = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    s3.put_object(Bucket=bucket, Key="index.html", Body=BODY)
    s3.put_public_access_block(
        Bucket=bucket, PublicAccessBlockConfiguration={name: block[name[0].lower() + name[1:]] for name in names}
    )
    s3.put_bucket_policy(Bucket=bucket, Policy=world.policies[bucket])


def test_site_is_read_through_its_distribution(world: World) -> None:
    assert world.get("/index.html", f"{world.own}.cloudfront.localhost") == (200, BODY)


def test_a_miss_is_a_404_through_its_distribution(world: World) -> None:
    assert world.get("/assets/none.js", f"{world.own}.cloudfront.localhost")[0] == 404


def test_site_is_not_read_through_another_distribution(world: World) -> None:
    for path in ("/index.html", "/assets/none.js"):
        assert world.get(path, f"{world.other}.cloudfront.localhost")[0] == 403


@pytest.mark.parametrize("bucket", [SITE, RECORDS, LOGS])
def test_nobody_reads_or_lists_without_credentials(world: World, bucket: str) -> None:
    assert world.get(f"/{bucket}/index.html")[0] == 403
    assert world.get(f"/{bucket}?list-type=2")[0] == 403


@pytest.mark.parametrize("bucket", [SITE, RECORDS])
def test_account_that_promotes_reads_and_lists(world: World, bucket: str) -> None:
    reader = world.s3(READER)
    assert reader.get_object(Bucket=bucket, Key="index.html")["Body"].read() == BODY
    assert [item["Key"] for item in reader.list_objects_v2(Bucket=bucket)["Contents"]] == ["index.html"]


CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("put_object", {"Key": "index.html", "Body": b"other"}),
    ("put_object", {"Key": "new.html", "Body": b"other"}),
    ("delete_object", {"Key": "index.html"}),
    ("copy_object", {"Key": "copy.html", "CopySource": f"{SITE}/index.html"}),
    ("put_bucket_policy", {"Policy": '{"Version": "2012-10-17", "Statement": []}'}),
    ("delete_bucket_policy", {}),
    ("delete_public_access_block", {}),
    ("put_bucket_versioning", {"VersioningConfiguration": {"Status": "Suspended"}}),
    ("delete_bucket", {}),
]


@pytest.mark.parametrize("bucket", [SITE, RECORDS])
@pytest.mark.parametrize(("method", "arguments"), CHANGES)
def test_account_that_promotes_changes_nothing(
    world: World, bucket: str, method: str, arguments: dict[str, Any]
) -> None:
    assert denies(world.s3(READER), method, {"Bucket": bucket, **arguments})
    assert world.s3(OWNER).get_object(Bucket=bucket, Key="index.html")["Body"].read() == BODY


def test_account_that_promotes_does_not_read_logs(world: World) -> None:
    assert denies(world.s3(READER), "get_object", {"Bucket": LOGS, "Key": "index.html"})
    assert denies(world.s3(READER), "list_objects_v2", {"Bucket": LOGS})


@pytest.mark.parametrize("bucket", [SITE, RECORDS, LOGS])
def test_other_account_does_not_read(world: World, bucket: str) -> None:
    assert denies(world.s3(STRANGER), "get_object", {"Bucket": bucket, "Key": "index.html"})
    assert denies(world.s3(STRANGER), "list_objects_v2", {"Bucket": bucket})


@pytest.mark.parametrize("bucket", [SITE, RECORDS])
@pytest.mark.parametrize(("tls", "decision"), [(True, "Allow"), (False, "Deny")])
def test_policy_denies_whom_it_lets_in_without_tls(world: World, bucket: str, tls: bool, decision: str) -> None:
    asked = EvalContext(
        principal_arn=f"arn:aws:iam::{READER}:root",
        principal_type="Root",
        principal_account=READER,
        action="s3:GetObject",
        resource_arn=f"arn:aws:s3:::{bucket}/index.html",
        region="us-west-2",
        secure_transport=tls,
    )
    assert evaluate_resource_policy(world.policies[bucket], asked).decision == decision


@pytest.mark.parametrize(
    ("action", "key", "header", "decision"),
    [
        ("s3:PutObject", "attempts/1/began.json", None, "Deny"),
        ("s3:PutObject", "attempts/1/began.json", "*", "ImplicitDeny"),
        ("s3:DeleteObject", "attempts/1/began.json", None, "Deny"),
        ("s3:DeleteObjectVersion", "attempts/1/began.json", None, "Deny"),
        ("s3:PutObject", "purges/1/began.json", None, "Deny"),
        ("s3:DeleteObjectVersion", "purges/1/began.json", None, "Deny"),
        ("s3:GetObject", "attempts/1/began.json", None, "ImplicitDeny"),
        ("s3:PutObject", "lease.json", None, "ImplicitDeny"),
        ("s3:DeleteObject", "lease.json", None, "ImplicitDeny"),
        ("s3:DeleteObject", "unsettled.json", None, "ImplicitDeny"),
    ],
)
def test_attempts_are_written_once_and_stay(
    world: World, action: str, key: str, header: str | None, decision: str
) -> None:
    asked = EvalContext(
        principal_arn=f"arn:aws:iam::{OWNER}:role/deploy",
        principal_type="AssumedRole",
        principal_account=OWNER,
        action=action,
        resource_arn=f"arn:aws:s3:::{RECORDS}/{key}",
        region="us-west-2",
        secure_transport=True,
        service_context={"s3:if-none-match": header} if header else {},
    )
    assert evaluate_resource_policy(world.policies[RECORDS], asked).decision == decision

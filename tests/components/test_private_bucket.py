"""Every bucket of the components, and what is said of all of them."""

from __future__ import annotations

import functools
import json
from typing import Any

import pytest

from components.private_bucket import PrivateBucket, PrivateBucketArgs
from components.release_store import ReleaseStore, ReleaseStoreArgs
from local.plugin import types
from tests.components.recorded import Recorded, record
from tests.components.site_program import EAST, site

BUCKET = "aws:s3/bucket:Bucket"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
LOGS = "site-logs"
BLOCKED = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


def inputs_of(token: str) -> frozenset[str]:
    shape = types.shape_of(token)
    return frozenset(shape.inputs)


def bucket_of(name: str) -> Recorded:
    if name == "store-records":
        return record(lambda: ReleaseStore("store", ReleaseStoreArgs()))
    return site(access_log_days=7)


@pytest.mark.parametrize("name", ["site", LOGS, "store-records"])
def test_bucket_is_private_versioned_encrypted_and_for_tls_only(name: str) -> None:
    recorded = bucket_of(name)
    block = recorded.one("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", name)
    assert [block[key] for key in BLOCKED] == [True] * 4
    owner = recorded.one("aws:s3/bucketOwnershipControls:BucketOwnershipControls", name)
    assert owner["rule"] == {"objectOwnership": "BucketOwnerEnforced"}
    versioning = recorded.one("aws:s3/bucketVersioning:BucketVersioning", name)
    assert versioning["versioningConfiguration"]["status"] == "Enabled"
    assert recorded.one(ENCRYPTION, name)["rules"] == [
        {"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}
    ]
    statements = json.loads(recorded.one("aws:s3/bucketPolicy:BucketPolicy", name)["policy"])["Statement"]
    assert "OnlyTls" in [statement["Sid"] for statement in statements if statement["Effect"] == "Deny"]
    assert not [item for item in statements if item["Effect"] == "Allow" and item["Principal"] == "*"]


@pytest.mark.parametrize("name", ["site", "store-records"])
def test_bucket_is_encrypted_with_a_key_of_the_accounts_own_where_one_is_given(name: str) -> None:
    key = "arn:aws:kms:us-west-2:111111111111:key/1"
    store = functools.partial(ReleaseStore, "store", ReleaseStoreArgs(key_arn=key))
    recorded = site(key_arn=key) if name == "site" else record(store)
    (rule,) = recorded.one(ENCRYPTION, name)["rules"]
    assert rule == {
        "applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": key},
        "bucketKeyEnabled": True,
    }


@pytest.mark.parametrize("name", ["site", "store-records"])
def test_no_lifecycle_rule_removes_a_current_object(name: str) -> None:
    (rule,) = bucket_of(name).one(LIFECYCLE, name)["rules"]
    assert "expiration" not in rule


def test_logs_expire_with_their_old_versions() -> None:
    (rule,) = bucket_of(LOGS).one(LIFECYCLE, LOGS)["rules"]
    assert rule["expiration"] == {"days": 7}
    assert rule["noncurrentVersionExpiration"] == {"noncurrentDays": 7}


@pytest.mark.parametrize(
    ("keep", "protect", "retain"), [("protected", True, True), ("retained", None, True), (None, None, None)]
)
def test_settings_of_a_bucket_stay_as_long_as_it_does(keep: Any, protect: bool | None, retain: bool | None) -> None:
    def program() -> None:
        PrivateBucket("b", PrivateBucketArgs(keep=keep)).policy([])

    recorded = record(program)
    asked = {item.token: item.asked for item in recorded.options if item.token.startswith("aws:s3/")}
    assert len(asked) == 7
    assert {item.get("retainOnDelete") for item in asked.values()} == {retain}
    assert asked[BUCKET].get("protect") == protect
    assert recorded.one(BUCKET)["forceDestroy"] is (keep is None)


def test_logs_are_delivered_from_us_east_1_to_the_bucket_by_this_distribution_alone() -> None:
    recorded = bucket_of(LOGS)
    source = recorded.one("aws:cloudwatch/logDeliverySource:LogDeliverySource")
    assert source["logType"] == "ACCESS_LOGS"
    assert source["resourceArn"].endswith("Distribution/site")
    destination = recorded.one("aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination")
    bucket = destination["deliveryDestinationConfiguration"]["destinationResourceArn"]
    assert bucket.endswith(f"Bucket/{LOGS}")
    for part in ("logDeliverySource:LogDeliverySource", "logDeliveryDestination:LogDeliveryDestination"):
        assert EAST in recorded.asked(f"aws:cloudwatch/{part}")["provider"]
    delivery = recorded.asked("aws:cloudwatch/logDelivery:LogDelivery")
    assert EAST in delivery["provider"]
    assert any("bucketPolicy" in urn for urn in delivery["dependencies"]), "else the first logs are lost"
    statements = json.loads(recorded.one("aws:s3/bucketPolicy:BucketPolicy", LOGS)["policy"])["Statement"]
    (write,) = [statement for statement in statements if statement["Effect"] == "Allow"]
    assert write["Principal"] == {"Service": "delivery.logs.amazonaws.com"}
    assert (write["Action"], write["Resource"]) == ("s3:PutObject", f"{bucket}/*")
    assert write["Condition"]["StringEquals"]["aws:SourceAccount"] == "111111111111"
    assert write["Condition"]["ArnLike"]["aws:SourceArn"].endswith(f"LogDeliverySource/{LOGS}")


def test_site_without_access_logs_has_no_bucket_for_them() -> None:
    assert [bucket.name for bucket in site().all(BUCKET)] == ["site"]

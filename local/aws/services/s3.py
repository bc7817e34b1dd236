"""Buckets, and what is set on them."""

# The methods are those of Kind, which documents them; the tables are constants.
# ruff: noqa: D102, RUF012

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

from ..kind import Kind, camel, pascal, words
from ..naming import Name
from ..session import Aws
from ..shapes import Problem
from ..wire import Props

_ZONES = {"us-east-1": "Z3AQBSTGFYJSTF", "us-east-2": "Z2O1EMRO9K5GLX", "us-west-1": "Z2F56UZL2M1ACD"}
_ZONES |= {"us-west-2": "Z3BJ6K6RIION7M", "us-gov-west-1": "Z31GFT0UA1I2HV", "us-gov-east-1": "Z2NIFVYYW2VKV1"}


class Bucket(Kind):
    """A bucket. Its deprecated inline settings are refused: the types beside it set them."""

    resource = "aws:s3/bucket:Bucket"
    replaces = words("bucket bucketPrefix objectLockEnabled objectLockConfiguration bucketNamespace")
    name = Name("bucket", limit=63, lower=True)
    defaults = {"forceDestroy": False, "objectLockEnabled": False, "requestPayer": "BucketOwner"}
    tagged = ("s3", "bucket")

    def check(self, inputs: Props) -> list[Problem]:
        inline = words(
            "accelerationStatus acl corsRules grants lifecycleRules logging policy replicationConfiguration "
            "requestPayer serverSideEncryptionConfiguration versioning website objectLockConfiguration"
        )
        reason = "not set on the bucket itself locally; use its own resource type, such as s3.BucketVersioning"
        return [Problem(name, reason) for name in sorted(inline & set(inputs))]

    def create(self, aws: Aws, new: Props) -> str:
        place = {} if aws.region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": aws.region}}
        lock = {"ObjectLockEnabledForBucket": True} if new.get("objectLockEnabled") else {}
        aws.client("s3").create_bucket(Bucket=new["bucket"], **place, **lock)
        return str(new["bucket"])

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        aws.client("s3").head_bucket(Bucket=identity)
        return {
            "bucket": identity,
            "arn": aws.arn("s3", f"::{identity}", region="", account="").replace(":::::", ":::"),
            "bucketDomainName": f"{identity}.s3.amazonaws.com",
            "bucketRegionalDomainName": f"{identity}.s3.{aws.region}.amazonaws.com",
            "bucketRegion": aws.region,
            "hostedZoneId": _ZONES.get(aws.region, ""),
        }

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        s3 = aws.client("s3")
        if state.get("forceDestroy"):
            for page in s3.get_paginator("list_object_versions").paginate(Bucket=identity):
                found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
                keys = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found]
                if keys:
                    s3.delete_objects(Bucket=identity, Delete={"Objects": keys, "Quiet": True})
            for page in s3.get_paginator("list_objects_v2").paginate(Bucket=identity):
                keys = [{"Key": item["Key"]} for item in page.get("Contents", [])]
                if keys:
                    s3.delete_objects(Bucket=identity, Delete={"Objects": keys, "Quiet": True})
        s3.delete_bucket(Bucket=identity)


class _Setting(Kind):
    """Something set on a bucket by one call, and taken away by another; its id is the bucket's name."""

    replaces = words("bucket")
    what: ClassVar[str]
    argument: ClassVar[str]

    def body(self, new: Props) -> Any:
        """The setting as S3 wants it."""
        raise NotImplementedError

    def live(self, answer: Props) -> Props:
        """S3's answer as properties."""
        return {}

    def create(self, aws: Aws, new: Props) -> str:
        getattr(aws.client("s3"), f"put_{self.what}")(Bucket=new["bucket"], **{self.argument: self.body(new)})
        return str(new["bucket"])

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        answer = getattr(aws.client("s3"), f"get_{self.what}")(Bucket=identity)
        return {"bucket": identity} | self.live(answer)

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        self.create(aws, new)

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        getattr(aws.client("s3"), f"delete_{self.what}")(Bucket=identity)


class BucketPolicy(_Setting):
    """Who may do what with a bucket."""

    resource = "aws:s3/bucketPolicy:BucketPolicy"
    what, argument = "bucket_policy", "Policy"

    def body(self, new: Props) -> Any:
        return new["policy"]

    def live(self, answer: Props) -> Props:
        return {"policy": answer["Policy"]}


class BucketPublicAccessBlock(_Setting):
    """Keeps a bucket private."""

    resource = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
    what, argument = "public_access_block", "PublicAccessBlockConfiguration"
    names = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    defaults = dict.fromkeys(names, False)

    def body(self, new: Props) -> Any:
        return pascal({name: new.get(name, False) for name in self.names})

    def live(self, answer: Props) -> Props:
        found: Props = camel(answer[self.argument])
        return found


class BucketVersioning(_Setting):
    """Keeps what is overwritten or deleted. AWS cannot take versioning away, only suspend it."""

    resource = "aws:s3/bucketVersioning:BucketVersioning"
    replaces = words("bucket expectedBucketOwner")
    what, argument = "bucket_versioning", "VersioningConfiguration"

    def body(self, new: Props) -> Any:
        return {"Status": new["versioningConfiguration"]["status"]}

    def live(self, answer: Props) -> Props:
        return {"versioningConfiguration": {"status": answer["Status"]}} if answer.get("Status") else {}

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        suspended = {"Status": "Suspended"}
        aws.client("s3").put_bucket_versioning(Bucket=identity, VersioningConfiguration=suspended)


class BucketServerSideEncryptionConfiguration(_Setting):
    """How objects are encrypted."""

    resource = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    replaces = words("bucket expectedBucketOwner")
    what, argument = "bucket_encryption", "ServerSideEncryptionConfiguration"
    unordered = words("rules")

    def body(self, new: Props) -> Any:
        rules = []
        for rule in new["rules"]:
            default = rule.get("applyServerSideEncryptionByDefault") or {}
            one: Props = {"BucketKeyEnabled": rule.get("bucketKeyEnabled", False)}
            if default:
                key = {"KMSMasterKeyID": default["kmsMasterKeyId"]} if default.get("kmsMasterKeyId") else {}
                one["ApplyServerSideEncryptionByDefault"] = {"SSEAlgorithm": default["sseAlgorithm"]} | key
            rules.append(one)
        return {"Rules": rules}


class BucketLifecycleConfiguration(_Setting):
    """When objects expire or move."""

    resource = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    replaces = words("bucket expectedBucketOwner")
    what, argument = "bucket_lifecycle_configuration", "LifecycleConfiguration"

    def body(self, new: Props) -> Any:
        rules = []
        for rule in new.get("rules") or []:
            one = pascal({key: value for key, value in rule.items() if key != "id"}) | {"ID": rule["id"]}
            if "Prefix" not in one:
                one.setdefault("Filter", {"Prefix": ""})
            rules.append(one)
        return {"Rules": rules}

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        aws.client("s3").delete_bucket_lifecycle(Bucket=identity)


class BucketOwnershipControls(_Setting):
    """Whose the objects are."""

    resource = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
    what, argument = "bucket_ownership_controls", "OwnershipControls"

    def body(self, new: Props) -> Any:
        return {"Rules": [{"ObjectOwnership": new["rule"]["objectOwnership"]}]}

    def live(self, answer: Props) -> Props:
        return {"rule": {"objectOwnership": answer[self.argument]["Rules"][0]["ObjectOwnership"]}}

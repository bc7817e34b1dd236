"""Buckets, and what is set on them."""

from __future__ import annotations

from local.plugin.provider import Problem
from local.plugin.wire import Props

from ..kind import Kind, Name, camel, words
from ..session import Aws

_ZONES = {"us-east-1": "Z3AQBSTGFYJSTF", "us-east-2": "Z2O1EMRO9K5GLX", "us-west-1": "Z2F56UZL2M1ACD"}
_ZONES |= {"us-west-2": "Z3BJ6K6RIION7M", "us-gov-west-1": "Z31GFT0UA1I2HV", "us-gov-east-1": "Z2NIFVYYW2VKV1"}


class Bucket(Kind):
    """A bucket. Its deprecated inline settings are refused: the types beside it set them."""

    resource = "aws:s3/bucket:Bucket"
    service, make, identity, get = "s3", "create_bucket", "{bucket}", "head_bucket"
    remove, keys = "delete_bucket", {"Bucket": "id"}
    spelled = {"objectLockEnabled": "ObjectLockEnabledForBucket"}
    outputs = {
        "arn": "arn:{partition}:s3:::{id}",
        "bucketDomainName": "{id}.s3.amazonaws.com",
        "bucketRegionalDomainName": "{id}.s3.{region}.amazonaws.com",
        "bucketRegion": "{region}",
    }
    replaces = words("bucket bucketPrefix objectLockEnabled objectLockConfiguration bucketNamespace")
    name = Name("bucket", limit=63, lower=True)
    defaults = {"forceDestroy": False, "objectLockEnabled": False, "requestPayer": "BucketOwner"}
    honoured = words("forceDestroy")
    tagged = "bucket"

    def takes(self, operation: str, name: str) -> bool:
        return name in ("bucket", "objectLockEnabled")

    def check(self, inputs: Props) -> list[Problem]:
        reason = "not set on the bucket itself locally; use its own resource type, such as s3.BucketVersioning"
        return [Problem(problem.path, reason) for problem in super().check(inputs)]

    def create(self, aws: Aws, new: Props) -> str:
        place = {} if aws.region == "us-east-1" else {"LocationConstraint": aws.region}
        arguments = self.arguments(self.make, new) | ({"CreateBucketConfiguration": place} if place else {})
        self.call(aws, self.make, arguments)
        return str(new["bucket"])

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        zone = {"hostedZoneId": _ZONES.get(aws.region, "")}
        return super().read(aws, identity, state) | zone | {"bucket": identity}

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        s3 = aws.client("s3")
        if state.get("forceDestroy"):
            for page in s3.get_paginator("list_object_versions").paginate(Bucket=identity):
                versions = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
                keys = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in versions]
                if keys:
                    s3.delete_objects(Bucket=identity, Delete={"Objects": keys, "Quiet": True})
        super().delete(aws, identity, state)


class _Setting(Kind):
    """Something set on a bucket by one call, and taken away by another; its id is the bucket's name."""

    service, identity, keys, put = "s3", "{bucket}", {"Bucket": "bucket"}, True
    replaces = words("bucket")

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        return super().read(aws, identity, state) | {"bucket": identity}


class BucketPolicy(_Setting):
    resource = "aws:s3/bucketPolicy:BucketPolicy"
    make, get, remove = "put_bucket_policy", "get_bucket_policy", "delete_bucket_policy"
    alike = words("policy")


class BucketPublicAccessBlock(_Setting):
    resource = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
    make, get, remove = "put_public_access_block", "get_public_access_block", "delete_public_access_block"
    inside = answer_path = "PublicAccessBlockConfiguration"
    outputs = {
        "blockPublicAcls": "BlockPublicAcls",
        "blockPublicPolicy": "BlockPublicPolicy",
        "ignorePublicAcls": "IgnorePublicAcls",
        "restrictPublicBuckets": "RestrictPublicBuckets",
    }
    defaults = dict.fromkeys(outputs, False)
    honoured = words("skipDestroy")

    def arguments(self, operation: str, props: Props) -> Props:
        return super().arguments(operation, self.defaults | props)


class BucketVersioning(_Setting):
    """Keeps what is overwritten or deleted. AWS cannot take versioning away, only suspend it."""

    resource = "aws:s3/bucketVersioning:BucketVersioning"
    make, get, inside = "put_bucket_versioning", "get_bucket_versioning", "VersioningConfiguration"
    replaces = words("bucket expectedBucketOwner")
    handled = words("versioningConfiguration")

    def arguments(self, operation: str, props: Props) -> Props:
        return super().arguments(operation, props["versioningConfiguration"])

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        status = self.find(aws, identity, state).get("Status")
        return {"bucket": identity} | ({"versioningConfiguration": {"status": status}} if status else {})

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        suspended = {"Status": "Suspended"}
        aws.client("s3").put_bucket_versioning(Bucket=identity, VersioningConfiguration=suspended)


class BucketServerSideEncryptionConfiguration(_Setting):
    resource = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    make, get, remove = "put_bucket_encryption", "get_bucket_encryption", "delete_bucket_encryption"
    inside = "ServerSideEncryptionConfiguration"
    replaces = words("bucket expectedBucketOwner")
    unordered = words("rules")


class BucketLifecycleConfiguration(_Setting):
    resource = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    make, get = "put_bucket_lifecycle_configuration", "get_bucket_lifecycle_configuration"
    remove, inside = "delete_bucket_lifecycle", "LifecycleConfiguration"
    replaces = words("bucket expectedBucketOwner")

    def arguments(self, operation: str, props: Props) -> Props:
        everything = {"filter": {"prefix": ""}}
        rules = [rule if rule.get("prefix") else everything | rule for rule in props.get("rules") or []]
        return super().arguments(operation, props | {"rules": rules})


class BucketOwnershipControls(_Setting):
    resource = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
    make, get, remove = (
        "put_bucket_ownership_controls",
        "get_bucket_ownership_controls",
        "delete_bucket_ownership_controls",
    )
    inside = "OwnershipControls"

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        (rule,) = self.find(aws, identity, state)["OwnershipControls"]["Rules"]
        return {"bucket": identity, "rule": camel(rule)}


class BucketNotification(_Setting):
    """Who hears of changes in a bucket. There is one list for each bucket; taken away, nobody hears."""

    resource = "aws:s3/bucketNotification:BucketNotification"
    make, get = "put_bucket_notification_configuration", "get_bucket_notification_configuration"
    inside = "NotificationConfiguration"
    handled = words("eventbridge lambdaFunctions queues topics")
    defaults = {"eventbridge": False}

    def arguments(self, operation: str, props: Props) -> Props:
        configuration: Props = {"EventBridgeConfiguration": {}} if props.get("eventbridge") else {}
        for name, (argument, arn, aws_arn) in _NOTIFIED.items():
            if props.get(name):
                configuration[argument] = [_notification(rule, arn, aws_arn) for rule in props[name]]
        return {self.inside: configuration}

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        return {"bucket": identity, "eventbridge": "EventBridgeConfiguration" in self.find(aws, identity, state)}

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        self.call(aws, self.make, {"Bucket": identity, self.inside: {}})


_NOTIFIED = {
    "lambdaFunctions": ("LambdaFunctionConfigurations", "lambdaFunctionArn", "LambdaFunctionArn"),
    "queues": ("QueueConfigurations", "queueArn", "QueueArn"),
    "topics": ("TopicConfigurations", "topicArn", "TopicArn"),
}


def _notification(rule: Props, arn: str, aws_arn: str) -> Props:
    made: Props = {aws_arn: rule[arn], "Events": rule["events"]} | ({"Id": rule["id"]} if rule.get("id") else {})
    parts = [
        {"Name": part, "Value": rule[name]}
        for part, name in (("prefix", "filterPrefix"), ("suffix", "filterSuffix"))
        if rule.get(name)
    ]
    return made | ({"Filter": {"Key": {"FilterRules": parts}}} if parts else {})

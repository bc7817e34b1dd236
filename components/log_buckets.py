"""Buckets that services of AWS write logs to.

Both services look whether they may write when logging begins: what begins it depends on the bucket's policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws

from components.private_bucket import PrivateBucket, PrivateBucketArgs

LOAD_BALANCERS = "logdelivery.elasticloadbalancing.amazonaws.com"
DELIVERY = "delivery.logs.amazonaws.com"


def of_load_balancer(
    name: str, beside: pulumi.Output[str], *, days: int, keep: bool, opts: pulumi.ResourceOptions
) -> tuple[PrivateBucket, aws.s3.BucketPolicy]:
    """For a load balancer in the account of the ARN `beside`. Elastic Load Balancing takes no other key than S3's.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
    """
    bucket = _bucket(name, days, keep, opts)
    account = beside.apply(lambda arn: arn.split(":")[4])
    where = pulumi.Output.concat(bucket.arn, "/AWSLogs/", account, "/*")
    return bucket, bucket.policy([_write(LOAD_BALANCERS, "s3:PutObject", where)])


def of_network(
    name: str, vpc: pulumi.Output[str], *, days: int, keep: bool, opts: pulumi.ResourceOptions
) -> tuple[PrivateBucket, aws.s3.BucketPolicy]:
    """For the flow logs of the VPC with the ARN `vpc`.

    https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-permissions.html
    """
    bucket = _bucket(name, days, keep, opts)
    parts = vpc.apply(lambda arn: arn.split(":"))
    source = parts.apply(lambda part: f"arn:{part[1]}:logs:{part[3]}:{part[4]}:*")
    ours = {"StringEquals": {"aws:SourceAccount": parts[4]}, "ArnLike": {"aws:SourceArn": source}}
    owned = {"s3:x-amz-acl": "bucket-owner-full-control"}
    writes = {**ours, "StringEquals": {**ours["StringEquals"], **owned}}
    return bucket, bucket.policy(
        [
            _write(DELIVERY, "s3:PutObject", pulumi.Output.concat(bucket.arn, "/*"), writes),
            _write(DELIVERY, "s3:GetBucketAcl", bucket.arn, ours),
        ]
    )


def _bucket(name: str, days: int, keep: bool, opts: pulumi.ResourceOptions) -> PrivateBucket:
    return PrivateBucket(name, PrivateBucketArgs(keep="retained" if keep else None, expire_days=days), opts=opts)


def _write(
    service: str, action: str, resource: pulumi.Output[str], condition: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": action, "Resource": resource}
    return {**statement, "Condition": condition} if condition else statement

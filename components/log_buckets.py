"""Logs that services of AWS write to buckets: of a load balancer, a network and a distribution.

The services look whether they may write when logging begins: what begins it depends on the bucket's policy.
"""

from __future__ import annotations

import dataclasses

import pulumi
import pulumi_aws as aws

from components import policies
from components.component import Component
from components.private_bucket import PrivateBucket, PrivateBucketArgs

LOAD_BALANCERS = {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
DELIVERY = {"Service": "delivery.logs.amazonaws.com"}


def of_load_balancer(
    name: str, beside: pulumi.Output[str], *, days: int, keep: bool, opts: pulumi.ResourceOptions
) -> tuple[PrivateBucket, aws.s3.BucketPolicy]:
    """For a load balancer in the account of the ARN `beside`. Elastic Load Balancing takes no other key than S3's.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
    """
    bucket = _bucket(name, days, keep, opts)
    account = beside.apply(lambda arn: arn.split(":")[4])
    where = pulumi.Output.concat(bucket.arn, "/AWSLogs/", account, "/*")
    return bucket, bucket.policy([policies.grant(LOAD_BALANCERS, "s3:PutObject", where)])


def of_network(
    name: str, vpc: pulumi.Output[str], *, days: int, keep: bool, opts: pulumi.ResourceOptions
) -> tuple[PrivateBucket, aws.s3.BucketPolicy]:
    """For the flow logs of the VPC with the ARN `vpc`.

    https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-permissions.html
    """
    bucket = _bucket(name, days, keep, opts)
    parts = vpc.apply(lambda arn: arn.split(":"))
    source = parts.apply(lambda part: f"arn:{part[1]}:logs:{part[3]}:{part[4]}:*")
    of_account = {"StringEquals": {"aws:SourceAccount": parts[4]}, "ArnLike": {"aws:SourceArn": source}}
    owned = {"s3:x-amz-acl": "bucket-owner-full-control"}
    writes = {**of_account, "StringEquals": {**of_account["StringEquals"], **owned}}
    return bucket, bucket.policy(
        [
            policies.grant(DELIVERY, "s3:PutObject", pulumi.Output.concat(bucket.arn, "/*"), writes),
            policies.grant(DELIVERY, "s3:GetBucketAcl", bucket.arn, of_account),
        ]
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class AccessLogsArgs:
    distribution_arn: pulumi.Input[str]
    us_east_1: aws.Provider
    """Provider for us-east-1, where the logs of every distribution come from."""
    days: int
    """Days to keep a log."""
    keep: bool
    """Leave the bucket in AWS when logging ends. Its objects expire as before."""


class AccessLogs(Component):
    """CloudFront's standard logging (v2): CloudWatch delivers a distribution's logs to a private bucket, as JSON.

    The older kind of logging needs a bucket with ACLs, which this one does not have. Names of viewers are in no log,
    but their addresses are, and whole query strings. Raises ValueError for `days` below 1.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging.html
    """

    bucket: pulumi.Output[str]

    def __init__(self, name: str, args: AccessLogsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("easi:site:AccessLogs", name, opts)
        in_us_east_1 = pulumi.ResourceOptions(parent=self, provider=args.us_east_1)
        bucket = _bucket(name, args.days, args.keep, self.child)
        source = aws.cloudwatch.LogDeliverySource(
            name, log_type="ACCESS_LOGS", resource_arn=args.distribution_arn, opts=in_us_east_1
        )
        account = source.arn.apply(lambda arn: arn.split(":")[4])
        policy = bucket.policy(
            [
                # As CloudFront's guide has it, for this one source. AWS may add its own to a policy that does not have
                # it, and that would be a change that Pulumi takes back.
                policies.grant(
                    DELIVERY,
                    "s3:PutObject",
                    pulumi.Output.concat(bucket.arn, "/*"),
                    {
                        "StringEquals": {"aws:SourceAccount": account, "s3:x-amz-acl": "bucket-owner-full-control"},
                        "ArnLike": {"aws:SourceArn": source.arn},
                    },
                    sid="AWSLogsDeliveryWrite",
                )
            ]
        )
        destination = aws.cloudwatch.LogDeliveryDestination(
            name,
            output_format="json",
            delivery_destination_configuration={"destination_resource_arn": bucket.arn},
            opts=in_us_east_1,
        )
        aws.cloudwatch.LogDelivery(
            name,
            delivery_source_name=source.name,
            delivery_destination_arn=destination.arn,
            opts=pulumi.ResourceOptions.merge(in_us_east_1, pulumi.ResourceOptions(depends_on=[policy])),
        )
        self.bucket = bucket.bucket
        self.register_outputs({"bucket": self.bucket})


def _bucket(name: str, days: int, keep: bool, opts: pulumi.ResourceOptions) -> PrivateBucket:
    return PrivateBucket(name, PrivateBucketArgs(keep="retained" if keep else None, expire_days=days), opts=opts)

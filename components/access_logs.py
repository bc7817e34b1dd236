"""The access logs of a distribution, in a bucket of their own."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from components.component import Component
from components.private_bucket import PrivateBucket, PrivateBucketArgs


@dataclasses.dataclass(frozen=True, kw_only=True)
class AccessLogsArgs:
    """Whose requests are logged, and for how long that is kept."""

    distribution_arn: pulumi.Input[str]
    us_east_1: aws.Provider
    """Provider for us-east-1, where the logs of every distribution come from."""
    days: int
    """Days to keep a log."""
    keep: bool = True
    """Leave the bucket in AWS when logging ends. Its objects expire as before."""
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Tags of every resource that takes some."""


class AccessLogs(Component):
    """CloudFront's standard logging (v2): CloudWatch delivers a distribution's logs to a private bucket, as JSON.

    The older kind of logging needs a bucket with ACLs, which this one does not have. Names of viewers are in no log,
    but their addresses are, and whole query strings. Raises ValueError for `days` below 1.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging.html
    """

    bucket: pulumi.Output[str]

    def __init__(self, name: str, args: AccessLogsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("easi:site:AccessLogs", name, args.tags, opts)
        there = pulumi.ResourceOptions(parent=self, provider=args.us_east_1)
        bucket = PrivateBucket(
            name, PrivateBucketArgs(keep="retained" if args.keep else None, expire_days=args.days), opts=self.child
        )
        source = aws.cloudwatch.LogDeliverySource(
            name, log_type="ACCESS_LOGS", resource_arn=args.distribution_arn, opts=there
        )
        account = source.arn.apply(lambda arn: arn.split(":")[4])
        policy = bucket.policy(
            [
                {
                    # As CloudFront's guide has it, for this one source. AWS may add its own to a policy that does not
                    # have it, and that would be a change that Pulumi takes back.
                    # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging.html
                    "Sid": "AWSLogsDeliveryWrite",
                    "Effect": "Allow",
                    "Principal": {"Service": "delivery.logs.amazonaws.com"},
                    "Action": "s3:PutObject",
                    "Resource": pulumi.Output.concat(bucket.arn, "/*"),
                    "Condition": {
                        "StringEquals": {"aws:SourceAccount": account, "s3:x-amz-acl": "bucket-owner-full-control"},
                        "ArnLike": {"aws:SourceArn": source.arn},
                    },
                }
            ]
        )
        destination = aws.cloudwatch.LogDeliveryDestination(
            name,
            output_format="json",
            delivery_destination_configuration={"destination_resource_arn": bucket.arn},
            opts=there,
        )
        aws.cloudwatch.LogDelivery(
            name,
            delivery_source_name=source.name,
            delivery_destination_arn=destination.arn,
            opts=pulumi.ResourceOptions.merge(there, pulumi.ResourceOptions(depends_on=[policy])),
        )
        self.bucket = bucket.bucket
        self.register_outputs({"bucket": self.bucket})

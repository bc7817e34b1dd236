"""Where alarms go: an SNS topic, and the people who hear of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from components import policies


def make(name: str, emails: Sequence[str], key_arn: str | None, opts: pulumi.ResourceOptions) -> aws.sns.Topic:
    """A topic whose policy lets CloudWatch alarms of its account and region publish, over TLS, and nobody else.

    Who may publish by a policy of their own in the account still may. Every address gets a mail with a link: until it
    is followed, that address hears nothing, and AWS cannot remove the subscription.
    """
    topic = aws.sns.Topic(name, kms_master_key_id=key_arn, opts=opts)
    aws.sns.TopicPolicy(
        name, arn=topic.arn, policy=policies.document(_alarms(topic.arn), _only_tls(topic.arn)), opts=opts
    )
    for email in sorted(set(emails)):
        aws.sns.TopicSubscription(f"{name}-{email}", topic=topic.arn, protocol="email", endpoint=email, opts=opts)
    return topic


def _alarms(topic_arn: pulumi.Output[str]) -> dict[str, Any]:
    # arn:<partition>:sns:<region>:<account>:<name>
    parts = topic_arn.apply(lambda arn: arn.split(":"))
    alarms = parts.apply(lambda part: f"arn:{part[1]}:cloudwatch:{part[3]}:{part[4]}:alarm:*")
    return {
        "Sid": "Alarms",
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic_arn,
        # The service would publish for any account that names the topic.
        "Condition": {"StringEquals": {"aws:SourceAccount": parts[4]}, "ArnLike": {"aws:SourceArn": alarms}},
    }


def _only_tls(topic_arn: pulumi.Output[str]) -> dict[str, Any]:
    return {
        "Sid": "OnlyTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sns:Publish",
        "Resource": topic_arn,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }

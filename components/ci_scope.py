"""One environment as CI's roles see it: ARNs and tags of its resources, actions by what limits them, statements.

Source of the actions: https://docs.aws.amazon.com/service-authorization/latest/reference/, against which
tests/components/test_service_authorization.py holds every policy.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from components.component import tags_of
from components.policies import allow

Statement = dict[str, Any]

LISTS = {
    "application-autoscaling": "DescribeScalableTargets DescribeScalingPolicies",
    "cloudfront": "ListDistributions ListVpcOrigins",
    "ec2": "DescribeAddresses DescribeAddressesAttribute DescribeAvailabilityZones DescribeFlowLogs "
    "DescribeInternetGateways "
    "DescribeManagedPrefixLists DescribeNatGateways DescribeNetworkAcls DescribeNetworkInterfaces DescribePrefixLists "
    "DescribeRouteTables DescribeSecurityGroupRules DescribeSecurityGroups DescribeSubnets DescribeVpcEndpoints "
    "DescribeVpcs",
    "ecr": "GetAuthorizationToken",
    "ecs": "DescribeTaskDefinition",
    "elasticloadbalancing": "Describe*",
    "logs": "DescribeLogGroups",
    "sns": "GetSubscriptionAttributes",
}
"""Reads that no resource limits."""

OWN_READS = {
    "cloudwatch": "GetDashboard ListTagsForResource",
    "ecr": "DescribeImageScanFindings DescribeImages DescribeRepositories GetLifecyclePolicy GetRepositoryPolicy "
    "ListTagsForResource",
    "ecs": "DescribeClusters DescribeServices ListTagsForResource",
    "lambda": "GetFunction GetFunctionCodeSigningConfig ListTags ListVersionsByFunction",
    "logs": "DescribeMetricFilters GetDeliveryDestination GetDeliverySource ListTagsForResource",
    "s3": "GetAccelerateConfiguration GetBucketAcl GetBucketCORS GetBucketLocation GetBucketLogging "
    "GetBucketObjectLockConfiguration GetBucketOwnershipControls GetBucketPolicy GetBucketPublicAccessBlock "
    "GetBucketRequestPayment GetBucketTagging GetBucketVersioning GetBucketWebsite GetEncryptionConfiguration "
    "GetLifecycleConfiguration GetReplicationConfiguration ListBucket",
    "sns": "GetTopicAttributes ListTagsForResource",
}
"""Reads of what bears the environment's name."""

ID_READS = {
    "acm": "DescribeCertificate ListTagsForCertificate",
    "application-autoscaling": "ListTagsForResource",
    "cloudwatch": "DescribeAlarms",  # asked for on alarm:*, whatever the names
    "cloudfront": "DescribeFunction DescribeKeyValueStore GetCachePolicy GetDistribution GetFunction GetInvalidation "
    "GetOriginAccessControl GetResponseHeadersPolicy GetVpcOrigin ListTagsForResource",
    "ec2": "DescribeVpcAttribute",
    "logs": "GetDelivery ListTagsForResource",
    "wafv2": "GetWebACL",
}
"""Reads of what has an id that AWS makes. A condition by tag would refuse what is gone, instead of not finding it."""

TAGGED = {
    "acm": "DeleteCertificate RemoveTagsFromCertificate",
    "application-autoscaling": "DeleteScalingPolicy DeregisterScalableTarget PutScalingPolicy UntagResource",
    "cloudfront": "AllowVendedLogDeliveryForResource CreateInvalidation DeleteDistribution DeleteVpcOrigin "
    "UntagResource UpdateDistribution UpdateVpcOrigin",
}
"""Changes of what bears the environment's tags."""
UNTAGGED = (
    "DeleteCachePolicy DeleteFunction DeleteKeyValueStore DeleteOriginAccessControl DeleteResponseHeadersPolicy "
    "PublishFunction UpdateCachePolicy UpdateFunction UpdateKeyValueStore UpdateOriginAccessControl "
    "UpdateResponseHeadersPolicy"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scope:
    partition: str
    account: str
    project: str
    environment: str
    before: Sequence[str]
    """The environment whose images and files this one copies, and those before that; all may be in other accounts."""
    makes_vpc: bool = False
    """Its stack makes a VPC of its own."""
    role_path: str
    permissions_boundary: str | None
    state_bucket: str
    state_key_arn: str
    hosted_zone_ids: Sequence[str]

    @property
    def name(self) -> str:
        """What the names of the environment's own resources are or begin with."""
        return f"{self.project}-{self.environment}"

    @property
    def promotes_from(self) -> str | None:
        """The environment whose images and files this one copies."""
        return self.before[0] if self.before else None

    @property
    def statements(self) -> list[str]:
        """What people state about this environment and those before it."""
        return [self.s3(f"{self.project}-{name}-*/statements/*") for name in (self.environment, *self.before)]

    def arn(self, service: str, resource: str, region: str = "*") -> str:
        """An ARN of this account, or a pattern of some."""
        return f"arn:{self.partition}:{service}:{region}:{self.account}:{resource}"

    def s3(self, path: str) -> str:
        """ARN of a bucket, or of objects in it."""
        return f"arn:{self.partition}:s3:::{path}"

    @property
    def roles(self) -> str:
        """The environment's own roles. CI's roles bear other names: neither role can change them."""
        return self.arn("iam", f"role{self.role_path}{self.name}-*", region="")

    def cdn(self, kind: str) -> str:
        """What CloudFront has of a kind; it has no region."""
        return self.arn("cloudfront", f"{kind}/*", region="")

    def tagged(self, *requests: str, operator: str = "StringEquals") -> dict[str, dict[str, str]]:
        """A condition on the environment's tags: of a `Resource` that exists, or of the `Request`, or of both."""
        tags = tags_of(self.project, self.environment)
        return {operator: {f"aws:{where}Tag/{key}": value for where in requests for key, value in tags.items()}}


def statement(sid: str, allowed: Sequence[str], resources: Any, condition: Any = None) -> Statement:
    return {"Sid": sid, **allow(allowed, resources, condition)}


def deny(sid: str, denied: Sequence[str], **resources: Any) -> Statement:
    return {"Sid": sid, "Effect": "Deny", "Action": sorted(denied), **resources}


def actions(service: str, names: str) -> list[str]:
    return [f"{service}:{name}" for name in names.split()]


def actions_of(names: Mapping[str, str]) -> list[str]:
    return [action for service, text in names.items() for action in actions(service, text)]

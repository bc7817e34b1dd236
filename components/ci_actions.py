"""The actions that CI's roles may do, by what limits each.

Source of all: https://docs.aws.amazon.com/service-authorization/latest/reference/, against which
tests/components/test_service_authorization.py holds every policy.
"""

from __future__ import annotations

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
    "ecr": "DescribeImages DescribeRepositories GetLifecyclePolicy GetRepositoryPolicy ListTagsForResource",
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
    "cloudfront": "DescribeFunction GetCachePolicy GetDistribution GetFunction GetInvalidation GetOriginAccessControl "
    "GetResponseHeadersPolicy GetVpcOrigin ListTagsForResource",
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
    "DeleteCachePolicy DeleteFunction DeleteOriginAccessControl DeleteResponseHeadersPolicy PublishFunction "
    "UpdateCachePolicy UpdateFunction UpdateOriginAccessControl UpdateResponseHeadersPolicy"
)

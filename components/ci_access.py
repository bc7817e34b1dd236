"""What CI's roles may do: the statements of the deploy role and of the preview role of one environment.

What bears the environment's name, `<project>-<environment>` or `<project>-<environment>-…`, is its own. For what has no
name when it is created (a VPC, a distribution, a certificate) IAM has nothing to limit the action by: those statements
allow single actions on every resource, and `WITHOUT_NAMES` says which they are and why.
https://docs.aws.amazon.com/service-authorization/latest/reference/
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from components.policies import allow
from components.task_roles import SHIFTING_POLICY

Statement = dict[str, Any]

READS = {
    "acm": "DescribeCertificate ListTagsForCertificate",
    "application-autoscaling": "DescribeScalableTargets DescribeScalingPolicies ListTagsForResource",
    "cloudfront": "DescribeFunction GetCachePolicy GetDistribution GetFunction GetInvalidation GetOriginAccessControl "
    "GetResponseHeadersPolicy GetVpcOrigin ListTagsForResource",
    "cloudwatch": "DescribeAlarms GetDashboard ListTagsForResource",
    "ec2": "DescribeAddresses DescribeAddressesAttribute DescribeAvailabilityZones DescribeInternetGateways "
    "DescribeManagedPrefixLists DescribeNatGateways DescribeNetworkAcls DescribeNetworkInterfaces DescribePrefixLists "
    "DescribeRouteTables DescribeSecurityGroupRules DescribeSecurityGroups DescribeSubnets DescribeVpcAttribute "
    "DescribeVpcEndpoints DescribeVpcs",
    "ecr": "DescribeImages DescribeRepositories GetAuthorizationToken GetLifecyclePolicy GetRepositoryPolicy "
    "ListTagsForResource",
    "ecs": "DescribeClusters DescribeServices DescribeTaskDefinition ListTagsForResource",
    "elasticloadbalancing": "Describe*",
    "iam": "GetRole GetRolePolicy ListAttachedRolePolicies ListRolePolicies",
    "lambda": "GetFunction GetFunctionCodeSigningConfig GetFunctionConfiguration GetPolicy ListTags "
    "ListVersionsByFunction",
    "logs": "DescribeLogGroups DescribeMetricFilters GetDelivery GetDeliveryDestination GetDeliverySource "
    "ListTagsForResource",
    "route53": "GetChange GetHostedZone ListHostedZones ListResourceRecordSets ListTagsForResource",
    "sns": "GetSubscriptionAttributes GetTopicAttributes ListTagsForResource",
    "wafv2": "GetWebACL",
}
"""Actions by which the provider reads what the stacks' resources are. None returns what the environment stores."""

SECRETS_EXIST = ("secretsmanager:DescribeSecret", "ssm:DescribeParameters")
"""How a release sees, before it changes anything, that what the tasks start with exists: never a value. Settings name
secrets freely."""

BUCKET_READS = (
    "GetAccelerateConfiguration GetBucketAcl GetBucketCORS GetBucketLocation GetBucketLogging "
    "GetBucketObjectLockConfiguration GetBucketOwnershipControls GetBucketPolicy GetBucketPublicAccessBlock "
    "GetBucketRequestPayment GetBucketTagging GetBucketVersioning GetBucketWebsite GetEncryptionConfiguration "
    "GetLifecycleConfiguration GetReplicationConfiguration ListBucket"
)

NETWORK = (
    "AllocateAddress AssociateRouteTable AttachInternetGateway AuthorizeSecurityGroupEgress "
    "AuthorizeSecurityGroupIngress CreateInternetGateway CreateNatGateway CreateRoute CreateRouteTable "
    "CreateSecurityGroup CreateSubnet CreateTags CreateVpc CreateVpcEndpoint DeleteInternetGateway DeleteNatGateway "
    "DeleteRoute DeleteRouteTable DeleteSecurityGroup DeleteSubnet DeleteTags DeleteVpc DeleteVpcEndpoints "
    "DetachInternetGateway DisassociateAddress DisassociateRouteTable ModifySecurityGroupRules ModifySubnetAttribute "
    "ModifyVpcAttribute ModifyVpcEndpoint ReleaseAddress ReplaceRoute ReplaceRouteTableAssociation "
    "RevokeSecurityGroupEgress RevokeSecurityGroupIngress"
)
CDN = (
    "AllowVendedLogDeliveryForResource CreateCachePolicy CreateDistribution CreateFunction CreateInvalidation "
    "CreateOriginAccessControl CreateResponseHeadersPolicy CreateVpcOrigin DeleteCachePolicy DeleteDistribution "
    "DeleteFunction DeleteOriginAccessControl DeleteResponseHeadersPolicy DeleteVpcOrigin PublishFunction TagResource "
    "UntagResource UpdateCachePolicy UpdateDistribution UpdateFunction UpdateOriginAccessControl "
    "UpdateResponseHeadersPolicy UpdateVpcOrigin"
)

OWN_SERVICES = ("cloudwatch", "ecr", "ecs", "elasticloadbalancing", "lambda", "logs", "s3", "sns")
"""Services whose resources bear names: the deploy role may do everything to the environment's own."""

WITHOUT_NAMES = {
    "Read": "what a preview may read, too",
    "Network": "VPCs, subnets, gateways and groups have ids that AWS makes",
    "Cdn": "distributions, policies and origins have ids that AWS makes",
    "Certificates": "certificates have ids that AWS makes",
    "Scaling": "scalable targets have ids that AWS makes",
    "Unnamed": "these actions have no resource-level permissions",
}
"""Statements on every resource, by their Sid, and why."""

SERVICE_ROLES = ("ecs", "elasticloadbalancing", "ecs.application-autoscaling", "vpcorigin.cloudfront")
"""Services of which AWS needs a service-linked role once per account."""

PASSED_TO = ("ecs.amazonaws.com", "ecs-tasks.amazonaws.com", "lambda.amazonaws.com")
"""Services that the environment's roles may be passed to."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scope:
    """One environment of one project in one account, and where its state is."""

    partition: str
    account: str
    project: str
    environment: str
    promotes_from: str | None
    """The environment whose images and files this one copies; it may be in another account."""
    role_path: str
    permissions_boundary: str | None
    state_bucket: str
    state_key_arn: str
    hosted_zone_ids: Sequence[str]

    @property
    def name(self) -> str:
        """What the names of the environment's own resources are or begin with."""
        return f"{self.project}-{self.environment}"

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


def deploy(scope: Scope) -> list[Statement]:
    """What `pulumi up` and `pulumi destroy` of the environment's stack need, and nothing of another environment.

    Everything that is not allowed is denied; a role of AWS's own, as PowerUserAccess is one, is not attached.
    """
    return [
        _statement("Read", [*_reads(), *SECRETS_EXIST], "*"),
        _statement("Own", [f"{service}:*" for service in OWN_SERVICES], list(_own(scope))),
        _statement("Network", _actions("ec2", NETWORK), "*"),
        _statement("Cdn", _actions("cloudfront", CDN), "*"),
        _statement(
            "Certificates",
            _actions("acm", "AddTagsToCertificate DeleteCertificate RemoveTagsFromCertificate RequestCertificate"),
            "*",
        ),
        _statement(
            "Scaling",
            _actions(
                "application-autoscaling",
                "DeleteScalingPolicy DeregisterScalableTarget PutScalingPolicy RegisterScalableTarget TagResource "
                "UntagResource",
            ),
            "*",
        ),
        _statement(
            "Unnamed",
            ["ecs:CreateCluster", "ecs:DeregisterTaskDefinition", "ecs:RegisterTaskDefinition", "sns:Unsubscribe"],
            "*",
        ),
        _statement(
            "Deliveries",
            _actions("logs", "CreateDelivery DeleteDelivery TagResource UntagResource UpdateDeliveryConfiguration"),
            scope.arn("logs", "delivery:*"),
        ),
        *_names(scope),
        *_promotion(scope),
        *_roles(scope),
        *_read_state(scope),
        _statement("StateWrite", ["s3:DeleteObject", "s3:PutObject"], list(_own_state(scope))),
        _statement("StateKey", _actions("kms", "Decrypt Encrypt GenerateDataKey"), scope.state_key_arn),
    ]


def preview(scope: Scope) -> list[Statement]:
    """What `pulumi preview` and `pulumi preview --refresh` of the environment's stack need: reading, nothing else.

    A preview takes no lock and writes no state. The denials hold whatever else is attached to the role later.
    """
    own_buckets = [scope.s3(f"{scope.name}-*")]
    return [
        _statement("Read", _reads(), "*"),
        _statement("Buckets", _actions("s3", BUCKET_READS), own_buckets),
        *_read_state(scope),
        _statement("StateKey", ["kms:Decrypt"], scope.state_key_arn),
        _deny(
            "NoSecrets",
            ["secretsmanager:BatchGetSecretValue", "secretsmanager:GetSecretValue", "ssm:GetParameter*"],
            Resource="*",
        ),
        _deny("NoOtherObjects", ["s3:GetObject*"], NotResource=scope.s3(f"{scope.state_bucket}/*")),
        _deny("NoOtherKeys", ["kms:Decrypt"], NotResource=scope.state_key_arn),
        _deny("NoCalls", ["lambda:InvokeFunction*"], Resource="*"),
    ]


def _statement(sid: str, actions: Sequence[str], resources: Any, condition: Any = None) -> Statement:
    return {"Sid": sid, **allow(actions, resources, condition)}


def _deny(sid: str, actions: Sequence[str], **resources: Any) -> Statement:
    return {"Sid": sid, "Effect": "Deny", "Action": sorted(actions), **resources}


def _actions(service: str, names: str) -> list[str]:
    return [f"{service}:{name}" for name in names.split()]


def _reads() -> list[str]:
    return [action for service, names in READS.items() for action in _actions(service, names)]


def _own(scope: Scope) -> Iterator[str]:
    """Resources that bear the environment's name."""
    name = scope.name
    yield scope.s3(f"{name}-*")
    for service, kind in (("ecr", "repository/"), ("ecs", "cluster/"), ("lambda", "function:")):
        yield scope.arn(service, f"{kind}{name}")
        yield scope.arn(service, f"{kind}{name}-*")
    for kind in ("service", "service-deployment", "service-revision", "task"):
        yield scope.arn("ecs", f"{kind}/{name}/*")
        yield scope.arn("ecs", f"{kind}/{name}-*/*")
    yield scope.arn("ecs", f"task-definition/{name}:*")
    yield scope.arn("ecs", f"task-definition/{name}-*:*")
    # `listener*`: listeners and their rules. IAM limits the length of a policy.
    for kind in ("loadbalancer/app", "listener*/app", "targetgroup"):
        yield scope.arn("elasticloadbalancing", f"{kind}/{name}-*")
    for group in (f"{name}", f"{name}:*", f"{name}-*"):
        yield scope.arn("logs", f"log-group:/*/{group}")
    for kind in ("delivery-source", "delivery-destination"):
        yield scope.arn("logs", f"{kind}:{name}-*")
    yield scope.arn("sns", f"{name}-*")
    # Target tracking makes alarms with names of its own.
    for alarm in (f"{name}-*", f"TargetTracking-service/{name}/*", f"TargetTracking-service/{name}-*"):
        yield scope.arn("cloudwatch", f"alarm:{alarm}")
    yield scope.arn("cloudwatch", f"dashboard/{name}", region="")
    yield scope.arn("cloudwatch", f"dashboard/{name}-*", region="")


def _names(scope: Scope) -> list[Statement]:
    if not scope.hosted_zone_ids:
        return []
    zones = [f"arn:{scope.partition}:route53:::hostedzone/{zone}" for zone in scope.hosted_zone_ids]
    return [_statement("Names", ["route53:ChangeResourceRecordSets"], zones)]


def _promotion(scope: Scope) -> list[Statement]:
    if scope.promotes_from is None:
        return []
    source = f"{scope.project}-{scope.promotes_from}"
    repositories = f"arn:{scope.partition}:ecr:*:*:repository/{source}"
    return [
        _statement(
            "PromoteImage",
            _actions("ecr", "BatchCheckLayerAvailability BatchGetImage GetDownloadUrlForLayer"),
            [repositories, f"{repositories}-*"],
        ),
        _statement(
            "PromoteFiles",
            ["s3:GetObject", "s3:ListBucket"],
            [scope.s3(f"{source}-*"), scope.s3(f"{source}-*/*")],
        ),
    ]


def _roles(scope: Scope) -> list[Statement]:
    bounded = _actions("iam", "CreateRole DeleteRolePolicy PutRolePermissionsBoundary PutRolePolicy")
    boundary = scope.permissions_boundary
    bounds = {"StringEquals": {"iam:PermissionsBoundary": boundary}} if boundary else None
    linked = [f"{service}.amazonaws.com" for service in SERVICE_ROLES]
    return [
        _statement(
            "Roles",
            _actions(
                "iam",
                # A release asks the simulator what tasks may read, and what its function may pass.
                "DeleteRole ListInstanceProfilesForRole SimulatePrincipalPolicy TagRole UntagRole "
                "UpdateAssumeRolePolicy UpdateRole UpdateRoleDescription",
            ),
            scope.roles,
        ),
        # Without a boundary, a role can get one only from whoever may give it any right, which is not CI.
        _statement(
            "BoundedRoles",
            bounded if boundary else [action for action in bounded if not action.endswith("Boundary")],
            scope.roles,
            bounds,
        ),
        # The one policy of AWS's own that the components attach; any other could be AdministratorAccess.
        _statement(
            "ShiftingRoles",
            ["iam:AttachRolePolicy", "iam:DetachRolePolicy"],
            scope.roles,
            {
                "ArnEquals": {"iam:PolicyARN": f"arn:{scope.partition}:iam::aws:policy/{SHIFTING_POLICY}"},
                **(bounds or {}),
            },
        ),
        _statement(
            "PassRole", ["iam:PassRole"], scope.roles, {"StringEquals": {"iam:PassedToService": list(PASSED_TO)}}
        ),
        _statement(
            "ServiceLinkedRoles",
            ["iam:CreateServiceLinkedRole"],
            scope.arn("iam", "role/aws-service-role/*", region=""),
            {"StringEquals": {"iam:AWSServiceName": linked}},
        ),
    ]


def _read_state(scope: Scope) -> list[Statement]:
    return [
        # Without ListBucket, S3 answers a miss with 403, which the engine takes for an error.
        _statement("StateList", ["s3:GetBucketLocation", "s3:ListBucket"], scope.s3(scope.state_bucket)),
        _statement("StateRead", ["s3:GetObject"], scope.s3(f"{scope.state_bucket}/.pulumi/*")),
    ]


def _own_state(scope: Scope) -> Iterator[str]:
    """Where the engine (3.232, backend/diy) keeps one stack."""
    root, stack = scope.s3(f"{scope.state_bucket}/.pulumi"), f"{scope.project}/{scope.environment}"
    yield f"{root}/stacks/{stack}.*"
    yield f"{root}/locks/organization/{stack}/*"
    for kind in ("history", "backups"):
        yield f"{root}/{kind}/{stack}/*"

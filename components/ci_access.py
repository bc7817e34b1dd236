"""What CI's roles may do: the statements of the deploy role and of the preview role of one environment.

What bears the environment's name, `<project>-<environment>` or `<project>-<environment>-…`, is its own, and so is what
bears the tags that the program gives everything (`components.component.tags_of`): AWS makes the ids of a distribution,
a certificate or a security group. `EVERYWHERE` says which statements are on every resource, and why.
"""

from __future__ import annotations

from collections.abc import Iterator

from components import state_objects
from components.ci_scope import (
    ID_READS,
    LISTS,
    OWN_READS,
    TAGGED,
    UNTAGGED,
    Scope,
    Statement,
    actions,
    actions_of,
    deny,
    statement,
)

OWN_SERVICES = ("cloudwatch", "ecr", "ecs", "elasticloadbalancing", "lambda", "logs", "s3", "sns")
"""Services whose resources bear names: the deploy role may do everything to the environment's own."""

EVERYWHERE = {
    "Lists": "the actions have no resource type",
    "Ec2Lists": "the actions have no resource type",
    "FlowLogs": "the actions have no resource type",
    "Create": "what is made has no ARN yet, and the actions no resource type; a condition demands the tags",
    "CreateUntagged": "the actions have no resource type, and CloudFront's functions and policies take no tags",
    "Unsubscribe": "the action has no resource type",
    "Secrets": "settings name secrets freely; the actions say whether one exists, never its value",
}
"""Statements on every resource, by their Sid, and why."""

SERVICE_ROLES = ("ecs", "elasticloadbalancing", "ecs.application-autoscaling", "vpcorigin.cloudfront")
"""Services of which AWS needs a service-linked role once per account."""

PASSED_TO = ("ecs-tasks.amazonaws.com", "lambda.amazonaws.com")
"""Services that the environment's roles may be passed to."""


def read(scope: Scope) -> list[Statement]:
    """What both roles read: the environment's resources, its state and statements, and those of the ones before it."""
    state = state_objects.read_with(scope.project, scope.environment, scope.before)
    by_id = [scope.arn(*kind) for kind in (("acm", "certificate/*"), ("application-autoscaling", "scalable-target/*"))]
    by_id += [scope.arn("cloudfront", "*", region=""), scope.arn("cloudwatch", "alarm:*"), scope.arn("ec2", "vpc/*")]
    by_id += [scope.arn("logs", "delivery:*"), scope.arn("wafv2", "*/webacl/*")]
    return [
        statement("Lists", actions_of(LISTS), "*"),
        statement("ReadOwn", actions_of(OWN_READS), list(_named(scope))),
        statement("ReadById", actions_of(ID_READS), by_id),
        statement(
            "ReadRoles", actions("iam", "GetRole GetRolePolicy ListAttachedRolePolicies ListRolePolicies"), scope.roles
        ),
        *_read_scans(scope),
        *_read_names(scope),
        # Without ListBucket, S3 answers a miss with 403, which the engine takes for an error.
        statement("StateList", ["s3:GetBucketLocation", "s3:ListBucket"], scope.s3(scope.state_bucket)),
        # A hold and a rejection count for previews, too.
        statement(
            "StateRead",
            ["s3:GetObject"],
            [*(scope.s3(f"{scope.state_bucket}/{keys}") for keys in state), *scope.statements],
        ),
        statement("StateKey", ["kms:Decrypt"], scope.state_key_arn),
        *_list_statements(scope),
    ]


def deploy(scope: Scope) -> list[Statement]:
    """What `pulumi up` and `pulumi destroy` of the environment's stack need beside `read` and `ci_network.network`.

    Everything that is not allowed is denied; a role of AWS's own, as PowerUserAccess is one, is not attached.
    """
    targets = scope.arn("application-autoscaling", "scalable-target/*")
    certificates = scope.arn("acm", "certificate/*")
    cdn = [scope.cdn("distribution"), scope.cdn("vpcorigin")]
    functions = scope.arn("cloudfront", f"function/{scope.name}-*", region="")
    state = state_objects.of_stack(scope.project, scope.environment)
    return [
        statement("Own", [f"{service}:*" for service in OWN_SERVICES], list(_own(scope))),
        statement("Unsubscribe", ["sns:Unsubscribe"], "*"),
        statement("Secrets", ["secretsmanager:DescribeSecret", "ssm:DescribeParameters"], "*"),
        statement(
            "Create",
            ["acm:RequestCertificate", "cloudfront:CreateDistribution", "cloudfront:CreateVpcOrigin"],
            "*",
            scope.tagged("Request"),
        ),
        statement("Tagged", actions_of(TAGGED), [certificates, targets, *cdn], scope.tagged("Resource")),
        # A tag on what bears none yet, as what is being made does; never on what bears those of another environment.
        statement(
            "Tag",
            [
                *("acm:AddTagsToCertificate", "cloudfront:TagResource"),
                *actions("application-autoscaling", "RegisterScalableTarget TagResource"),
            ],
            [certificates, targets, *cdn, functions, scope.cdn("key-value-store")],
            scope.tagged("Resource", "Request", operator="StringEqualsIfExists"),
        ),
        statement(
            "CreateUntagged",
            actions(
                "cloudfront",
                "CreateCachePolicy CreateFunction CreateKeyValueStore CreateOriginAccessControl "
                "CreateResponseHeadersPolicy",
            ),
            "*",
        ),
        # Ids that AWS makes, and no tags by which an action is limited: of functions alone, whose names are the
        # program's, it can be said whose.
        statement(
            "Untagged",
            actions("cloudfront", UNTAGGED),
            [
                functions,
                *map(
                    scope.cdn, ("cache-policy", "key-value-store", "origin-access-control", "response-headers-policy")
                ),
            ],
        ),
        # Which paths the site has.
        statement(
            "Routes",
            actions("cloudfront-keyvaluestore", "DescribeKeyValueStore ListKeys UpdateKeys"),
            scope.cdn("key-value-store"),
        ),
        statement(
            "Deliveries",
            actions("logs", "CreateDelivery DeleteDelivery TagResource UntagResource UpdateDeliveryConfiguration"),
            scope.arn("logs", "delivery:*"),
        ),
        *_names(scope),
        *_promotion(scope),
        *_roles(scope),
        # A merge must not lift what holds it: people state, with credentials of their own.
        deny("NoStatements", ["s3:PutObject"], Resource=scope.statements[0]),
        statement(
            "StateWrite",
            ["s3:DeleteObject", "s3:PutObject"],
            [scope.s3(f"{scope.state_bucket}/{keys}") for keys in state],
        ),
        statement("StateEncrypt", actions("kms", "Encrypt GenerateDataKey"), scope.state_key_arn),
    ]


def preview(scope: Scope) -> list[Statement]:
    """What holds for a preview, whatever else is attached to its role later: it reads, and no secrets.

    It takes no lock and writes no state. A pull request's own code runs with the role before anybody has read it.
    """
    return [
        deny(
            "NoSecrets",
            ["secretsmanager:BatchGetSecretValue", "secretsmanager:GetSecretValue", "ssm:GetParameter*"],
            Resource="*",
        ),
        deny(
            "NoOtherObjects",
            ["s3:GetObject*"],
            NotResource=[scope.s3(f"{scope.state_bucket}/*"), *scope.statements],
        ),
        deny("NoOtherKeys", ["kms:Decrypt"], NotResource=scope.state_key_arn),
        deny("NoCalls", ["lambda:InvokeFunction*"], Resource="*"),
    ]


def _named(scope: Scope) -> Iterator[str]:
    """What the stack makes that bears the environment's name, as far as reading it can be limited."""
    name = scope.name
    yield scope.s3(f"{name}-*")
    for service, kind in (("ecr", "repository/"), ("ecs", "cluster/"), ("lambda", "function:")):
        yield scope.arn(service, f"{kind}{name}")
        yield scope.arn(service, f"{kind}{name}-*")
    yield scope.arn("ecs", f"service/{name}/*")
    yield scope.arn("ecs", f"service/{name}-*/*")
    for group in (f"{name}", f"{name}:*", f"{name}-*"):
        yield scope.arn("logs", f"log-group:/*/{group}")
    for kind in ("delivery-source", "delivery-destination"):
        yield scope.arn("logs", f"{kind}:{name}-*")
    yield scope.arn("sns", f"{name}-*")
    yield scope.arn("cloudwatch", f"alarm:{name}-*")
    yield scope.arn("cloudwatch", f"dashboard/{name}", region="")
    yield scope.arn("cloudwatch", f"dashboard/{name}-*", region="")


def _own(scope: Scope) -> Iterator[str]:
    """All that bears the environment's name."""
    name = scope.name
    yield from _named(scope)
    for kind in ("service-deployment", "service-revision", "task"):
        yield scope.arn("ecs", f"{kind}/{name}/*")
        yield scope.arn("ecs", f"{kind}/{name}-*/*")
    yield scope.arn("ecs", f"task-definition/{name}:*")
    yield scope.arn("ecs", f"task-definition/{name}-*:*")
    # `listener*`: listeners and their rules. IAM limits the length of a policy.
    for kind in ("loadbalancer/app", "listener*/app", "targetgroup"):
        yield scope.arn("elasticloadbalancing", f"{kind}/{name}-*")
    # Target tracking makes alarms with names of its own.
    for services in (f"{name}/*", f"{name}-*"):
        yield scope.arn("cloudwatch", f"alarm:TargetTracking-service/{services}")


def _zones(scope: Scope) -> list[str]:
    return [f"arn:{scope.partition}:route53:::hostedzone/{zone}" for zone in scope.hosted_zone_ids]


def _source_repositories(scope: Scope) -> list[str]:
    """Where the environment before has its images; it may be in another account."""
    source = f"arn:{scope.partition}:ecr:*:*:repository/{scope.project}-{scope.promotes_from}"
    return [source, f"{source}-*"]


def _read_scans(scope: Scope) -> list[Statement]:
    """The image that is promoted was scanned where it was built."""
    if scope.promotes_from is None:
        return []
    return [statement("ReadScans", ["ecr:DescribeImageScanFindings"], _source_repositories(scope))]


def _list_statements(scope: Scope) -> list[Statement]:
    """The environment's own buckets are listed with the others of its reads."""
    buckets = [scope.s3(f"{scope.project}-{name}-*") for name in scope.before]
    only = {"StringLike": {"s3:prefix": "statements/*"}}
    return [statement("Stated", ["s3:ListBucket"], buckets, only)] if buckets else []


def _read_names(scope: Scope) -> list[Statement]:
    if not scope.hosted_zone_ids:
        return []
    reads = actions("route53", "GetChange GetHostedZone ListResourceRecordSets ListTagsForResource")
    return [statement("ReadNames", reads, [*_zones(scope), f"arn:{scope.partition}:route53:::change/*"])]


def _names(scope: Scope) -> list[Statement]:
    if not scope.hosted_zone_ids:
        return []
    return [statement("Names", ["route53:ChangeResourceRecordSets"], _zones(scope))]


def _promotion(scope: Scope) -> list[Statement]:
    if scope.promotes_from is None:
        return []
    source = f"{scope.project}-{scope.promotes_from}"
    return [
        statement(
            "PromoteImage",
            actions("ecr", "BatchCheckLayerAvailability BatchGetImage GetDownloadUrlForLayer"),
            _source_repositories(scope),
        ),
        statement(
            "PromoteFiles",
            ["s3:GetObject", "s3:ListBucket"],
            [scope.s3(f"{source}-*"), scope.s3(f"{source}-*/*")],
        ),
    ]


def _roles(scope: Scope) -> list[Statement]:
    bounded = actions("iam", "CreateRole DeleteRolePolicy PutRolePermissionsBoundary PutRolePolicy")
    boundary = scope.permissions_boundary
    bounds = {"StringEquals": {"iam:PermissionsBoundary": boundary}} if boundary else None
    linked = [f"{service}.amazonaws.com" for service in SERVICE_ROLES]
    return [
        statement(
            "Roles",
            actions(
                "iam",
                # A release asks the simulator what tasks may read, and what its function may pass.
                "DeleteRole ListInstanceProfilesForRole SimulatePrincipalPolicy TagRole UntagRole "
                "UpdateAssumeRolePolicy UpdateRole UpdateRoleDescription",
            ),
            scope.roles,
        ),
        # Without a boundary, a role can get one only from whoever may give it any right, which is not CI.
        statement(
            "BoundedRoles",
            bounded if boundary else [action for action in bounded if not action.endswith("Boundary")],
            scope.roles,
            bounds,
        ),
        statement(
            "PassRole", ["iam:PassRole"], scope.roles, {"StringEquals": {"iam:PassedToService": list(PASSED_TO)}}
        ),
        statement(
            "ServiceLinkedRoles",
            ["iam:CreateServiceLinkedRole"],
            scope.arn("iam", "role/aws-service-role/*", region=""),
            {"StringEquals": {"iam:AWSServiceName": linked}},
        ),
    ]

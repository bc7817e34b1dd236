"""Every resource type that the plugin knows.

A type that is missing here is an error that says so: add a Kind to the module of its service, and list it here.
"""

from __future__ import annotations

from .kind import Kind
from .services import (
    autoscaling,
    cloudfront,
    cloudfront_parts,
    ec2,
    ecr,
    ecs,
    iam,
    lambda_,
    lb,
    monitoring,
    s3,
    secrets,
    security_groups,
    task_definitions,
)

_KINDS: tuple[type[Kind], ...] = (
    ec2.Vpc,
    ec2.Subnet,
    ec2.InternetGateway,
    ec2.RouteTable,
    ec2.Route,
    ec2.RouteTableAssociation,
    ec2.Eip,
    ec2.NatGateway,
    security_groups.SecurityGroup,
    security_groups.SecurityGroupIngressRule,
    security_groups.SecurityGroupEgressRule,
    ecr.Repository,
    ecr.RepositoryPolicy,
    ecr.LifecyclePolicy,
    s3.Bucket,
    s3.BucketPolicy,
    s3.BucketPublicAccessBlock,
    s3.BucketVersioning,
    s3.BucketServerSideEncryptionConfiguration,
    s3.BucketLifecycleConfiguration,
    s3.BucketOwnershipControls,
    ecs.Cluster,
    ecs.ClusterCapacityProviders,
    task_definitions.TaskDefinition,
    ecs.Service,
    lb.LoadBalancer,
    lb.TargetGroup,
    lb.Listener,
    lb.ListenerRule,
    iam.Role,
    iam.RolePolicy,
    iam.RolePolicyAttachment,
    monitoring.LogGroup,
    monitoring.MetricAlarm,
    autoscaling.Target,
    autoscaling.Policy,
    cloudfront.Distribution,
    cloudfront_parts.OriginAccessControl,
    cloudfront_parts.CachePolicy,
    cloudfront_parts.ResponseHeadersPolicy,
    cloudfront_parts.Function,
    cloudfront_parts.VpcOrigin,
    lambda_.Function,
    secrets.Parameter,
    secrets.Secret,
    secrets.SecretVersion,
)

TABLE: dict[str, Kind] = {kind.resource: kind() for kind in _KINDS}

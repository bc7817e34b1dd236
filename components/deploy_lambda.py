"""The function that moves one ECS service between revisions of its task definition."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws

from components import aws_limits, policies
from components.component import Component
from components.ecs_service import EcsService
from components.network import ANYWHERE

LEASE = "lease.json"
"""Key of the lease in the records bucket: all that the function reads there."""
INTERFACES = (
    "AssignPrivateIpAddresses CreateNetworkInterface DeleteNetworkInterface DescribeNetworkInterfaces DescribeSubnets "
    "UnassignPrivateIpAddresses"
)
TIMEOUT_S = 60
"""Every command returns at once; the caller polls. The rest is room for AWS's own retries of reads."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FunctionNetwork:
    """Where the function is, for an organization that has functions in VPCs alone. It needs nothing there."""

    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[str]]
    """Private subnets with a way to ECS, Elastic Load Balancing, CloudWatch Logs and S3: NAT, or endpoints."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeployLambdaArgs:
    function_name: str
    source: Path
    """The project's folder `functions`: the function is made of every Python file in it."""
    service: EcsService
    """The service that it moves; one whose `desired_count` is None."""
    records_bucket: pulumi.Input[str]
    """Name of the bucket with the lease, without which it changes nothing."""
    records_key_arn: str | None = None
    """KMS key that the lease is encrypted with; None for S3's own."""
    network: FunctionNetwork | None = None
    """None for Lambda's own."""
    log_retention_days: int = 30
    """Days that CloudWatch keeps the function's log; one of the values that PutRetentionPolicy accepts."""
    log_key_arn: str | None = None
    """KMS key that encrypts the log; its policy must let CloudWatch Logs use it:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html"""
    role_options: policies.RoleOptions = dataclasses.field(default_factory=policies.RoleOptions)


class DeployLambda(Component):
    """A function whose role can change one service, run tasks of its family and pass two roles, and nothing else.

    It has no reserved concurrency: new accounts cannot set it, and it would throttle the reads of people on call.
    Raises ValueError for a service whose tasks Pulumi counts, a retention that CloudWatch does not offer, and a folder
    without `deploy/handler.py`.
    """

    function_name: pulumi.Output[str]
    function_arn: pulumi.Output[str]
    log_group_name: pulumi.Output[str]

    def __init__(self, name: str, args: DeployLambdaArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        aws_limits.check_retention(args.log_retention_days)
        if args.service.desired_count is not None:
            raise ValueError(
                f"the service's desired_count is {args.service.desired_count}, so that Pulumi itself moves it, and "
                "would move it back after the function: leave desired_count out"
            )
        if not (args.source / "deploy" / "handler.py").is_file():
            raise ValueError(f"source is {args.source}: expected a folder with deploy/handler.py")
        sources = sorted(args.source.rglob("*.py"))
        for path in sources:
            if not path.is_file():
                raise ValueError(f"{path} is no file that can be read: remove it, as the function is made of all *.py")
        super().__init__("easi:deploy:DeployLambda", name, opts)
        logs = aws.cloudwatch.LogGroup(
            name,
            name=f"/aws/lambda/{args.function_name}",
            retention_in_days=args.log_retention_days,
            kms_key_id=args.log_key_arn,
            opts=self.child,
        )
        access = _access(args, logs.arn)
        role = policies.service_role(name, "lambda.amazonaws.com", access, args.role_options, self.child)
        function = aws.lambda_.Function(
            name,
            name=args.function_name,
            role=role.arn,
            runtime="python3.13",
            architectures=["arm64"],
            handler="functions.deploy.handler.handle",
            # By name, so that bytecode and editors' files in the folder are no change of the function.
            code=pulumi.AssetArchive(
                {f"functions/{path.relative_to(args.source).as_posix()}": pulumi.FileAsset(path) for path in sources}
            ),
            timeout=TIMEOUT_S,
            memory_size=256,
            environment={
                "variables": {
                    "CLUSTER": args.service.cluster_name,
                    "SERVICE": args.service.service_name,
                    "RECORDS_BUCKET": args.records_bucket,
                }
            },
            logging_config={"log_format": "JSON", "log_group": logs.name},
            vpc_config=self._placed(name, args.network) if args.network else None,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[role.ready]),
        )
        self.function_name, self.function_arn, self.log_group_name = function.name, function.arn, logs.name
        self.register_outputs(
            {
                "functionName": self.function_name,
                "functionArn": self.function_arn,
                "logGroupName": self.log_group_name,
            }
        )

    def _placed(self, name: str, network: FunctionNetwork) -> aws.lambda_.FunctionVpcConfigArgsDict:
        group = aws.ec2.SecurityGroup(
            name, vpc_id=network.vpc_id, description="Deploy function: HTTPS to AWS", opts=self.child
        )
        aws.vpc.SecurityGroupEgressRule(
            name,
            security_group_id=group.id,
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            cidr_ipv4=ANYWHERE,
            description="AWS",
            opts=self.child,
        )
        return {"subnet_ids": network.subnet_ids, "security_group_ids": [group.id]}


def _access(args: DeployLambdaArgs, log_group_arn: pulumi.Input[str]) -> list[dict[str, Any]]:
    service = args.service
    in_cluster = {"ArnEquals": {"ecs:cluster": service.cluster_arn}}
    tasks = _beside(service.cluster_arn, "task")
    needed = [policies.allow(["kms:Decrypt"], args.records_key_arn)] if args.records_key_arn else []
    if args.network:
        # Lambda makes the interfaces with the function's role; they have no names. https://docs.aws.amazon.com/lambda/
        # latest/dg/configuration-vpc.html#configuration-vpc-permissions
        needed.append(policies.allow([f"ec2:{action}" for action in INTERFACES.split()], "*"))
    return [
        *needed,
        policies.allow(["logs:CreateLogStream", "logs:PutLogEvents"], pulumi.Output.concat(log_group_arn, ":*")),
        policies.allow(["ecs:DescribeServices", "ecs:ListServiceDeployments"], service.service_arn),
        policies.allow(["s3:GetObject"], _lease_arn(service.service_arn, args.records_bucket)),
        # Another family would bring another role. A change of the count alone names no task definition.
        policies.allow(
            ["ecs:UpdateService"],
            service.service_arn,
            {"ArnLikeIfExists": {"ecs:task-definition": pulumi.Output.concat(service.task_family_arn, ":*")}},
        ),
        policies.allow(["ecs:RunTask"], pulumi.Output.concat(service.task_family_arn, ":*"), in_cluster),
        # A task that it starts has the tags of the task definition.
        policies.allow(["ecs:TagResource"], tasks, {"StringEquals": {"ecs:CreateAction": "RunTask"}}),
        policies.allow(["ecs:DescribeTasks", "ecs:StopTask"], tasks, in_cluster),
        # What ECS keeps of each deployment: arn:…:service-deployment/<cluster>/<service>/<id>, and service-revision.
        # It asks for the service, too.
        policies.allow(
            ["ecs:DescribeServiceDeployments", "ecs:DescribeServiceRevisions", "ecs:StopServiceDeployment"],
            [
                service.service_arn,
                _beside(service.service_arn, "service-deployment"),
                _beside(service.service_arn, "service-revision"),
            ],
        ),
        # Its resource type is the container instance, of which Fargate has none.
        policies.allow(["ecs:ListTasks"], "*", in_cluster),
        # These have no resource-level permissions: https://docs.aws.amazon.com/service-authorization/latest/reference/
        policies.allow(["ecs:DescribeTaskDefinition", "elasticloadbalancing:DescribeTargetHealth"], "*"),
        policies.allow(["logs:GetLogEvents"], pulumi.Output.concat(service.log_group_arn, ":*")),
        policies.allow(
            ["iam:PassRole"],
            service.role_arns,
            {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        ),
    ]


def _lease_arn(service_arn: pulumi.Output[str], bucket: pulumi.Input[str]) -> pulumi.Output[str]:
    partition = service_arn.apply(lambda arn: arn.split(":")[1])
    return pulumi.Output.concat("arn:", partition, ":s3:::", bucket, "/", LEASE)


def _beside(owner_arn: pulumi.Output[str], kind: str) -> pulumi.Output[str]:
    """ARN pattern of everything of another kind that belongs to a service or a cluster."""

    def pattern(arn: str) -> str:
        place, _, path = arn.rpartition(":")
        return f"{place}:{kind}/{path.partition('/')[2]}/*"

    return owner_arn.apply(pattern)

"""The function that moves one ECS service between revisions of its task definition."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws

from components import policies

TIMEOUT_S = 60
"""Every command returns at once; the caller polls. The rest is room for AWS's own retries of reads."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeployLambdaArgs:
    """What the function may touch and how long it is remembered."""

    function_name: str
    source: Path
    """Folder of the function's Python files, with `handler.py`."""
    cluster_name: pulumi.Input[str]
    cluster_arn: pulumi.Input[str]
    service_name: pulumi.Input[str]
    service_arn: pulumi.Input[str]
    task_family_arn: pulumi.Input[str]
    """ARN of the task definition without its revision."""
    task_role_arns: pulumi.Input[Sequence[str]]
    task_log_group_arn: pulumi.Input[str]
    log_retention_days: int = 30
    """Days that CloudWatch keeps the function's log; one of the values that PutRetentionPolicy accepts."""
    role_options: policies.RoleOptions = dataclasses.field(default_factory=policies.RoleOptions)


class DeployLambda(pulumi.ComponentResource):
    """A function whose role can change one service and pass two roles, and nothing else.

    It has no reserved concurrency: new accounts cannot set it, and it would throttle the reads of people on call.
    """

    function_name: pulumi.Output[str]

    def __init__(self, name: str, args: DeployLambdaArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("easi:deploy:DeployLambda", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        logs = aws.cloudwatch.LogGroup(
            name, name=f"/aws/lambda/{args.function_name}", retention_in_days=args.log_retention_days, opts=child
        )
        role = policies.service_role(name, "lambda.amazonaws.com", _access(args, logs.arn), args.role_options, child)
        function = aws.lambda_.Function(
            name,
            name=args.function_name,
            role=role.arn,
            runtime="python3.13",
            architectures=["arm64"],
            handler="handler.handle",
            # By name, so that bytecode and editors' files in the folder are no change of the function.
            code=pulumi.AssetArchive({path.name: pulumi.FileAsset(path) for path in sorted(args.source.glob("*.py"))}),
            timeout=TIMEOUT_S,
            memory_size=256,
            environment={"variables": {"CLUSTER": args.cluster_name, "SERVICE": args.service_name}},
            logging_config={"log_format": "JSON", "log_group": logs.name},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[logs]),
        )
        self.function_name = function.name
        self.register_outputs({"functionName": self.function_name})


def _access(args: DeployLambdaArgs, log_group_arn: pulumi.Input[str]) -> list[dict[str, Any]]:
    in_cluster = {"ArnEquals": {"ecs:cluster": args.cluster_arn}}
    return [
        policies.allow(["logs:CreateLogStream", "logs:PutLogEvents"], pulumi.Output.concat(log_group_arn, ":*")),
        policies.allow(["ecs:DescribeServices", "ecs:ListServiceDeployments"], args.service_arn),
        # Another family would bring another role. A change of the count alone names no task definition.
        policies.allow(
            ["ecs:UpdateService"],
            args.service_arn,
            {"ArnLikeIfExists": {"ecs:task-definition": pulumi.Output.concat(args.task_family_arn, ":*")}},
        ),
        # What ECS keeps of each deployment: arn:…:service-deployment/<cluster>/<service>/<id>, and service-revision.
        policies.allow(
            ["ecs:DescribeServiceDeployments", "ecs:DescribeServiceRevisions"],
            [_beside(args.service_arn, "service-deployment"), _beside(args.service_arn, "service-revision")],
        ),
        policies.allow(["ecs:DescribeTasks", "ecs:ListTasks"], "*", in_cluster),
        # These have no resource-level permissions: https://docs.aws.amazon.com/service-authorization/latest/reference/
        policies.allow(["ecs:DescribeTaskDefinition", "elasticloadbalancing:DescribeTargetHealth"], "*"),
        policies.allow(["logs:GetLogEvents"], pulumi.Output.concat(args.task_log_group_arn, ":*")),
        policies.allow(
            ["iam:PassRole"],
            args.task_role_arns,
            {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        ),
    ]


def _beside(service_arn: pulumi.Input[str], kind: str) -> pulumi.Output[str]:
    """ARN pattern of everything of another kind that belongs to the service."""
    return pulumi.Output.from_input(service_arn).apply(lambda arn: arn.replace(":service/", f":{kind}/") + "/*")

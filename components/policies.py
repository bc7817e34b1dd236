"""IAM and resource policies as the components write them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

POLICY_VERSION = "2012-10-17"
MAX_INLINE = 10_240
"""Characters of all inline policies of a role together, without white space.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""
MAX_MANAGED = 6_144
"""Characters of one managed policy, without white space."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RoleOptions:
    """What an organization demands of every role."""

    path: str = "/"
    """IAM path of the role; begins and ends with a slash."""
    permissions_boundary: str | None = None
    """ARN of the managed policy that bounds the role."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServiceRole:
    """A role, and what has to exist before it may do its work."""

    arn: pulumi.Output[str]
    ready: pulumi.Resource


def document(*statements: Mapping[str, Any]) -> pulumi.Output[str]:
    """A policy document; the statements may contain outputs."""
    return pulumi.Output.json_dumps({"Version": POLICY_VERSION, "Statement": list(statements)})


def length(*statements: Mapping[str, Any]) -> int:
    """What IAM counts of a policy; its names and patterns have no white space."""
    return len(json.dumps({"Version": POLICY_VERSION, "Statement": statements}, separators=(",", ":")))


def allow(actions: Sequence[str], resources: Any, condition: Mapping[str, Any] | None = None) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": sorted(actions), "Resource": resources}
    return {**statement, "Condition": condition} if condition else statement


def service_role(
    name: str,
    service: str,
    statements: Sequence[Mapping[str, Any]],
    options: RoleOptions,
    opts: pulumi.ResourceOptions,
    *,
    account: pulumi.Input[str] | None = None,
) -> ServiceRole:
    """A role that one AWS service assumes, for example `lambda.amazonaws.com`, with one inline policy if it may act.

    A policy that changes is another one, of another name. It is there before what depends on it changes, and the one
    before goes only when the whole update has succeeded: until then the role may do what either allows, so that a
    release which fails can go back to what it replaced. So it may have half of the characters that IAM takes: raises
    pulumi.RunError for more.

    With `account`, the service assumes it for resources of that account alone. AWS documents that for the role of a
    task: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html. It does not for the role
    that starts tasks or shifts traffic, and Lambda then fails to put a function into a VPC
    (https://github.com/aws/aws-parallelcluster/pull/6926).
    """
    trust: dict[str, Any] = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    if account is not None:
        trust["Condition"] = {"StringEquals": {"aws:SourceAccount": account}}
    role = aws.iam.Role(
        name,
        path=options.path,
        permissions_boundary=options.permissions_boundary,
        assume_role_policy=document(trust),
        opts=opts,
    )
    if not statements:
        return ServiceRole(arn=role.arn, ready=role)
    policy = aws.iam.RolePolicy(
        name,
        # With a name of the program's own choosing, the old policy would have to go before the new one comes.
        name_prefix="access-",
        role=role.id,
        policy=pulumi.Output.all(*statements).apply(lambda known: _half_of_limit(name, known)),
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(parent=role, replace_on_changes=["policy"])),
    )
    return ServiceRole(arn=role.arn, ready=policy)


def _half_of_limit(name: str, statements: Sequence[Mapping[str, Any]]) -> str:
    if (characters := length(*statements)) > MAX_INLINE // 2:
        raise pulumi.RunError(
            f"the policy of the role {name} would have {characters} characters; "
            f"IAM takes {MAX_INLINE // 2} beside the one that it replaces\n"
            "  expected fewer or shorter names of resources: keys of one secret in Secrets Manager count once"
        )
    return json.dumps({"Version": POLICY_VERSION, "Statement": list(statements)})


def only_tls(action: str, resources: Any) -> dict[str, Any]:
    """A statement of a resource policy that denies everything over plain HTTP."""
    return {
        "Sid": "OnlyTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": resources,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def grant(
    principal: Mapping[str, Any],
    action: str | Sequence[str],
    resources: Any,
    condition: Mapping[str, Any] | None = None,
    *,
    sid: str | None = None,
) -> dict[str, Any]:
    """A statement of a resource policy that allows somebody something."""
    named = {"Sid": sid} if sid else {}
    statement = {**named, "Effect": "Allow", "Principal": principal, "Action": action, "Resource": resources}
    return {**statement, "Condition": condition} if condition else statement


def readable_by(accounts: Sequence[str], partition: str, bucket_arn: pulumi.Input[str]) -> list[dict[str, Any]]:
    """Statements of a bucket policy that let other accounts list the bucket and read its objects."""
    if not accounts:
        return []
    principal = accounts_as_principal(accounts, partition)
    return [
        grant(principal, "s3:ListBucket", bucket_arn, sid="ReadersList"),
        grant(principal, "s3:GetObject", pulumi.Output.concat(bucket_arn, "/*"), sid="ReadersGet"),
    ]


def accounts_as_principal(accounts: Sequence[str], partition: str) -> dict[str, Any]:
    """Accounts whose own policies decide who of them may."""
    return {"AWS": [f"arn:{partition}:iam::{account}:root" for account in accounts]}

"""The secrets and parameters that the tasks start with: described, never read; and whether their role may read them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

from functions.aws_errors import code
from release.preflight import roles
from release.preflight.check import Check, all_of
from release.request import ServiceRequest
from release.session import Clients, maker

if TYPE_CHECKING:
    from types_boto3_ssm.type_defs import ParameterStringFilterTypeDef

MAX_NAMES = 50
"""Names in one question: what DescribeParameters takes as values of a filter.
https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ParameterStringFilter.html"""


@dataclasses.dataclass(frozen=True, kw_only=True, order=True)
class Secret:
    """A secret of Secrets Manager, and which of its versions; without stage and version it is AWSCURRENT."""

    arn: str
    region: str
    stage: str = ""
    version: str = ""


def used(task: Mapping[str, Any], region: str) -> list[Secret]:
    """The secrets that the task definition names: in containers, in their logging, and for their registries."""
    return sorted({_secret(value, region) for value in _values(task) if ":secretsmanager:" in value})


def parameters(task: Mapping[str, Any], *, region: str, account: str) -> dict[str, list[str]]:
    """Names of the Systems Manager parameters that the task definition names, by their region.

    Those of other accounts are left out: their owner describes them.
    """
    by_region: dict[str, set[str]] = {}
    for value in _values(task):
        if ":secretsmanager:" in value:
            continue
        if not value.startswith("arn:"):
            by_region.setdefault(region, set()).add(value)
            continue
        _, _, _, region_of_it, account_of_it, resource = value.split(":", 5)
        if account_of_it == account:
            by_region.setdefault(region_of_it, set()).add(resource.removeprefix("parameter"))
    return {region: sorted(by_region[region]) for region in sorted(by_region)}


def checks(request: ServiceRequest, clients: Clients, task: Mapping[str, Any]) -> Iterator[Check]:
    """What is checked of a task definition's secrets and parameters."""
    yield from existence(clients, task, region=request.region, account=request.account)
    if role := task.get("executionRoleArn"):
        for action, arns in _reading(task, request).items():
            yield f"what {role} may read", partial(_check_reading, clients, role, action, arns)


def existence(clients: Clients, task: Mapping[str, Any], *, region: str, account: str) -> Iterator[Check]:
    """What is checked of secrets and parameters alone, whoever reads them."""
    for secret in used(task, region):
        yield f"the secret {secret.arn}", partial(check, clients, secret)
    for region_of_them, names in parameters(task, region=region, account=account).items():
        yield f"the parameters {', '.join(names)}", partial(check_parameters, clients, region_of_them, names)


def before_build(sources: Collection[str], sign_in: Callable[[], boto3.Session]) -> list[str]:
    """What is wrong with the secrets that the settings name: the checks of a release come after the image is built.

    What these credentials may not ask is left to those checks. Raises BotoCoreError or ClientError where AWS does not
    say whose the credentials are.
    """
    session = sign_in()
    clients = Clients(s3=None, cloudfront=None, function=None, make=maker(session))
    account = session.client("sts").get_caller_identity()["Account"]
    task = {"containerDefinitions": [{"secrets": [{"valueFrom": source} for source in sources]}]}
    problems, _ = all_of([*existence(clients, task, region=session.region_name, account=account)])
    return problems


def check(clients: Clients, secret: Secret) -> Iterator[str]:
    """The secret must have the value that the task asks for: ECS starts no task without it."""
    mend = "create it, or correct the service's secrets"
    try:
        secret_in_aws = clients.secretsmanager(secret.region).describe_secret(SecretId=secret.arn)
    except ClientError as error:
        if code(error) != "ResourceNotFoundException":
            raise
        yield f"the secret {secret.arn} does not exist: {mend}"
        return
    if "DeletedDate" in secret_in_aws:
        yield f"the secret {secret.arn} is to be deleted: restore it (`aws secretsmanager restore-secret`), or {mend}"
        return
    versions: Mapping[str, Sequence[str]] = secret_in_aws.get("VersionIdsToStages") or {}
    if secret.version and secret.version not in versions:
        yield f"the secret {secret.arn} has no version {secret.version}: correct the service's secrets"
    stage = secret.stage or ("" if secret.version else "AWSCURRENT")
    if stage and not any(stage in stages for stages in versions.values()):
        yield f"the secret {secret.arn} has no value that is {stage}: give it one, or correct the service's secrets"


def check_parameters(clients: Clients, region: str, names: Sequence[str]) -> Iterator[str]:
    """The parameters must exist. A name from an ARN does not tell whether it begins with a slash: either will do."""
    spelled = sorted({name.lstrip("/") for name in names} | {"/" + name.lstrip("/") for name in names})
    existing: set[str] = set()
    client = clients.ssm(region)
    for start in range(0, len(spelled), MAX_NAMES):
        filters: list[ParameterStringFilterTypeDef] = [
            {"Key": "Name", "Option": "Equals", "Values": spelled[start : start + MAX_NAMES]}
        ]
        for page in client.get_paginator("describe_parameters").paginate(ParameterFilters=filters):
            existing |= {parameter["Name"].lstrip("/") for parameter in page["Parameters"]}
    for name in names:
        if name.lstrip("/") not in existing:
            yield f"the parameter {name} does not exist in {region}: create it, or correct the service's secrets"


def _check_reading(clients: Clients, role: str, action: str, arns: Sequence[str]) -> Iterator[str]:
    """The task's execution role must be allowed to, or ECS starts no task.

    A key's own policy may allow to decrypt: what IAM says of kms:Decrypt decides nothing, and is not asked.
    """
    decisions = roles.decisions(clients, role, action, arns)
    for arn in arns if decisions else ():
        decision = decisions.get(arn, "not known")
        if decision != "allowed":
            yield (
                f"the execution role {role} may not read {arn} ({action} is {decision}): `pulumi up --refresh` gives "
                "it its policy again; the permissions boundary has to allow it, too"
            )


def _reading(task: Mapping[str, Any], request: ServiceRequest) -> dict[str, list[str]]:
    """The actions that read what the task definition names, and the ARNs of that."""
    partition = request.arn.split(":")[1]
    by_action: dict[str, set[str]] = {}
    for value in _values(task):
        if ":secretsmanager:" in value:
            by_action.setdefault("secretsmanager:GetSecretValue", set()).add(_secret(value, request.region).arn)
        elif value.startswith("arn:"):
            by_action.setdefault("ssm:GetParameters", set()).add(value)
        else:
            name = f"arn:{partition}:ssm:{request.region}:{request.account}:parameter/{value.lstrip('/')}"
            by_action.setdefault("ssm:GetParameters", set()).add(name)
    return {action: sorted(by_action[action]) for action in sorted(by_action)}


def _values(task: Mapping[str, Any]) -> Iterator[str]:
    for container in task["containerDefinitions"]:
        options = container.get("logConfiguration", {}).get("secretOptions") or ()
        for one in (*(container.get("secrets") or ()), *options):
            yield one["valueFrom"]
        if credentials := container.get("repositoryCredentials"):
            yield credentials["credentialsParameter"]


def _secret(value: str, region: str) -> Secret:
    """`arn:aws:secretsmanager:region:account:secret:name[:json-key[:stage[:version]]]`, or what is left of it.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
    """
    parts = value.split(":")
    parts += [""] * (10 - len(parts))
    return Secret(arn=":".join(parts[:7]), region=parts[3] or region, stage=parts[8], version=parts[9])

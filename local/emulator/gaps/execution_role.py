"""Gap: a task is given secrets that its execution role may not read, and the policy simulator knows half of a role.

Here a task with secrets starts if its execution role may read each of them, and otherwise stops with what ECS says then
("Resolve Amazon ECS ResourceInitializationError errors" and "Required IAM permissions for Amazon ECS secrets", Amazon
ECS Developer Guide). What counts are the role's policies and its boundary, the secret's own policy, and for what is
encrypted with a key of the account's own, `kms:Decrypt` with the key's policy.

`SimulatePrincipalPolicy` answers from the same. The emulator's finds no role with a path, and forgets the boundary and
all resources but the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.arn import parse_arn
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import ecs, iam, kms, secretsmanager, ssm

from local.emulator.gaps import around, instead_of

SIMULATED = {"Allow": "allowed", "Deny": "explicitDeny"}


@around(ecs, "_start_task_worker")
def start_task_worker(start: Any, task: dict[str, Any], definition: dict[str, Any], *rest: Any) -> None:
    overrides = task.get("overrides") or {}
    role = str(overrides.get("executionRoleArn") or definition.get("executionRoleArn") or "")
    for container in definition.get("containerDefinitions") or ():
        for value_from in _values(container):
            _require(role, value_from, task["taskArn"].rpartition("/")[2])
    start(task, definition, *rest)


def _values(container: Mapping[str, Any]) -> Iterator[str]:
    options = (container.get("logConfiguration") or {}).get("secretOptions") or ()
    yield from (str(item["valueFrom"]) for item in (*(container.get("secrets") or ()), *options))
    if credentials := container.get("repositoryCredentials"):
        yield str(credentials["credentialsParameter"])


def _require(role: str, value_from: str, session: str) -> None:
    """Raises what the emulator ends the start of a task with."""
    if not role:
        raise ecs._SecretResolutionError(f"the task has no execution role, which reads {value_from}")
    who = f"User: arn:aws:sts::{role.split(':')[4]}:assumed-role/{role.rpartition('/')[2]}/{session}"
    for action, resource in _needed(value_from):
        result = _evaluate(role, action, resource)
        if result.decision != "Allow":
            why = (
                "with an explicit deny"
                if result.decision == "Deny"
                else f"because no identity-based policy allows the {action} action"
            )
            kind = "secret from asm" if ":secretsmanager:" in value_from else "secrets from ssm"
            raise ecs._SecretResolutionError(
                f"unable to retrieve {kind}: service call has been retried 1 time(s): AccessDeniedException: "
                f"{who} is not authorized to perform: {action} on resource: {resource} {why}"
            )


def _needed(value_from: str) -> Iterator[tuple[str, str]]:
    """The actions that read a secret or a parameter, and on what; nothing for one that is not there."""
    if ":secretsmanager:" in value_from:
        arn = ":".join(value_from.split(":")[:7])
        secret = secretsmanager._resolve(arn, use_arn_scope=True)[1] or {}
        yield "secretsmanager:GetSecretValue", str(secret.get("ARN") or arn)
        key_id = secret.get("KmsKeyId")
    else:
        name = value_from.partition(":parameter")[2] if value_from.startswith("arn:") else value_from
        arn = f"arn:aws:ssm:{get_region()}:{get_account_id()}:parameter/{name.lstrip('/')}"
        yield "ssm:GetParameters", value_from if value_from.startswith("arn:") else arn
        parameter = ssm._lookup_parameter(value_from, allow_arn_region=True, flexible_name=True)[1] or {}
        key_id = parameter.get("KeyId") if parameter.get("Type") == "SecureString" else None
    if key_id and not str(key_id).rpartition("alias/")[2].startswith("aws/"):
        yield "kms:Decrypt", str((kms._resolve_key(key_id) or {}).get("Arn") or key_id)


def _evaluate(role: str, action: str, resource: str) -> Any:
    """Whether a role may do something to a resource, whose own policy counts, too."""
    account, name = _named(role)
    call = _call(f"arn:aws:sts::{account}:assumed-role/{name}/task", account, action, resource)
    result, limits = _by_role(call, account, name)
    service, place = action.partition(":")[0], parse_arn(resource)
    with request_scope(place.account_id or account, place.region or get_region()):
        policy = iam_evaluator._resource_policy(service, resource)
    if policy is None:
        return result
    required = service == "kms"
    return iam_evaluator.combine_resource_policy(result, call, *policy, required=required, limits=tuple(limits))


def _named(role: str) -> tuple[str, str]:
    """The account and the name of a role, by its ARN."""
    return role.split(":")[4], role.rpartition("/")[2]


def _call(principal: str, account: str, action: str, resource: str, **context: Any) -> Any:
    return iam_evaluator.EvalContext(
        principal_arn=principal,
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=get_region(),
        **context,
    )


def _by_role(call: Any, account: str, name: str) -> tuple[Any, Any]:
    """What the policies and the boundary of a role say of a call; and the boundary."""
    limits = iam_evaluator._permissions_boundary(iam._roles, name, account)
    return iam_evaluator.evaluate(call, iam_evaluator._gather_role_policies(name, account), *limits), limits


@instead_of(iam._IAM_HANDLERS, "SimulatePrincipalPolicy")
def _simulate(params: Any) -> Any:
    role = str(iam._p(params, "PolicySourceArn"))
    account, name = _named(role)
    if ":role/" not in role or iam._roles.get(name) is None:
        return iam._error(404, "NoSuchEntity", f"The role with name {name} cannot be found.")
    context = {
        str(iam._p(params, f"ContextEntries.member.{number}.ContextKeyName")).lower(): iam._p(
            params, f"ContextEntries.member.{number}.ContextKeyValues.member.1"
        )
        for number in range(1, 1 + len(_listed(params, "ContextEntries.member.{}.ContextKeyName")))
    }
    members = ""
    for action in _listed(params, "ActionNames.member.{}"):
        for resource in _listed(params, "ResourceArns.member.{}") or ["*"]:
            call = _call(role, account, action, resource, service_context=context)
            decision = SIMULATED.get(_by_role(call, account, name)[0].decision, "implicitDeny")
            members += (
                f"<member><EvalActionName>{action}</EvalActionName><EvalResourceName>{resource}</EvalResourceName>"
                f"<EvalDecision>{decision}</EvalDecision></member>"
            )
    results = f"<EvaluationResults>{members}</EvaluationResults><IsTruncated>false</IsTruncated>"
    return iam._xml(
        200,
        "SimulatePrincipalPolicyResponse",
        f"<SimulatePrincipalPolicyResult>{results}</SimulatePrincipalPolicyResult>",
    )


def _listed(params: Any, pattern: str) -> list[str]:
    """The values of `…member.1`, `…member.2` and so on, as far as they go."""
    values: list[str] = []
    while value := iam._p(params, pattern.format(len(values) + 1)):
        values.append(str(value))
    return values

"""Roles and their policies, and who vouches for identities from outside."""

from __future__ import annotations

import json
from collections.abc import Collection

from local.plugin.wire import Props

from ..kind import Change, Kind, Name, words
from ..session import Aws, one


class Role(Kind):
    """A role. Inline and attached policies have resource types of their own."""

    resource = "aws:iam/role:Role"
    service, make, identity, get, answer_path = "iam", "create_role", "{name}", "get_role", "Role"
    remove, keys = "delete_role", {"RoleName": "id"}
    spelled = {"name": "RoleName", "assumeRolePolicy": "AssumeRolePolicyDocument"}
    changes = (Change("update_role", "description maxSessionDuration"),)
    outputs = {"name": "RoleName", "uniqueId": "RoleId"}
    alike = words("arn path description maxSessionDuration")
    replaces = words("name namePrefix path")
    name = Name(limit=64)
    unordered = words("managedPolicyArns inlinePolicies")
    defaults = {"forceDetachPolicies": False, "maxSessionDuration": 3600, "path": "/", "description": ""}
    handled = words("assumeRolePolicy permissionsBoundary managedPolicyArns inlinePolicies")
    honoured = words("forceDetachPolicies")
    tagged = "name"
    finish = True

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        role, live = self.find(aws, identity, state), super().read(aws, identity, state)
        live["createDate"] = role["CreateDate"].strftime("%Y-%m-%dT%H:%M:%SZ")
        return live | {"assumeRolePolicy": json.dumps(role["AssumeRolePolicyDocument"])}

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        super().update(aws, identity, new, old, changed)
        iam = aws.client("iam")
        if old and "assumeRolePolicy" in changed:
            iam.update_assume_role_policy(RoleName=identity, PolicyDocument=new["assumeRolePolicy"])
        if old and "permissionsBoundary" in changed:
            if new.get("permissionsBoundary"):
                iam.put_role_permissions_boundary(RoleName=identity, PermissionsBoundary=new["permissionsBoundary"])
            else:
                iam.delete_role_permissions_boundary(RoleName=identity)
        before, after = set(old.get("managedPolicyArns") or []), set(new.get("managedPolicyArns") or [])
        for arn in sorted(before - after):
            iam.detach_role_policy(RoleName=identity, PolicyArn=arn)
        for arn in sorted(after - before):
            iam.attach_role_policy(RoleName=identity, PolicyArn=arn)
        inline = _inline(new)
        for name in sorted(set(_inline(old)) - set(inline)):
            iam.delete_role_policy(RoleName=identity, PolicyName=name)
        for name, policy in inline.items():
            iam.put_role_policy(RoleName=identity, PolicyName=name, PolicyDocument=policy)

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        iam, force = aws.client("iam"), state.get("forceDetachPolicies")
        for policy in iam.list_attached_role_policies(RoleName=identity)["AttachedPolicies"]:
            if force or policy["PolicyArn"] in (state.get("managedPolicyArns") or []):
                iam.detach_role_policy(RoleName=identity, PolicyArn=policy["PolicyArn"])
        for name in iam.list_role_policies(RoleName=identity)["PolicyNames"]:
            if force or name in _inline(state):
                iam.delete_role_policy(RoleName=identity, PolicyName=name)
        super().delete(aws, identity, state)


def _inline(props: Props) -> dict[str, str]:
    return {policy["name"]: policy["policy"] for policy in props.get("inlinePolicies") or [] if policy.get("name")}


class RolePolicy(Kind):
    resource = "aws:iam/rolePolicy:RolePolicy"
    service, make, identity, get = "iam", "put_role_policy", "{role}:{name}", "get_role_policy"
    remove, keys = "delete_role_policy", {"RoleName": "role", "PolicyName": "name"}
    spelled = {"policy": "PolicyDocument"}
    put = True
    replaces = words("name namePrefix role")
    name = Name(limit=128)

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        policy = self.find(aws, identity, state)["PolicyDocument"]
        return {"role": state["role"], "name": state["name"], "policy": json.dumps(policy)}


class Policy(Kind):
    """A policy by itself, which roles attach. IAM keeps five versions of one."""

    resource = "aws:iam/policy:Policy"
    service, make, identity, get, answer_path = "iam", "create_policy", "Policy.Arn", "get_policy", "Policy"
    remove, keys = "delete_policy", {"PolicyArn": "id"}
    spelled = {"name": "PolicyName", "policy": "PolicyDocument"}
    outputs = {"name": "PolicyName"}
    alike = words("arn path policyId")
    replaces = words("name namePrefix path description")
    name = Name(limit=128)
    defaults = {"path": "/", "description": ""}
    handled = words("policy")

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        version = self.find(aws, identity, state)["DefaultVersionId"]
        current = aws.client("iam").get_policy_version(PolicyArn=identity, VersionId=version)["PolicyVersion"]
        return super().read(aws, identity, state) | {"policy": json.dumps(current["Document"])}

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        if old and "policy" in changed:
            policy = aws.client("iam").create_policy_version
            policy(PolicyArn=identity, PolicyDocument=new["policy"], SetAsDefault=True)
            self._forget(aws, identity)

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        self._forget(aws, identity)
        super().delete(aws, identity, state)

    def _forget(self, aws: Aws, identity: str) -> None:
        """Remove the versions that are not in use."""
        iam = aws.client("iam")
        for version in iam.list_policy_versions(PolicyArn=identity)["Versions"]:
            if not version["IsDefaultVersion"]:
                iam.delete_policy_version(PolicyArn=identity, VersionId=version["VersionId"])


class RolePolicyAttachment(Kind):
    resource = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
    service, make, identity, remove = "iam", "attach_role_policy", "{role}/{policyArn}", "detach_role_policy"
    keys = {"RoleName": "role", "PolicyArn": "policyArn"}
    replaces = words("role policyArn")
    delete_first = True

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        attached = aws.client("iam").list_attached_role_policies(RoleName=state["role"])["AttachedPolicies"]
        one(attached, PolicyArn=state["policyArn"])
        return {"role": state["role"], "policyArn": state["policyArn"]}


class OpenIdConnectProvider(Kind):
    """An identity provider by its address, and the audiences that its tokens must be for.

    Its tags are set when it is made: the emulator has no call that changes them.
    """

    resource = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
    service, make, identity = "iam", "create_open_id_connect_provider", "OpenIDConnectProviderArn"
    get, remove = "get_open_id_connect_provider", "delete_open_id_connect_provider"
    keys = {"OpenIDConnectProviderArn": "id"}
    replaces = words("url")
    defaults = {"thumbprintLists": []}
    handled = words("clientIdLists thumbprintLists")
    unordered = words("clientIdLists")

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        answer = self.find(aws, identity, state)
        return {
            "arn": identity,
            "clientIdLists": answer["ClientIDList"],
            "thumbprintLists": answer.get("ThumbprintList", []),
            "tagsAll": {tag["Key"]: tag["Value"] for tag in answer.get("Tags", [])},
        }

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        iam, provider = aws.client("iam"), {"OpenIDConnectProviderArn": identity}
        if "clientIdLists" in changed:
            before, after = set(old.get("clientIdLists") or []), set(new["clientIdLists"])
            for audience in sorted(after - before):
                iam.add_client_id_to_open_id_connect_provider(**provider, ClientID=audience)
            for audience in sorted(before - after):
                iam.remove_client_id_from_open_id_connect_provider(**provider, ClientID=audience)
        if "thumbprintLists" in changed:
            thumbprints = new.get("thumbprintLists") or []
            iam.update_open_id_connect_provider_thumbprint(**provider, ThumbprintList=thumbprints)

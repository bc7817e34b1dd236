"""Roles and their policies."""

# The methods are those of Kind, which documents them; the tables are constants.
# ruff: noqa: D102, RUF012

from __future__ import annotations

import json
from collections.abc import Collection

from ..kind import Kind, pick, words
from ..naming import Name
from ..session import Aws, GoneError
from ..wire import Props


class Role(Kind):
    """A role. Inline and attached policies have resource types of their own."""

    resource = "aws:iam/role:Role"
    replaces = words("name namePrefix path")
    name = Name(limit=64)
    unordered = words("managedPolicyArns inlinePolicies")
    defaults = {"forceDetachPolicies": False, "maxSessionDuration": 3600, "path": "/"}
    tagged = ("iam", "name")
    regional = False
    finish = True

    def create(self, aws: Aws, new: Props) -> str:
        wanted = pick(new, "path description maxSessionDuration permissionsBoundary", name="RoleName")
        aws.client("iam").create_role(**wanted, AssumeRolePolicyDocument=new["assumeRolePolicy"])
        return str(new["name"])

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        found = aws.client("iam").get_role(RoleName=identity)["Role"]
        return {
            "arn": found["Arn"],
            "name": identity,
            "path": found.get("Path", "/"),
            "uniqueId": found["RoleId"],
            "assumeRolePolicy": json.dumps(found["AssumeRolePolicyDocument"]),
            "description": found.get("Description", ""),
            "maxSessionDuration": found.get("MaxSessionDuration", 3600),
            "createDate": found["CreateDate"].strftime("%Y-%m-%dT%H:%M:%SZ"),
        }

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        iam = aws.client("iam")
        if old and "assumeRolePolicy" in changed:
            iam.update_assume_role_policy(RoleName=identity, PolicyDocument=new["assumeRolePolicy"])
        if old and {"description", "maxSessionDuration"} & set(changed):
            duration = new.get("maxSessionDuration", 3600)
            iam.update_role(RoleName=identity, Description=new.get("description", ""), MaxSessionDuration=duration)
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
        inline = {policy["name"]: policy["policy"] for policy in new.get("inlinePolicies") or [] if policy.get("name")}
        gone = {policy["name"] for policy in old.get("inlinePolicies") or [] if policy.get("name")} - set(inline)
        for name in sorted(gone):
            iam.delete_role_policy(RoleName=identity, PolicyName=name)
        for name, policy in inline.items():
            iam.put_role_policy(RoleName=identity, PolicyName=name, PolicyDocument=policy)

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        iam = aws.client("iam")
        force = state.get("forceDetachPolicies")
        for policy in iam.list_attached_role_policies(RoleName=identity)["AttachedPolicies"]:
            if force or policy["PolicyArn"] in (state.get("managedPolicyArns") or []):
                iam.detach_role_policy(RoleName=identity, PolicyArn=policy["PolicyArn"])
        for name in iam.list_role_policies(RoleName=identity)["PolicyNames"]:
            if force or name in [policy.get("name") for policy in state.get("inlinePolicies") or []]:
                iam.delete_role_policy(RoleName=identity, PolicyName=name)
        iam.delete_role(RoleName=identity)


class RolePolicy(Kind):
    """A policy inside a role."""

    resource = "aws:iam/rolePolicy:RolePolicy"
    replaces = words("name namePrefix role")
    name = Name(limit=128)
    regional = False

    def create(self, aws: Aws, new: Props) -> str:
        aws.client("iam").put_role_policy(RoleName=new["role"], PolicyName=new["name"], PolicyDocument=new["policy"])
        return f"{new['role']}:{new['name']}"

    def from_id(self, identity: str) -> Props:
        role, _, name = identity.partition(":")
        return {"role": role, "name": name}

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        found = aws.client("iam").get_role_policy(RoleName=state["role"], PolicyName=state["name"])
        return {"role": state["role"], "name": state["name"], "policy": json.dumps(found["PolicyDocument"])}

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        self.create(aws, new)

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        aws.client("iam").delete_role_policy(RoleName=state["role"], PolicyName=state["name"])


class RolePolicyAttachment(Kind):
    """A managed policy on a role."""

    resource = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
    replaces = words("role policyArn")
    regional = False
    delete_first = True

    def create(self, aws: Aws, new: Props) -> str:
        aws.client("iam").attach_role_policy(RoleName=new["role"], PolicyArn=new["policyArn"])
        return f"{new['role']}/{new['policyArn']}"

    def from_id(self, identity: str) -> Props:
        role, _, arn = identity.partition("/")
        return {"role": role, "policyArn": arn}

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        attached = aws.client("iam").list_attached_role_policies(RoleName=state["role"])["AttachedPolicies"]
        if state["policyArn"] not in [policy["PolicyArn"] for policy in attached]:
            raise GoneError
        return {"role": state["role"], "policyArn": state["policyArn"]}

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        aws.client("iam").detach_role_policy(RoleName=state["role"], PolicyArn=state["policyArn"])

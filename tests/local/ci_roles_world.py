"""CI's roles in an emulator that enforces IAM, and two environments in that account that they may be for.

The emulator evaluates the trust with the claims of a token as GitHub sends it; it does not check its signature.
"""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from botocore import UNSIGNED
from botocore.config import Config

from components.github_oidc import AUDIENCE, ISSUER
from local.emulator import process
from tests.components.ci_roles import ACCOUNT, PROJECT, REGION, STATE, inline, recorded
from tests.local import authorized_emulator
from tests.local.emulated import Call, client, denies, session_of

TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


@dataclasses.dataclass(frozen=True, kw_only=True)
class World:
    """Two environments in one account, each with a service, a function, a bucket, state and a secret."""

    endpoint: str
    keys: dict[str, str]
    encrypted: dict[str, bytes]

    def client(self, service: str, **credentials: Any) -> Any:
        return client(self.endpoint, service, **credentials)

    def assume(self, role: str, subject: str, **claims: str) -> dict[str, Any]:
        """Credentials of a role for a job whose token has these claims. Raises ClientError."""
        token = token_of({"iss": f"https://{ISSUER}", "aud": AUDIENCE, "sub": subject, **claims})
        answer = self.client("sts", config=Config(signature_version=UNSIGNED)).assume_role_with_web_identity(
            RoleArn=role_arn(role), RoleSessionName="job", WebIdentityToken=token
        )
        return session_of(answer["Credentials"])

    def is_denied(self, credentials: dict[str, Any], call: Call) -> bool:
        service, method, arguments = call
        given = {name: self.filled(value) for name, value in arguments.items()}
        return denies(self.client(service, **credentials), method, given)

    def filled(self, value: Any) -> Any:
        """An argument, with the key or the ciphertext that it stands for."""
        return self.keys.get(value, self.encrypted.get(value, value)) if isinstance(value, str) else value


def role_arn(role: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/github-easi-{role}"


def token_of(claims: dict[str, str]) -> str:
    def part(value: dict[str, str]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'RS256', 'typ': 'JWT'})}.{part(claims)}.c2lnbmF0dXJl"


def state_of(environment: str) -> dict[str, Any]:
    return {"Bucket": STATE, "Key": f".pulumi/stacks/{PROJECT}/{environment}.json"}


def enforcing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """For a fixture: the world, with an emulator of its own."""
    folder = tmp_path_factory.mktemp("account")
    try:
        yield build(authorized_emulator.start(folder).endpoint)
    finally:
        process.stop(folder, print)


def build(endpoint: str) -> World:
    plain = World(endpoint=endpoint, keys={}, encrypted={})
    kms, iam, s3, ecs = (plain.client(name) for name in ("kms", "iam", "s3", "ecs"))
    keys = {name: kms.create_key()["KeyMetadata"]["Arn"] for name in ("state-key", "other-key")}
    encrypted = {f"by-{name}": kms.encrypt(KeyId=arn, Plaintext=b"s")["CiphertextBlob"] for name, arn in keys.items()}
    iam.create_open_id_connect_provider(Url=f"https://{ISSUER}", ClientIDList=[AUDIENCE], ThumbprintList=[])
    made = recorded(keys["state-key"])
    for policy in made.all("aws:iam/policy:Policy"):
        iam.create_policy(PolicyName=policy.name, PolicyDocument=policy.inputs["policy"])
    for role in made.all("aws:iam/role:Role"):
        iam.create_role(RoleName=role.name, AssumeRolePolicyDocument=role.inputs["assumeRolePolicy"])
        iam.put_role_policy(RoleName=role.name, PolicyName="access", PolicyDocument=inline(made, role.name))
    for attached in made.all("aws:iam/rolePolicyAttachment:RolePolicyAttachment"):
        name = attached.inputs["policyArn"].rpartition("/")[2]
        iam.attach_role_policy(RoleName=attached.inputs["role"], PolicyArn=f"arn:aws:iam::{ACCOUNT}:policy/{name}")
    place = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
    s3.create_bucket(Bucket=STATE, **place)
    s3.put_object(Bucket=STATE, Key=".pulumi/meta.yaml", Body=b"version: 1")
    for environment in ("dev", "impl"):
        name = f"{PROJECT}-{environment}"
        s3.put_object(Bucket=STATE, Key=f".pulumi/stacks/{PROJECT}/{environment}.json", Body=b"{}")
        s3.create_bucket(Bucket=f"{name}-records-1a2b3c4", **place)
        s3.put_object(Bucket=f"{name}-records-1a2b3c4", Key="release.json", Body=b"{}")
        iam.create_role(RoleName=f"{name}-backend-task-1a2b3c4", AssumeRolePolicyDocument=TRUST)
        ecs.create_cluster(clusterName=name)
        container = {"name": "app", "image": "scratch", "memory": 64}
        ecs.register_task_definition(family=name, containerDefinitions=[container])
        ecs.create_service(cluster=name, serviceName=f"{name}-backend", taskDefinition=name, desiredCount=0)
        plain.client("lambda").create_function(
            FunctionName=f"{name}-deploy",
            Runtime="python3.13",
            Handler="handler.handle",
            Role=f"arn:aws:iam::{ACCOUNT}:role/{name}-backend-task-1a2b3c4",
            Code={"ZipFile": archive()},
        )
        plain.client("secretsmanager").create_secret(Name=name, SecretString="s")
        plain.client("ssm").put_parameter(Name=f"/{name}/token", Value="t", Type="SecureString")
    return World(endpoint=endpoint, keys=keys, encrypted=encrypted)


def archive() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("handler.py", "def handle(event, context):\n    return {}\n")
    return content.getvalue()

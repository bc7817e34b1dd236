"""One service and its deploy function where IAM is enforced, with the roles as the components make them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from components.cluster import Cluster, ClusterArgs
from components.deploy_lambda import DeployLambda, DeployLambdaArgs
from components.ecs_service import EcsService, EcsServiceArgs
from components.load_balancer import LoadBalancer, LoadBalancerArgs
from components.target import Route
from tests.components.recorded import Recorded, record
from tests.local.deployed_service import FUNCTION, Aws, Service, create
from tests.local.emulated import client, session_of

ACCOUNT = "000000000000"
HERE = f"us-west-2:{ACCOUNT}"
CLUSTER, OWN, OTHER = "least-privilege", "own", "other"
REPOSITORY_ARN = f"arn:aws:ecr:{HERE}:repository/{OWN}"
RECORDS = {name: f"{CLUSTER}-{name}-records" for name in (OWN, OTHER)}
"""The buckets of records: the service's own, and another one's."""
ROLES = {name: f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("deploy", "backend-execution", "backend-task")}


@dataclass(frozen=True, kw_only=True)
class World:
    """One service and its function, and the roles and their policies as the components make them."""

    service: Service
    policies: dict[str, dict[str, Any]]
    revisions: tuple[str, str]

    @property
    def aws(self) -> Aws:
        return self.service.aws

    def as_role(self, role: str, service: str) -> Any:
        """A client with the credentials of a role."""
        found = self.aws.client("sts").assume_role(RoleArn=ROLES[role], RoleSessionName="test")["Credentials"]
        return client(self.aws.endpoint, service, **session_of(found))

    @contextlib.contextmanager
    def without(self, role: str, action: str) -> Iterator[None]:
        """The role's policy without one action."""
        iam, whole = self.aws.client("iam"), self.policies[role]
        kept = [
            {**statement, "Action": [each for each in statement["Action"] if each != action]}
            for statement in whole["Statement"]
        ]
        kept = [statement for statement in kept if statement["Action"]]
        put(iam, role, {**whole, "Statement": kept})
        try:
            yield
        finally:
            put(iam, role, whole)


def build_world(aws: Aws) -> World:
    secrets = {name: make_secret(aws, name) for name in (OWN, OTHER)}
    recorded = record_components(secrets[OWN])
    iam = aws.client("iam")
    for name in ROLES:
        trust = json.loads(recorded.one("aws:iam/role:Role", name)["assumeRolePolicy"])
        # ECS says for which account it assumes a task's role (aws:SourceAccount); the test, which assumes it, cannot.
        trust["Statement"] = [{**statement, "Condition": {}} for statement in trust["Statement"]]
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    policies = {
        resource.name: json.loads(real(resource.inputs["policy"]))
        for resource in recorded.all("aws:iam/rolePolicy:RolePolicy")
    }
    for name, policy in policies.items():
        put(iam, name, policy)
    service = Service(aws=aws, name=OWN, function=f"{OWN}-deploy", said=[])
    create(service, ROLES["deploy"])
    aws.client("logs").create_log_group(logGroupName=f"/ecs/{OTHER}")
    for name in (OWN, OTHER):
        aws.client("ecr").create_repository(repositoryName=name)
        aws.client("logs").create_log_stream(logGroupName=f"/ecs/{name}", logStreamName="old")
        aws.client("ssm").put_parameter(Name=f"/{name}/token", Value="t", Type="SecureString")
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=RECORDS[OTHER], CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    for bucket in RECORDS.values():
        s3.put_object(Bucket=bucket, Key="release.json", Body=b"{}")
    revisions = service.register("one"), service.register("two")
    return World(service=service, policies=policies, revisions=revisions)


def record_components(secret: str) -> Recorded:
    def program() -> None:
        cluster = Cluster("backend", ClusterArgs(cluster_name=CLUSTER))
        balancer = LoadBalancer(
            "backend", LoadBalancerArgs(vpc_id="vpc-1", subnet_ids=["subnet-1"], allowed_cidrs=["10.0.0.0/16"])
        )
        service = EcsService(
            "backend",
            EcsServiceArgs(
                family=OWN,
                cluster=cluster,
                image=f"repository@sha256:{'a' * 64}",
                repository_arns=[REPOSITORY_ARN],
                vpc_id="vpc-1",
                subnet_ids=["subnet-1"],
                region="us-west-2",
                route=Route(load_balancer=balancer, health_path="/"),
                secrets={"DATABASE": f"{secret}:password::", "TOKEN": f"arn:aws:ssm:{HERE}:parameter/{OWN}/token"},
            ),
        )
        DeployLambda(
            "deploy",
            DeployLambdaArgs(
                function_name=f"{OWN}-deploy", source=FUNCTION, service=service, records_bucket=RECORDS[OWN]
            ),
        )

    return record(program)


def real(policy: str) -> str:
    """A recorded policy with the ARNs that the resources have here."""
    recorded = "arn:aws:mock:us-west-2:111111111111"
    here = {
        "LogGroup/backend": f"arn:aws:logs:{HERE}:log-group:/ecs/{OWN}",
        "LogGroup/deploy": f"arn:aws:logs:{HERE}:log-group:/aws/lambda/{OWN}-deploy",
        # Of the cluster's recorded ARN, which says Cluster where AWS says cluster.
        "Cluster/backend:task-definition": f"arn:aws:ecs:{HERE}:task-definition",
        "Cluster/backend": f"arn:aws:ecs:{HERE}:cluster/{CLUSTER}",
        "task/backend": f"arn:aws:ecs:{HERE}:task/{CLUSTER}",
        "Service/backend": f"arn:aws:ecs:{HERE}:service/{CLUSTER}/{OWN}",
        "service-deployment/backend": f"arn:aws:ecs:{HERE}:service-deployment/{CLUSTER}/{OWN}",
        "service-revision/backend": f"arn:aws:ecs:{HERE}:service-revision/{CLUSTER}/{OWN}",
        **{f"Role/{name}": arn for name, arn in ROLES.items()},
    }
    for name, arn in here.items():
        policy = policy.replace(f"{recorded}:{name}", arn)
    assert recorded not in policy, policy
    return policy


def make_secret(aws: Aws, name: str) -> str:
    made = aws.client("secretsmanager").create_secret(Name=name, SecretString='{"password": "p"}')
    return str(made["ARN"])


def put(iam: Any, role: str, policy: dict[str, Any]) -> None:
    iam.put_role_policy(RoleName=role, PolicyName="access", PolicyDocument=json.dumps(policy))

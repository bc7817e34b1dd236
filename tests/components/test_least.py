"""What holds for all components together: nothing is wide, public, unpinned, untagged, or a role without its bounds."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from components import policies
from components.alarms import Alarms, AlarmsArgs, Watched
from components.autoscaling import ServiceAutoscaling, ServiceAutoscalingArgs
from components.cluster import Cluster, ClusterArgs
from components.component import tagged
from components.container import Sidecar
from components.deploy_lambda import DeployLambda, DeployLambdaArgs, FunctionNetwork
from components.ecs_service import EcsService, EcsServiceArgs
from components.github_oidc import GithubOidc, GithubOidcArgs, Repository
from components.load_balancer import LoadBalancer, LoadBalancerArgs
from components.network import Network, NetworkArgs, NewVpc
from components.release_store import ReleaseStore, ReleaseStoreArgs
from components.site_domain import Domain
from components.static_site import StaticSite, StaticSiteArgs
from components.target import Route
from local.plugin import types
from tests.components.least import EXEMPT, Wide, documents, wide
from tests.components.recorded import Recorded, Resource, record
from tests.components.service_program import program, service

FUNCTION = Path(__file__).parents[2] / "functions"
HERE = "us-west-2:111111111111"
ROLES = policies.RoleOptions(path="/delegated/", permissions_boundary="arn:aws:iam::111111111111:policy/boundary")
TAGS = {"Team": "shop"}
TAGGED = pulumi.ResourceOptions(transformations=[tagged(TAGS)])
KEY = f"arn:aws:kms:{HERE}:key/3"
BUCKET = "aws:s3/bucket:Bucket"
PINNED = re.compile(r".+@sha256:[0-9a-f]{64}")


def everything() -> None:
    """Every component, each with what makes its policies largest."""
    network = Network("network", NetworkArgs(vpc=NewVpc(zones=["a", "b"], region="us-west-2", flow_log_days=7)), TAGGED)
    store = ReleaseStore("store", ReleaseStoreArgs(reader_accounts=["222222222222"], key_arn=KEY), TAGGED)
    balancer = LoadBalancer(
        "backend",
        LoadBalancerArgs(
            vpc_id=network.vpc_id,
            subnet_ids=network.private_subnet_ids,
            allowed_cidrs=[network.cidr],
            certificate_arn=f"arn:aws:acm:{HERE}:certificate/1",
            access_log_days=7,
        ),
        TAGGED,
    )
    service = EcsService(
        "backend",
        EcsServiceArgs(
            family="shop",
            cluster=Cluster("shop", ClusterArgs(cluster_name="shop"), TAGGED),
            image=f"repository@sha256:{'a' * 64}",
            repository_arns=[store.repository_arn],
            vpc_id=network.vpc_id,
            subnet_ids=network.private_subnet_ids,
            region="us-west-2",
            route=Route(load_balancer=balancer, health_path="/health"),
            secrets={
                "DATABASE": f"arn:aws:secretsmanager:{HERE}:secret:db-a1b2c3:password::",
                "TOKEN": f"arn:aws:ssm:{HERE}:parameter/shop/token",
            },
            secret_key_arns=[f"arn:aws:kms:{HERE}:key/1"],
            sidecars=[Sidecar(name="proxy", image=f"proxy@sha256:{'b' * 64}")],
            task_statements=[policies.allow(["s3:GetObject"], "arn:aws:s3:::shop/*")],
            execute_command=True,
            deployment_alarm=True,
            role_options=ROLES,
        ),
        TAGGED,
    )
    ServiceAutoscaling("backend", ServiceAutoscalingArgs(service=service, min_count=2, max_count=4), TAGGED)
    deploy = DeployLambda(
        "deploy",
        DeployLambdaArgs(
            function_name="shop-deploy",
            source=FUNCTION,
            service=service,
            records_bucket=store.records_bucket,
            records_key_arn=KEY,
            network=FunctionNetwork(vpc_id=network.vpc_id, subnet_ids=network.private_subnet_ids),
            role_options=ROLES,
        ),
        TAGGED,
    )
    us_east_1 = aws.Provider("us-east-1", region="us-east-1")
    site = StaticSite(
        "site",
        StaticSiteArgs(
            api=balancer,
            api_paths=["/api/*"],
            domain=Domain(name="shop.example.gov", zone_id="Z1"),
            us_east_1=us_east_1,
            access_log_days=30,
            reader_accounts=["222222222222"],
        ),
        TAGGED,
    )
    Alarms(
        "shop",
        AlarmsArgs(
            services={"shop": Watched(service=service, deploy=deploy)},
            sites={"site": site},
            us_east_1=us_east_1,
            emails=["a@example.com"],
        ),
        TAGGED,
    )
    GithubOidc(
        "github",
        GithubOidcArgs(
            repository=Repository(owner="shop", name="shop", owner_id=1, repository_id=2),
            project="shop",
            environments={"dev": (), "prod": ("dev",)},
            makes_vpc=["prod"],
            account="111111111111",
            state_bucket="state-of-shop",
            state_key_arn=f"arn:aws:kms:{HERE}:key/2",
            hosted_zone_ids=["Z1"],
            role_options=ROLES,
        ),
        TAGGED,
    )


@functools.cache
def recorded() -> Recorded:
    return record(everything)


def described(found: list[Wide]) -> str:
    return "\n".join(str(each) for each in found)


def test_nothing_is_wide_that_is_not_on_the_list() -> None:
    found = [each for each in wide(recorded()) if not any(exempt.covers(each) for exempt in EXEMPT)]
    assert found == [], described(found)


def test_the_list_has_nothing_that_is_not_there() -> None:
    found = wide(recorded())
    unused = [exempt for exempt in EXEMPT if not any(exempt.covers(each) for each in found)]
    assert unused == []


def test_what_the_list_says_of_tasks_is_so() -> None:
    for policy, document in documents(recorded()):
        for statement in document["Statement"]:
            if "ecs:ListTasks" in statement["Action"] and policy.endswith("RolePolicy deploy"):
                assert "ecs:cluster" in statement["Condition"]["ArnEquals"]
                return
    pytest.fail("no statement on tasks")


def test_policies_of_every_kind_were_looked_at() -> None:
    kinds = {policy.split()[0].rpartition(":")[2] for policy, _ in documents(recorded())}
    assert kinds == {"Role", "RolePolicy", "Policy", "BucketPolicy", "RepositoryPolicy", "TopicPolicy"}


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ({"Action": "s3:*", "Resource": "arn:aws:s3:::a"}, "any action"),
        ({"Action": ["s3:GetObject", "s3:Put*"], "Resource": "arn:aws:s3:::a"}, "any action"),
        ({"Action": "s3:GetObject", "Resource": "*"}, "any resource"),
        ({"Action": "s3:GetObject", "Resource": ["arn:aws:s3:::a", "*"]}, "any resource"),
        ({"Action": "s3:GetObject", "NotResource": "arn:aws:s3:::a"}, "any resource"),
        ({"NotAction": "s3:GetObject", "Resource": "arn:aws:s3:::a"}, "everything but some actions"),
        ({"Action": "s3:GetObject", "Resource": "arn:aws:s3:::a", "Principal": "*"}, "anyone"),
        ({"Action": "s3:GetObject", "Resource": "arn:aws:s3:::a", "Principal": {"AWS": ["*"]}}, "anyone"),
    ],
)
def test_what_is_wide_is_found(statement: dict[str, Any], why: str) -> None:
    document = json.dumps({"Statement": [{"Effect": "Allow", **statement}]})
    made = Recorded([Resource("aws:iam/role:Role", "r", {"inlinePolicies": [{"policy": document}]})])
    assert [each.why for each in wide(made)] == [why]
    assert not any(exempt.covers(each) for each in wide(made) for exempt in EXEMPT)


def test_what_is_named_is_not_wide() -> None:
    narrow = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::a/*", "Principal": {"AWS": "1"}}
    denied = {"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Principal": "*"}
    document = json.dumps({"Statement": [narrow, denied]})
    assert wide(Recorded([Resource("aws:s3/bucketPolicy:BucketPolicy", "b", {"policy": document})])) == []


def test_no_bucket_is_public() -> None:
    blocked = {
        resource.inputs["bucket"]
        for resource in recorded().all("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock")
        if all(
            resource.inputs.get(setting) is True
            for setting in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
        )
    }
    buckets = {f"{resource.name}-bucket" for resource in recorded().all(BUCKET)}
    assert len(buckets) == 5
    assert blocked == buckets


def test_every_image_is_pinned_by_its_digest() -> None:
    (task,) = recorded().all("aws:ecs/taskDefinition:TaskDefinition")
    images = [container["image"] for container in json.loads(task.inputs["containerDefinitions"])]
    assert len(images) == 2
    assert all(PINNED.fullmatch(image) for image in images)


def test_everything_that_takes_tags_has_them() -> None:
    taking = []
    for resource in recorded().resources:
        shape = types.shape_of(resource.token) if resource.token.startswith("aws:") else None
        if shape and "tags" in shape.inputs:
            taking.append(resource.token)
            assert TAGS.items() <= (resource.inputs.get("tags") or {}).items(), f"{resource.token} {resource.name}"
    assert len(set(taking)) > 20


def test_every_role_has_its_path_and_boundary() -> None:
    found = recorded().all("aws:iam/role:Role")
    assert len(found) == 7
    for resource in found:
        assert (resource.inputs.get("path"), resource.inputs.get("permissionsBoundary")) == (
            ROLES.path,
            ROLES.permissions_boundary,
        ), resource.name


def test_every_log_ends() -> None:
    groups = recorded().all("aws:cloudwatch/logGroup:LogGroup")
    assert sorted(resource.inputs["name"] for resource in groups) == ["/aws/lambda/shop-deploy", "/ecs/shop"]
    assert all(resource.inputs["retentionInDays"] > 0 for resource in groups)


def test_service_without_exec_has_no_session_channels() -> None:
    found = wide(program(lambda cluster: service("backend", cluster)))
    assert [each.policy for each in found] == ["aws:iam/rolePolicy:RolePolicy backend-execution"]

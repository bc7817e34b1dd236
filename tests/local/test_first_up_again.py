"""A first `up` that gave up on something slow, and the one after it: Pulumi's engine on an emulator, no containers."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.aws.session import Aws
from tests.local.engine_project import PYTHON, Project, make_project

pytest_plugins = ["tests.local.plugin_fixtures"]

REGION = "us-west-2"
PROGRAM = """
import os

import boto3

from release import unfinished_origin
from components import vpc_origin
from components.load_balancer import LoadBalancer, LoadBalancerArgs
from components.network import Network, NetworkArgs, NewVpc
from components.static_site import StaticSite, StaticSiteArgs

vpc_origin.TIMEOUT = os.environ.get("TIMEOUT", vpc_origin.TIMEOUT)
found = unfinished_origin.find(vpc_origin.name_pattern("site"), lambda: boto3.Session())
vpc = NewVpc(zones=["us-west-2a", "us-west-2b"], region="us-west-2", keep=False)
network = Network("network", NetworkArgs(vpc=vpc, vpc_origin=True))
balancer = LoadBalancer("api", LoadBalancerArgs(vpc_id=network.vpc_id, subnet_ids=network.private_subnet_ids))
StaticSite("site", StaticSiteArgs(api=balancer, api_paths=["/api/*"], vpc_origin_id=found, keep=False))
"""


@pytest.fixture
def project(tmp_path: Path, endpoint: str) -> Project:
    return make_project(
        tmp_path,
        "easi/dev",
        PROGRAM,
        ("aws", f'#!/bin/sh\nexec {PYTHON} -u -m local.aws "$@"\n'),
        {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        },
    )


def test_a_vpc_origin_that_was_not_waited_for_is_taken_over(project: Project, aws: Aws) -> None:
    """The state loses it, AWS has it, and refuses another one of its name."""
    origins = aws.client("cloudfront")
    code, said = project.run("up", "--yes", "--skip-preview", TIMEOUT="0s")
    assert code != 0
    assert "still not deployed" in said, said
    (left,) = origins.list_vpc_origins()["VpcOriginList"]["Items"]
    assert left["Id"] not in project.run("stack", "export")[1]

    code, said = project.run("up", "--yes", "--skip-preview")
    assert code == 0, said
    assert "EntityAlreadyExists" not in said
    (kept,) = origins.list_vpc_origins()["VpcOriginList"]["Items"]
    assert kept["Id"] == left["Id"]
    assert left["Id"] in project.run("stack", "export")[1]

    code, said = project.run("preview", "--expect-no-changes")
    assert code == 0, said
    code, said = project.run("destroy", "--yes", "--skip-preview")
    assert code == 0, said
    assert origins.list_vpc_origins()["VpcOriginList"].get("Items", []) == []

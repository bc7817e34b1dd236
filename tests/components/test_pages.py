"""The examples of pages that are programs run as they stand there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from local import engine
from local.layout import here
from tests.components.recorded import record

ROOT = Path(__file__).resolve().parents[2]
IMPORTS = """
import types
import pulumi
from components.cluster import Cluster, ClusterArgs
from components.ecs_service import EcsService, EcsServiceArgs
from components.load_balancer import LoadBalancer, LoadBalancerArgs
from components.network import Network, NetworkArgs, NewVpc
from components.static_site import StaticSite, StaticSiteArgs
from components.target import Route
digest = "sha256:" + "a" * 64
repository = types.SimpleNamespace(
    url="111111111111.dkr.ecr.us-west-2.amazonaws.com/shop", arn="arn:aws:ecr:us-west-2:111111111111:repository/shop"
)
"""
SERVICE = """
service_args = EcsServiceArgs(
    family="shop-orders",
    cluster=Cluster("shop", ClusterArgs(cluster_name="shop")),
    image=f"{repository.url}@{digest}",
    repository_arns=[repository.arn],
    vpc_id="vpc-1",
    subnet_ids=["subnet-1", "subnet-2"],
    region="us-west-2",
)
"""
PROJECT = f"""
name: shop
runtime: {{name: python, options: {{virtualenv: {sys.prefix}}}}}
"""


def examples(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.M | re.S)


def test_the_readmes_ten_lines_make_a_service_and_a_site() -> None:
    [example] = examples("README.md")
    recorded = record(lambda: exec(IMPORTS + example, {}))
    assert recorded.one("aws:ecs/service:Service")["desiredCount"] == 2
    assert len(recorded.all("aws:cloudfront/distribution:Distribution")) == 1


def test_the_schedule_of_the_page_starts_a_task_of_the_family_once_it_is_released() -> None:
    (schedule,) = examples("docs/run-a-task.md")
    given = """
service = EcsService("backend", service_args)
name, release = "shop-orders", service
"""
    recorded = record(lambda: exec(IMPORTS + SERVICE + given + schedule, {}))
    target = recorded.one("aws:scheduler/schedule:Schedule")["target"]
    assert target["ecsParameters"]["taskDefinitionArn"].endswith(":TaskDefinition/backend")
    assert json.loads(target["input"])["containerOverrides"] == [
        {"name": "shop-orders", "command": ["/backend", "report"]}
    ]
    written = [policy.inputs["policy"] for policy in recorded.all("aws:iam/rolePolicy:RolePolicy")]
    (starts,) = [policy for policy in written if "ecs:RunTask" in policy]
    assert ":task-definition/shop-orders:*" in starts


@pytest.mark.parametrize(
    ("example", "shown"),
    [
        (0, {"deploymentMinimumHealthyPercent: 50", "deploymentMaximumPercent: 150"}),
        (2, {"aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace", "serviceRegistries:"}),
    ],
)
def test_a_transform_of_the_page_changes_the_service(example: int, shown: set[str], tmp_path: Path) -> None:
    """With the real engine, as mocks run no transforms; a preview asks nothing of AWS."""
    layout = here()
    installed = engine.current(layout)
    assert installed, "there is no engine: make setup"
    program = examples("docs/change-a-resource.md")[example]
    (tmp_path / "Pulumi.yaml").write_text(PROJECT)
    (tmp_path / "__main__.py").write_text(IMPORTS + SERVICE + program)
    variables = {
        "PATH": os.pathsep.join([str(installed.path.parent), os.environ["PATH"]]),
        "HOME": str(tmp_path),
        "PULUMI_HOME": str(layout.home),
        "PULUMI_BACKEND_URL": f"file://{tmp_path}",
        "PULUMI_CONFIG_PASSPHRASE": "none",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PYTHONPATH": str(ROOT),
        # The local plugin wants one; nobody listens on this port.
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
    }
    for command in ("stack init dev", "config set aws:region us-west-2", "preview --diff"):
        done = subprocess.run(
            [installed.path, *command.split(), "--non-interactive"],
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    written = re.sub(r" +: ", ": ", done.stdout)
    assert {text for text in shown if text not in written} == set()

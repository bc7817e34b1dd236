"""The program as a whole, on mocks: what its components are given, and what only they together can get right."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any

import pulumi
import pytest

from local.plugin import types
from release.build_context import MODIFIED_AT
from release.stack import _SIGNATURE
from settings.reader import SettingsError
from tests.components import aws_answers, program
from tests.components.aws_answers import answering, before_first_update
from tests.components.program import ROOT, Ran

STACKS = ["dev", "impl", "prod"]
TASK = "aws:ecs/taskDefinition:TaskDefinition"
POLICY = "sites.site.contentSecurityPolicy"
AUTOSCALING = "easi:service:ServiceAutoscaling"
PRINT = """
import json, sys
from tests.components import program
print(json.dumps(list(program.run(sys.argv[1]).sent.items()), sort_keys=True))
"""


@pytest.fixture(scope="module")
def ran() -> dict[str, Ran]:
    return {stack: program.run(stack) for stack in STACKS}


def container(run: Ran) -> dict[str, Any]:
    """The backend's, of the task definition."""
    main: dict[str, Any] = json.loads(run.one(TASK)["containerDefinitions"])[0]
    return main


def connection_with(secret: str, ran: Ran) -> dict[str, Any]:
    """The connection of the release, which alone has the secret."""
    holding = {urn: request for urn, request in ran.requests.items() if secret in json.dumps(request)}
    assert list(holding) == [f"{aws_answers.RELEASE}::release"]
    found: dict[str, Any] = holding[f"{aws_answers.RELEASE}::release"]["object"]["connection"]
    return found


def test_a_run_registers_the_same_in_the_same_order_each_time() -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PRINT, "prod"],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in ("1", "2")
    ]
    first, second = (json.loads(process.communicate()[0]) for process in running)
    assert len(first) > 50
    assert first == second


@pytest.mark.parametrize("stack", STACKS)
def test_no_two_resources_have_one_type_parent_and_name(ran: dict[str, Ran], stack: str) -> None:
    assert len(ran[stack].sent) == len(ran[stack].resources)


@pytest.mark.parametrize("stack", STACKS)
def test_the_health_path_is_one_for_container_target_group_and_gate(ran: dict[str, Ran], stack: str) -> None:
    path = ran[stack].one(aws_answers.RELEASE)["services"]["backend"]["health"]["path"]
    assert ran[stack].one("aws:lb/targetGroup:TargetGroup")["healthCheck"]["path"] == path
    assert {"name": "RELEASE_HEALTH_PATH", "value": path} in container(ran[stack])["environment"]


@pytest.mark.parametrize("stack", STACKS)
def test_the_image_is_named_by_digest(ran: dict[str, Ran], stack: str) -> None:
    image = container(ran[stack])["image"]
    assert re.fullmatch(rf"{aws_answers.ACCOUNT}\.dkr\.ecr\.\S+@sha256:[0-9a-f]{{64}}", image)
    assert ran[stack].one(aws_answers.RELEASE)["services"]["backend"]["image"] == image


def test_only_the_first_environment_builds(ran: dict[str, Ran]) -> None:
    assert {stack: len(ran[stack].all("docker:index/image:Image")) for stack in STACKS} == {
        "dev": 1,
        "impl": 0,
        "prod": 0,
    }
    image = ran["dev"].one("docker:index/image:Image")
    version = ran["dev"].one(aws_answers.RELEASE)["version"]
    assert image["imageName"].endswith(f":dev-{version}")
    assert image["build"]["args"] == {
        "RELEASE_VERSION": version,
        "SOURCE_DATE_EPOCH": str(MODIFIED_AT),
    }
    assert ran["prod"].one(aws_answers.RELEASE)["services"]["backend"]["sourceImage"] == (
        f"222222222222.dkr.ecr.us-west-2.amazonaws.com/easi-impl@{aws_answers.DIGEST}"
    )
    assert ran["prod"].one(aws_answers.RELEASE)["sites"]["site"]["source"] == {
        "bucket": "easi-impl-site",
        "recordsBucket": "easi-impl-records",
    }


def test_what_holds_data_or_a_name_is_protected_in_production(ran: dict[str, Ran]) -> None:
    kept = {urn.rpartition("$")[2] for urn, request in ran["prod"].requests.items() if request.get("protect")}
    assert kept == {
        "aws:ecr/repository:Repository::store",
        "aws:s3/bucket:Bucket::store-records",
        "aws:s3/bucket:Bucket::site",
        "aws:lb/loadBalancer:LoadBalancer::backend",
    }
    assert ran["prod"].one("aws:lb/loadBalancer:LoadBalancer")["enableDeletionProtection"] is True
    assert ran["prod"].one("aws:ecr/repository:Repository")["forceDelete"] is False
    assert not any(request.get("protect") for request in ran["dev"].requests.values())


@pytest.mark.parametrize("stack", STACKS)
def test_every_role_has_the_organizations_path_and_boundary(ran: dict[str, Ran], stack: str) -> None:
    given = program.configuration(stack)
    roles = ran[stack].all("aws:iam/role:Role")
    assert len(roles) >= 3
    assert {(role.inputs["path"], role.inputs["permissionsBoundary"]) for role in roles} == {
        (given["easi:rolePath"], given["easi:permissionsBoundary"])
    }


@pytest.mark.parametrize("stack", STACKS)
def test_every_provider_tags_what_it_makes(ran: dict[str, Ran], stack: str) -> None:
    tags = json.loads(program.configuration(stack)["aws:defaultTags"])
    assert tags == {"tags": {"Project": "easi", "Environment": stack}}
    own = ran[stack].all("pulumi:providers:aws")
    assert [(json.loads(item.inputs["defaultTags"]), item.inputs["region"]) for item in own] == [(tags, "us-east-1")]


@pytest.mark.parametrize("stack", STACKS)
def test_everything_bears_the_tags_by_which_the_deploy_role_knows_it(ran: dict[str, Ran], stack: str) -> None:
    tags = {"Project": "easi", "Environment": stack}
    taking = 0
    for resource in ran[stack].resources:
        shape = types.shape_of(resource.token) if resource.token.startswith("aws:") else None
        if shape and "tags" in shape.inputs:
            taking += 1
            assert tags.items() <= (resource.inputs.get("tags") or {}).items(), f"{resource.token} {resource.name}"
    assert taking > 15


@pytest.mark.parametrize("stack", STACKS)
def test_scaling_begins_after_the_release(ran: dict[str, Ran], stack: str) -> None:
    # What is below a component waits for it, and it waits for the release.
    assert any(urn.endswith("::release") for urn in ran[stack].asked(AUTOSCALING)["dependencies"])


def test_a_change_of_one_setting_reaches_its_resource(ran: dict[str, Ran]) -> None:
    changed = program.run("prod", {"services.backend.cpu": 2048, "services.backend.memory": 4096})
    assert (changed.one(TASK)["cpu"], ran["prod"].one(TASK)["cpu"]) == ("2048", "1024")


def test_a_new_network_takes_zones_and_gateways() -> None:
    new = {"vpcTags": None, "privateSubnetTags": None, "vpcCidr": "10.20.0.0/16", "zones": 3, "natGateways": 3}
    made = program.run("prod", new)
    assert len(made.all("aws:ec2/natGateway:NatGateway")) == 3
    assert len(made.all("aws:ec2/subnet:Subnet")) == 6


def test_wrong_settings_stop_the_program_before_its_first_resource(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi.resource, "register_resource", lambda *a: pytest.fail("a resource was made"))
    with pytest.raises(SettingsError, match="easi:zones is 9"):
        program.run("prod", {"zones": 9})


def test_the_preview_of_a_refused_version_shows_what_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a pull request's merge commit, which the environment before has not proven."""
    said: list[tuple[str, str]] = []
    for severity in ("warn", "info"):
        monkeypatch.setattr(
            pulumi.log, severity, lambda text, *_, severity=severity, **__: said.append((severity, text))
        )
    refused = program.run("prod", preview=True, head="b" * 40)
    accepted = program.run("prod", preview=True)

    (warning, line), (top,) = said[:2], said[2:]
    assert warning[0] == "warn"
    assert warning[1].startswith("prod refused bbbbbbbbbbbb: impl has not proven it.")
    assert line == ("info", "prod: aaaaaaa stays, as bbbbbbb would be refused")
    assert top[1].startswith("prod: aaaaaaa -> aaaaaaa, the same version, proven in impl 2026-11-02 17:05 UTC")
    shown, now = (ran.one("release:index:Release") for ran in (refused, accepted))
    assert shown["version"] == now["version"]
    for kind, names in (("services", ("image", "taskDefinition")), ("sites", ("manifest",))):
        for name, one in now[kind].items():
            assert {key: shown[kind][name][key] for key in names} == {key: one[key] for key in names}


def test_the_update_of_a_refused_version_registers_nothing() -> None:
    with pytest.raises(pulumi.RunError, match="impl has not proven it"):
        program.run("prod", head="b" * 40)


def test_the_page_that_runs_keeps_its_policy_until_a_release_with_the_next_one_is_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    policy = "default-src 'self'; connect-src https://old.example.gov"
    before = {"sites": {"site": {"contentSecurityPolicy": policy}}}
    monkeypatch.setattr(aws_answers, "OTHER_STACK_OUTPUTS", before)
    run = program.run("prod", {POLICY: "default-src 'self'; connect-src https://new.example.gov"})
    headers = run.one("aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy")["securityHeadersConfig"]
    assert headers["contentSecurityPolicy"]["contentSecurityPolicy"] == (
        "default-src 'self'; connect-src https://new.example.gov https://old.example.gov"
    )


def test_secret_of_the_probe_is_one_in_the_state() -> None:
    secret = "0123456789abcdef"
    ran = program.run("prod", {"probeSecret": secret})
    assert _SIGNATURE in connection_with(secret, ran)["probeSecret"].values()


def test_release_knows_how_the_environment_before_is_asked_and_keeps_its_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    secret = "0123456789abcdef"
    health = {"path": "/health", "passes": 3, "interval": 1, "deadline": 60, "requireLiveTimestamp": False}
    asked_at = {"health": health, "url": "https://impl.example.gov", "connectTo": ""}

    def resources(_: dict[str, Any]) -> dict[str, Any]:
        released = {"services": {"backend": asked_at}, "connection": {"probeSecret": secret}}
        return {"outputs": {"release": {"type": aws_answers.RELEASE, "outputs": released}}}

    answering(monkeypatch, readStackOutputs=before_first_update, readStackResourceOutputs=resources)
    ran = program.run("prod", {"sites.site.connectTo": "{distribution}"})
    released = ran.one(aws_answers.RELEASE)
    services = {"backend": asked_at}
    assert released["environmentBefore"] == {"name": "impl", "runs": released["version"], "services": services}
    assert _SIGNATURE in connection_with(secret, ran)["probeSecretBefore"].values()

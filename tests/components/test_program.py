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
from tests.components import program
from tests.components.program import ROOT, Ran

STACKS = ["dev", "impl", "prod"]
TASK = "aws:ecs/taskDefinition:TaskDefinition"
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
    path = ran[stack].one(program.RELEASE)["health"]["path"]
    assert ran[stack].one("aws:lb/targetGroup:TargetGroup")["healthCheck"]["path"] == path
    assert {"name": "EASI_HEALTH_PATH", "value": path} in container(ran[stack])["environment"]
    assert program.PROGRAM.read_text().count(path) == 1


@pytest.mark.parametrize("stack", STACKS)
def test_the_image_is_named_by_digest(ran: dict[str, Ran], stack: str) -> None:
    image = container(ran[stack])["image"]
    assert re.fullmatch(rf"{program.ACCOUNT}\.dkr\.ecr\.\S+@sha256:[0-9a-f]{{64}}", image)
    assert ran[stack].one(program.RELEASE)["image"] == image


def test_only_the_first_environment_builds(ran: dict[str, Ran]) -> None:
    assert {stack: len(ran[stack].all("docker:index/image:Image")) for stack in STACKS} == {
        "dev": 1,
        "impl": 0,
        "prod": 0,
    }
    image = ran["dev"].one("docker:index/image:Image")
    version = ran["dev"].one(program.RELEASE)["version"]
    assert image["imageName"].endswith(f":dev-{version}")
    assert image["build"]["args"] == {
        "EASI_VERSION": version,
        "GO_IMAGE": program.configuration("dev")["easi:goImage"],
        "SOURCE_DATE_EPOCH": str(MODIFIED_AT),
    }
    assert ran["prod"].one(program.RELEASE)["source"]["image"] == (
        f"222222222222.dkr.ecr.us-west-2.amazonaws.com/easi-impl@{program.DIGEST}"
    )


def test_what_holds_data_or_a_name_is_protected_in_production(ran: dict[str, Ran]) -> None:
    kept = {urn.rpartition("$")[2] for urn, asked in ran["prod"].requests.items() if asked.get("protect")}
    assert kept == {
        "aws:ecr/repository:Repository::store",
        "aws:s3/bucket:Bucket::store-records",
        "aws:s3/bucket:Bucket::site",
        "aws:lb/loadBalancer:LoadBalancer::backend",
    }
    assert ran["prod"].one("aws:lb/loadBalancer:LoadBalancer")["enableDeletionProtection"] is True
    assert ran["prod"].one("aws:ecr/repository:Repository")["forceDelete"] is False
    assert not any(asked.get("protect") for asked in ran["dev"].requests.values())


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
    changed = program.run("prod", {"cpu": 2048, "memory": 4096})
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
    names = ("version", "image", "staticManifest", "taskDefinition")
    assert {name: shown[name] for name in names} == {name: now[name] for name in names}


def test_the_update_of_a_refused_version_registers_nothing() -> None:
    with pytest.raises(pulumi.RunError, match="impl has not proven it"):
        program.run("prod", head="b" * 40)


def test_the_page_that_runs_keeps_its_policy_until_a_release_with_the_next_one_is_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = {"contentSecurityPolicy": "default-src 'self'; connect-src https://old.example.gov"}
    monkeypatch.setattr(program, "OTHER_STACK_OUTPUTS", before)
    run = program.run("prod", {"contentSecurityPolicy": "default-src 'self'; connect-src https://new.example.gov"})
    headers = run.one("aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy")["securityHeadersConfig"]
    assert headers["contentSecurityPolicy"]["contentSecurityPolicy"] == (
        "default-src 'self'; connect-src https://new.example.gov https://old.example.gov"
    )


@pytest.mark.parametrize(
    ("url", "domain", "warned"),
    [
        ("https://easi.example.gov", "easi.example.gov", False),
        ("https://d1.cloudfront.net", "easi.example.gov", False),
        ("https://easi.example.gov", "new.example.gov", True),
        ("https://easi.example.gov", "", True),
    ],
)
def test_a_preview_warns_that_the_site_loses_its_name(
    url: str, domain: str, warned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(program, "OTHER_STACK_OUTPUTS", {"url": url})
    monkeypatch.setattr(pulumi.log, "warn", lambda message, *_a, **_k: warnings.append(message))
    program.run("prod", {"domain": domain, **({} if domain else {"certificateArn": ""})}, preview=True)
    assert warned == any(message.startswith("easi:domain changes") for message in warnings)


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({}, False),  # as committed: the name is another team's, and its first release is proven at the distribution
        ({"connectTo": ""}, True),
        ({"connectTo": "", "hostedZoneId": "Z0123456789PROD"}, False),
        ({"connectTo": "", "publicUrl": "https://proof.easi.example.gov"}, False),
        ({"connectTo": "", "domain": "", "certificateArn": ""}, False),
    ],
)
def test_first_release_that_dns_cannot_lead_to_is_refused(
    changes: dict[str, Any], refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def outputs(asked: dict[str, Any]) -> dict[str, Any]:
        return {"outputs": {}} if asked["name"].endswith("/prod") else program._outputs(asked)

    monkeypatch.setattr(program, "_FUNCTIONS", {**program._FUNCTIONS, "pulumi:pulumi:readStackOutputs": outputs})
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda message, *_a, **_k: warnings.append(message))
    if refused:
        with pytest.raises(pulumi.RunError, match=r"config set -s prod easi:connectTo '\{distribution\}'"):
            program.run("prod", changes)
    else:
        program.run("prod", changes)
    program.run("prod", changes, preview=True)
    assert refused == any("easi:connectTo" in message for message in warnings)


@pytest.mark.parametrize("updated", [True, False])
def test_only_before_a_first_update_aws_is_asked_for_what_one_left_behind(
    updated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def outputs(asked: dict[str, Any]) -> dict[str, Any]:
        return program._outputs(asked) if updated else {"outputs": {}}

    monkeypatch.setattr(program, "_FUNCTIONS", {**program._FUNCTIONS, "pulumi:pulumi:readStackOutputs": outputs})
    program.FIND_ORIGIN.reset_mock()
    program.run("dev")
    assert program.FIND_ORIGIN.called is not updated


@pytest.mark.parametrize(
    ("given", "there"),
    [
        ("{distribution}", "d111111abcdef8.cloudfront.net:443"),
        ("{distribution}:8443", "d111111abcdef8.cloudfront.net:8443"),
        ("{distribution}.cloudfront.net:443", "d111111abcdef8.cloudfront.net:443"),
        ("127.0.0.1:4570", "127.0.0.1:4570"),
        ("", ""),
    ],
)
def test_release_connects_to_the_distribution_itself(given: str, there: str, monkeypatch: pytest.MonkeyPatch) -> None:
    computed = program._computed

    def named(token: str, name: str, output: str, inputs: Any) -> Any:
        distribution = token.endswith(":Distribution") and output == "domainName"
        return "d111111abcdef8.cloudfront.net" if distribution else computed(token, name, output, inputs)

    monkeypatch.setattr(program, "_computed", named)
    site = program.run("prod", {"connectTo": given}).one(program.RELEASE)["site"]
    assert (site["url"], site["connectTo"]) == ("https://easi.example.gov", there)


def test_secret_of_the_probe_is_one_in_the_state() -> None:
    secret = "0123456789abcdef"
    ran = program.run("prod", {"probeSecret": secret})
    holding = {urn: asked for urn, asked in ran.requests.items() if secret in json.dumps(asked)}
    assert list(holding) == [f"{program.RELEASE}::release"]
    (asked,) = holding.values()
    assert _SIGNATURE in asked["object"]["connection"]["probeSecret"].values()

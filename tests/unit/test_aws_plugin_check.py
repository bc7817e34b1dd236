"""What the local AWS plugin refuses."""

from __future__ import annotations

import copy
import functools
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.aws.provider import AwsProvider
from local.aws.table import TABLE
from local.docker.provider import IMAGE
from local.plugin import sdk, types
from local.plugin.provider import PluginError
from local.plugin.types import shape_of
from local.plugin.wire import ARCHIVE, SIGNATURE, UNKNOWN

ROOT = Path(__file__).parents[2]
GROUP = "aws:lb/targetGroup:TargetGroup"
SERVICE = "aws:ecs/service:Service"
FUNCTION = "aws:lambda/function:Function"


def check(token: str, new: dict[str, Any], old: dict[str, Any] | None = None) -> tuple[dict[str, Any], dict[str, str]]:
    checked = AwsProvider().check(token, "app", old or {}, new, seed=b"seed")
    return checked.inputs, {problem.path: problem.reason for problem in checked.problems}


@pytest.mark.parametrize("token", sorted(TABLE))
def test_every_type_exists_in_pulumi_aws_with_the_properties_that_the_table_names(token: str) -> None:
    shape, kind = shape_of(token), TABLE[token]
    named = {path.split(".")[0] for path in kind.replaces | kind.unordered} | kind.volatile | kind.secrets
    assert named - shape.outputs - set(shape.inputs) == set()
    assert kind.name is None or kind.name.property in shape.inputs
    assert kind.tagged in {"", "id", *shape.outputs}


def test_an_unknown_property_is_named_with_those_that_exist() -> None:
    _, problems = check(GROUP, {"healthCheck": {"pth": "/"}})
    assert problems == {
        "healthCheck.pth": "no such property (did you mean path?); allowed are enabled, healthyThreshold, interval, "
        "matcher, path, port, protocol, timeout, unhealthyThreshold"
    }


@pytest.mark.parametrize(
    "cidr", ["10.0.0.1/16", "10.0.0.0/016", "10.0.0.0/255.255.0.0", "10.0.0", UNKNOWN, "10.0.0.0/16"]
)
def test_a_network_is_in_its_canonical_form(cidr: str) -> None:
    rule = {"securityGroupId": "sg-1", "ipProtocol": "tcp", "fromPort": 80, "toPort": 80, "cidrIpv4": cidr}
    problems = [check("aws:ec2/vpc:Vpc", {"cidrBlock": cidr})[1]]
    problems.append(check("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", rule)[1])
    canonical = cidr in (UNKNOWN, "10.0.0.0/16")
    assert [list(found) for found in problems] == ([[], []] if canonical else [["cidrBlock"], ["cidrIpv4"]])


def test_a_missing_property_is_named() -> None:
    _, problems = check(SERVICE, {"networkConfiguration": {"securityGroups": []}})
    assert problems == {"networkConfiguration.subnets": "required, and missing"}


REPOSITORY_NAME = "is {}: must be lower case letters and digits, with single . _ - / between them"


@pytest.mark.parametrize(
    ("token", "inputs", "path", "reason"),
    [
        (GROUP, {"port": "http"}, "port", "must be a whole number, not 'http'"),
        (GROUP, {"port": 80.5}, "port", "must be a whole number, not 80.5"),
        (GROUP, {"port": True}, "port", "must be a whole number, not True"),
        (GROUP, {"slowStart": []}, "slowStart", "must be a whole number, not a list"),
        (GROUP, {"tags": "hush"}, "tags", "must be a map, not a single value"),
        (GROUP, {"healthCheck": "hush"}, "healthCheck", "must be an object, not a single value"),
        (
            SERVICE,
            {"loadBalancers": [{"containerName": "app"}]},
            "loadBalancers[0].containerPort",
            "required, and missing",
        ),
        ("aws:ecr/repository:Repository", {"name": "easi-Dev-store"}, "name", REPOSITORY_NAME.format("easi-Dev-store")),
        ("aws:ecr/repository:Repository", {"name": "easi--store"}, "name", REPOSITORY_NAME.format("easi--store")),
        (SERVICE, {"loadBalancers": {}}, "loadBalancers", "must be a list, not an object"),
        (SERVICE, {"enableExecuteCommand": "yes"}, "enableExecuteCommand", "must be true or false, not 'yes'"),
    ],
)
def test_a_wrong_type_is_named(token: str, inputs: dict[str, Any], path: str, reason: str) -> None:
    assert check(token, inputs)[1] == {path: reason}


def test_numbers_and_booleans_may_be_given_as_text() -> None:
    inputs, problems = check(GROUP, {"name": "app", "port": "8080", "proxyProtocolV2": "true"})
    assert (inputs, problems) == ({"name": "app", "port": 8080, "proxyProtocolV2": True}, {})


def test_values_that_a_preview_cannot_know_pass() -> None:
    unknown = {"healthCheck": UNKNOWN, "port": UNKNOWN, "tags": {"a": UNKNOWN}, "name": "app"}
    assert check(GROUP, unknown) == (unknown, {})


def test_an_unknown_type_is_named_with_the_page_that_says_how_to_add_it() -> None:
    message = r"^the local AWS does not know aws:neptune/cluster:Cluster yet: one class adds it, as (\S+) shows$"
    with pytest.raises(PluginError, match=message) as refused:
        check("aws:neptune/cluster:Cluster", {})
    assert (ROOT / re.findall(r"docs/\S+", str(refused.value))[0]).exists()
    with pytest.raises(PluginError, match="aws:ecs/servce:Servce is not a resource type of pulumi_aws"):
        check("aws:ecs/servce:Servce", {})


def test_the_table_of_types_is_what_the_sdks_have() -> None:
    assert types.tables() | {"source": {}} == sdk.described([*TABLE, IMAGE]) | {"source": {}}


@pytest.mark.parametrize("stale", ["no file", "another version", "a type is missing"])
def test_a_stale_table_is_written_again(stale: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, written = tmp_path / "types.json", copy.deepcopy(types.tables())
    if stale == "another version":
        written["source"]["pulumi-aws"], written["resources"][SERVICE]["inputs"] = "0.0.1", {}
    if stale == "a type is missing":
        del written["resources"][SERVICE]
    if stale != "no file":
        file.write_text(json.dumps(written))
    monkeypatch.setattr(types, "FILE", file)
    monkeypatch.setattr(types, "tables", functools.cache(types.tables.__wrapped__))
    assert "launchType" in types.shape_of.__wrapped__(SERVICE).inputs
    assert json.loads(file.read_text()) == types.tables()
    assert [path.name for path in tmp_path.iterdir()] == ["types.json"]


def test_the_plugin_answers_without_loading_the_sdk() -> None:
    # In a process of its own: here, other tests have loaded it already.
    program = (
        "import sys; from local.aws.provider import AwsProvider; "
        f"assert not AwsProvider().check({GROUP!r}, 'app', {{}}, {{'name': 'app'}}, seed=b'').problems; "
        "sys.exit('pulumi_aws' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_policy_may_be_an_object() -> None:
    inputs, problems = check("aws:s3/bucketPolicy:BucketPolicy", {"bucket": "b", "policy": POLICY})
    assert problems == {}
    assert inputs["policy"] == '{"Statement": [{"Effect": "Allow", "Principal": "*"}], "Version": "2012-10-17"}'
    unknown = {**POLICY, "Statement": UNKNOWN}
    inputs, _ = check("aws:s3/bucketPolicy:BucketPolicy", {"bucket": "b", "policy": unknown})
    assert inputs["policy"] == UNKNOWN


POLICY: dict[str, Any] = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*"}]}


def test_inline_bucket_settings_are_refused_rather_than_lost() -> None:
    _, problems = check("aws:s3/bucket:Bucket", {"versioning": {"enabled": True}})
    assert list(problems) == ["versioning"]


def test_container_definitions_are_read_before_anything_is_made() -> None:
    token = "aws:ecs/taskDefinition:TaskDefinition"
    assert check(token, {"family": "a", "containerDefinitions": UNKNOWN})[1] == {}
    assert "not JSON" in check(token, {"family": "a", "containerDefinitions": "{"})[1]["containerDefinitions"]
    _, problems = check(token, {"family": "a", "containerDefinitions": '[{"name": "app"}]'})
    assert problems == {"containerDefinitions": "container 0 has no image"}


def test_a_function_needs_code_that_can_be_read() -> None:
    assert "exactly one of" in check(FUNCTION, {"role": "r"})[1]["code"]
    gone = {SIGNATURE: ARCHIVE, "path": "/does/not/exist", "hash": "00"}
    _, problems = check(FUNCTION, {"role": "r", "code": gone, "handler": "h.h"})
    assert problems == {
        "runtime": "required for a function whose code is an archive",
        "code": "/does/not/exist does not exist",
    }


def test_settings_that_the_official_provider_does_not_know_are_refused() -> None:
    known = {"region": "us-west-2", "skipMetadataApiCheck": "true", "version": "7.51.1", "profile": "dev"}
    assert AwsProvider().check_config(known | {"defaultTags": '{"tags": {"Project": "easi"}}'}).problems == []
    (problem,) = AwsProvider().check_config({"regoin": "us-west-2"}).problems
    assert problem.path == "regoin"


def test_the_plugin_never_talks_to_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with pytest.raises(PluginError, match="AWS_ENDPOINT_URL is not set"):
        AwsProvider().configure({"region": "us-west-2"})
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://s3.us-west-2.amazonaws.com")
    with pytest.raises(PluginError, match="does not talk to AWS"):
        AwsProvider().configure({"region": "us-west-2"})


def test_an_emulator_that_is_down_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    provider = AwsProvider()
    provider.configure({"region": "us-west-2"})
    with pytest.raises(PluginError, match=r"create: no local AWS answers at http://127.0.0.1:1; run `make up`"):
        provider.create("aws:s3/bucket:Bucket", {"bucket": "site"})

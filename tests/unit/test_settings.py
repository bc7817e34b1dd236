from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from release import invocation
from settings import rules
from settings.declared import key_of
from settings.fields import Settings, load
from settings.reader import SettingsError
from tests.described import nested

ROOT = Path(__file__).parents[2]
PROJECT = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
DECLARED = {key: declared for key, declared in PROJECT.items() if ":" not in key}
DESCRIPTION = {f"easi:{key}": DECLARED[key]["default"] for key in ("services", "sites")}
BACKEND, SITE = "easi:services.backend", "easi:sites.site"
NEW_NETWORK = {"easi:vpcCidr": "10.20.0.0/16"}
BY_TAGS = {"easi:vpcCidr": "", "easi:vpcTags": {"Name": "a"}, "easi:privateSubnetTags": {"Tier": "private"}}
CERTIFICATE = "arn:aws:acm:us-east-1:111111111111:certificate/0d5c1f4e"
KEY = "arn:aws:kms:us-west-2:111111111111:key/8a1f2b3c"
SECRET = "arn:aws:secretsmanager:us-west-2:111111111111:secret:db-a1b2c3:password::"


def engine(given: dict[str, Any] | None = None) -> dict[str, str]:
    """The configuration as the engine hands it to the program: defaults filled in, everything a string."""
    defaults = {f"easi:{key}": declared["default"] for key, declared in DECLARED.items()}
    defaults = {key: value for key, value in defaults.items() if key not in ("easi:services", "easi:sites")}
    values = defaults | DESCRIPTION | {"aws:region": "us-west-2"} | NEW_NETWORK
    values = nested(given or {}, values)
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}


def refused(given: dict[str, Any], without: str = "") -> str:
    """What is said of settings, one of which may be missing altogether."""
    with pytest.raises(SettingsError) as raised:
        load("dev", {key: value for key, value in engine(given).items() if key != without})
    return str(raised.value)


def test_every_setting_is_declared_with_type_default_and_description() -> None:
    assert set(DECLARED) == {key_of(field.name) for field in dataclasses.fields(Settings)}
    assert all({"type", "default", "description"} <= set(declared) for declared in DECLARED.values())


@pytest.mark.parametrize("stack", ["dev", "impl", "prod"])
def test_the_stacks_of_this_project_are_valid(stack: str) -> None:
    config = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    loaded = load(stack, engine({"easi:vpcCidr": "", **config}))
    assert loaded.promote_from == {"dev": "", "impl": "dev", "prod": "impl"}[stack]
    # A program may stamp its answer when it is built, so that no release of it would be proven.
    assert not any(service.health.require_live_timestamp for service in loaded.services.values())


def test_an_argument_of_a_command_may_be_there_twice_and_other_default_tags_are_the_providers_business() -> None:
    loaded = load("dev", engine({f"{BACKEND}.migration.command": ["/m", "-v", "-v"], "aws:defaultTags": ["no map"]}))
    assert loaded.services["backend"].migration.command == ("/m", "-v", "-v")


def test_lists_and_maps_are_typed() -> None:
    loaded = load("dev", engine({f"{BACKEND}.environment": {"B": "2", "A": "1"}, f"{BACKEND}.minCount": 1}))
    assert list(loaded.services["backend"].environment.items()) == [("A", "1"), ("B", "2")]
    assert loaded.services["backend"].min_count == 1


@pytest.mark.parametrize(
    "given",
    [
        BY_TAGS,
        {"easi:vpcCidr": "", "easi:vpcId": "vpc-0a1b", "easi:privateSubnetIds": ["subnet-0a", "subnet-0b"]},
        {"easi:zones": 3, "easi:natGateways": 3},
        {"easi:zones": 3, "easi:natGateways": 1},
        {f"{SITE}.domain": "a.example", f"{SITE}.certificateArn": CERTIFICATE},
        {f"{SITE}.domain": "a.example", f"{SITE}.hostedZoneId": "Z0123"},
        {
            f"{SITE}.domain": "a.example",
            f"{SITE}.certificateArn": CERTIFICATE,
            f"{SITE}.hostedZoneId": "Z0123",
        },
        {f"{BACKEND}.secrets": {"A": SECRET}, f"{BACKEND}.secretKeyArns": [KEY]},
        {f"{BACKEND}.secrets": {"A": "arn:aws-us-gov:ssm:us-gov-west-1:111111111111:parameter/easi/dev/a"}},
        {"easi:permissionsBoundary": "arn:aws:iam::aws:policy/PowerUserAccess"},
        {
            f"{SITE}.publicUrl": "http://{distribution}.cloudfront.localhost:4570",
            f"{SITE}.connectTo": "127.0.0.1:4570",
        },
        {f"{SITE}.connectTo": "{distribution}"},
        {"easi:rolePath": "/delegatedadmin/developer/"},
        {"aws:region": "ap-southeast-7", "aws:profile": "anything"},
        {f"{SITE}.originShieldRegion": "us-gov-east-1"},
    ],
)
def test_what_belongs_together_is_accepted(given: dict[str, Any]) -> None:
    load("dev", engine(given))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"easi:cpuu": 1}, "easi:cpuu is no setting of Pulumi.yaml"),
        ({"easi:zoness": 1}, "easi:zoness is no setting: did you mean easi:zones?"),
        ({f"{BACKEND}.memory": "many"}, f"{BACKEND}.memory is 'many': expected a whole number"),
        ({"easi:protect": "yes"}, "easi:protect is 'yes': expected true or false"),
        ({"easi:readerAccountIds": "1"}, "expected a list of strings"),
        ({"easi:vpcTags": {"A": 1}}, "expected a map of names to strings"),
        ({"aws:region": "oregon"}, "aws:region is 'oregon': expected the AWS region of this environment"),
        *(
            ({"aws:region": region}, f"{region} has no VPC origins of CloudFront")
            for region in ("us-gov-west-1", "cn-north-1", "us-iso-east-1", "eusc-de-east-1", "ap-southeast-6")
        ),
        # Alone
        ({"easi:readerAccountIds": ["1"]}, "easi:readerAccountIds[0] is '1': expected 12 digits"),
        ({f"{SITE}.publicUrl": "https://a/b"}, "without a path"),
        ({f"{SITE}.connectTo": "localhost"}, "expected host:port"),
        ({f"{SITE}.connectTo": "{domain}:443"}, "expected host:port"),
        ({f"{SITE}.connectTo": "{distribution}."}, "expected host:port"),
        ({"easi:rolePath": "x"}, "begins and ends with /"),
        ({"easi:rolePath": ""}, "easi:rolePath is ''"),
        ({f"{BACKEND}.health.passes": 0}, f"{BACKEND}.health.passes is 0: expected 1 to 100"),
        ({"easi:rolloutDeadline": 5}, "easi:rolloutDeadline is 5: expected 60 to 7200"),
        (
            {f"{BACKEND}.environment": {"A": "", "B": "b"}},
            f"{BACKEND}.environment has A without a value",
        ),
        (
            {f"{BACKEND}.cpuArchitecture": "arm"},
            f"{BACKEND}.cpuArchitecture is 'arm': expected one of X86_64, ARM64",
        ),
        ({"easi:containerInsights": "on"}, "expected one of enabled, enhanced, disabled"),
        ({"easi:logRetentionDays": 31}, "easi:logRetentionDays is 31: expected one of 1, 3, 5, 7, 14, 30, 60"),
        ({f"{BACKEND}.scaleAtCpuPercent": 101}, "expected 1 to 100"),
        ({f"{BACKEND}.cpu": 300}, f"{BACKEND}.cpu is 300: expected one of 256, 512, 1024"),
        ({"easi:zones": 4}, "easi:zones is 4: expected 2 to 3"),
        ({f"{SITE}.accessLogDays": -1}, f"{SITE}.accessLogDays is -1"),
        ({"easi:vpcId": "my-network"}, "easi:vpcId is 'my-network': expected vpc-…"),
        ({"easi:privateSubnetIds": [""]}, "easi:privateSubnetIds[0] is ''"),
        (
            {f"{SITE}.domain": "https://a.example"},
            f"{SITE}.domain is 'https://a.example': expected a host name",
        ),
        ({f"{SITE}.hostedZoneId": "/hostedzone/Z1"}, "expected the id of a Route 53 hosted zone"),
        (
            {f"{SITE}.certificateArn": CERTIFICATE.replace("us-east-1", "us-west-2")},
            "ACM certificate in us-east-1",
        ),
        ({f"{SITE}.certificateArn": KEY}, f"{SITE}.certificateArn is 'arn:aws:kms"),
        ({f"{SITE}.webAclArn": "arn:aws:wafv2:us-west-2:111111111111:regional/webacl/a/1"}, "scope CLOUDFRONT"),
        ({f"{SITE}.originShieldRegion": "oregon"}, "expected a region"),
        ({f"{SITE}.contentSecurityPolicy": "default-src\n'self'"}, "expected one line"),
        ({"easi:logKeyArn": "alias/logs"}, "expected the ARN of a KMS key"),
        ({"easi:permissionsBoundary": "arn:aws:iam::111111111111:role/a"}, "expected the ARN of an IAM policy"),
        ({"easi:alarmEmails": ["a@b.gov", "nobody"]}, "easi:alarmEmails[1] is 'nobody': expected an e-mail address"),
        ({f"{BACKEND}.build.context": "/backend"}, "expected a folder, relative to the project"),
        (
            {f"{BACKEND}.migration.command": ["migrate", ""]},
            f"{BACKEND}.migration.command[1] is ''",
        ),
        (
            {f"{BACKEND}.migration.timeout": 1},
            f"{BACKEND}.migration.timeout is 1: expected 10 to 7200",
        ),
        # Together
        ({"easi:promoteFrom": "dev"}, "easi:promoteFrom is dev, this stack"),
        ({"easi:promoteBranch": "main"}, "easi:promoteBranch is main, and nothing is promoted here"),
        ({"easi:soakMinutes": 60}, "easi:soakMinutes is 60, and nothing is promoted here: easi:promoteFrom is missing"),
        ({"easi:soakMinutes": -1}, "easi:soakMinutes is -1: expected 0 to 43200"),
        ({"easi:vpcCidr": ""}, "no network is given: expected exactly one of"),
        ({"easi:vpcId": "vpc-1"}, "easi:vpcId and easi:vpcCidr are both given: expected exactly one of"),
        ({"easi:vpcCidr": "10.0.0.0/28"}, "easi:vpcCidr: 10.0.0.0/28 is too small"),
        ({"easi:vpcCidr": "10.0.0.0/8"}, "easi:vpcCidr: 10.0.0.0/8 is too large for a VPC"),
        ({"easi:vpcCidr": "10.0.0.1/16"}, "easi:vpcCidr: '10.0.0.1/16' is no address range"),
        ({"easi:vpcCidr": "10.0.0.0/255.255.0.0"}, "is not how AWS writes an address range: expected 10.0.0.0/16"),
        ({"easi:alarmEmails": ["a@b.gov", "c@b.gov", "A@B.gov"]}, "[2] is 'A@B.gov', as is easi:alarmEmails[0]"),
        ({"easi:readerAccountIds": ["111111111111"] * 2}, "easi:readerAccountIds[1] is '111111111111', as is"),
        ({f"{BACKEND}.secretKeyArns": [KEY, KEY]}, f"{BACKEND}.secretKeyArns[1] is"),
        (
            {f"{BACKEND}.publicVariables": ["A", "A"]},
            f"{BACKEND}.publicVariables[1] is 'A', as is {BACKEND}.publicVariables[0]",
        ),
        (
            {"easi:vpcCidr": "", "easi:vpcId": "vpc-1", "easi:privateSubnetIds": ["subnet-1", "subnet-2", "subnet-1"]},
            "easi:privateSubnetIds[2] is 'subnet-1', as is easi:privateSubnetIds[0]: expected each once",
        ),
        ({f"{SITE}.contentSecurityPolicy": "default-src 'self' "}, "without a space at either end"),
        ({"aws:defaultTags": {"tags": {"Team": "", "Name": "a"}}}, "aws:defaultTags has Team without a value"),
        ({"easi:vpcCidr": "", "easi:vpcId": "vpc-1"}, "easi:vpcId needs exactly one of easi:privateSubnetIds"),
        ({**BY_TAGS, "easi:privateSubnetIds": ["subnet-1", "subnet-2"]}, "easi:vpcTags needs exactly one of"),
        ({"easi:privateSubnetTags": {"A": "b"}}, "easi:privateSubnetTags without easi:vpcId or easi:vpcTags"),
        ({"easi:privateSubnetIds": ["subnet-1", "subnet-1"]}, "easi:privateSubnetIds has one subnet: expected 2"),
        ({**BY_TAGS, "easi:zones": 3}, "easi:zones is for a new network: easi:vpcTags names an existing one"),
        ({**BY_TAGS, "easi:natGateways": 2}, "easi:natGateways is for a new network: easi:vpcTags names"),
        ({"easi:natGateways": 3}, "easi:natGateways is 3: expected 1, or 2 as easi:zones"),
        ({f"{SITE}.domain": "a.example"}, f"{SITE}.domain needs certificateArn"),
        (
            {f"{SITE}.certificateArn": CERTIFICATE},
            f"{SITE}.certificateArn without domain",
        ),
        ({f"{SITE}.hostedZoneId": "Z0123"}, f"{SITE}.hostedZoneId without domain"),
        (
            {"easi:loadBalancerCertificateArn": CERTIFICATE.replace("us-east-1", "us-west-2")},
            f"easi:loadBalancerCertificateArn without {SITE}.domain",
        ),
        ({**BY_TAGS, "easi:flowLogDays": 30}, "easi:flowLogDays is for a new network: easi:vpcTags names an existing"),
        ({"easi:flowLogDays": 5000}, "easi:flowLogDays is 5000: expected 0 to 3653"),
        ({"easi:loadBalancerLogDays": -1}, "easi:loadBalancerLogDays is -1: expected 0 to 3653"),
        ({f"{SITE}.permissionsPolicy": "a\nb"}, "expected one line of printable ASCII"),
        (
            {f"{BACKEND}.health.grace": 900},
            f"{BACKEND}.health.grace is 900: expected less than easi:rolloutDeadline (900)",
        ),
        (
            {"easi:dataKeyArn": KEY.replace("us-west-2", "us-east-1")},
            "easi:dataKeyArn is of us-east-1: expected one of",
        ),
        ({"easi:usEast1KeyArn": KEY}, "expected the ARN of a KMS key in us-east-1"),
        (
            {f"{BACKEND}.deploymentAlarms": True, "easi:rolloutDeadline": 300},
            "easi:rolloutDeadline is 300: expected 600",
        ),
        (
            {f"{BACKEND}.secretKeyArns": [KEY]},
            f"{BACKEND}.secretKeyArns without {BACKEND}.secrets",
        ),
        ({"easi:logKeyArn": KEY.replace("us-west-2", "us-east-1")}, "easi:logKeyArn is of us-east-1: expected one of"),
        ({"easi:loadBalancerCertificateArn": CERTIFICATE}, "easi:loadBalancerCertificateArn is of us-east-1"),
        (
            {f"{BACKEND}.memory": 300},
            f"{BACKEND}.memory: cpu=256 allows memory 512, 1024 or 2048 MiB (Fargate), not 300",
        ),
        ({f"{BACKEND}.minCount": 3, f"{BACKEND}.maxCount": 2}, "expected minCount <= maxCount"),
        (
            {f"{BACKEND}.health.checkInterval": 30, f"{BACKEND}.health.deadline": 90},
            f"{BACKEND}.health.deadline is 90: expected more than the 90",
        ),
        (
            {f"{BACKEND}.health.command": []},
            f"{BACKEND}.health.commandComparesVersion without health.command: nothing compares it",
        ),
        (
            {
                f"{BACKEND}.health.command": [],
                f"{BACKEND}.health.commandComparesVersion": False,
                f"{BACKEND}.rehearsal.time": 60,
                "easi:rolloutDeadline": 60,
            },
            f"{BACKEND}.rehearsal.time is 60: expected less than easi:rolloutDeadline (60)",
        ),
        ({f"{BACKEND}.rehearsal.passes": 11}, f"{BACKEND}.rehearsal.passes is 11: expected 1 to 10"),
        ({f"{BACKEND}.environment": {"RELEASE_REHEARSAL": "1"}}, "RELEASE_REHEARSAL: the program itself sets it"),
        (
            {f"{BACKEND}.environment": {"A=B": "1"}},
            "has 'A=B': expected the name of an environment variable",
        ),
        ({f"{BACKEND}.environment": {"": "1"}}, "has '': expected the name of an environment variable"),
        (
            {f"{BACKEND}.environment": {"A B": "1"}},
            "has 'A B': expected the name of an environment variable",
        ),
        ({f"{BACKEND}.secrets": {"Ä": SECRET}}, "has 'Ä': expected the name of an environment variable"),
        (
            {f"{BACKEND}.environment": {"spring": {"datasource": {"url": "jdbc:…"}}}},
            "with --path, a name that has a dot is written in brackets: '<setting>[\"a.b\"]'",
        ),
        ({f"{BACKEND}.environment": {"RELEASE_ENVIRONMENT": "1"}}, "the program itself sets it"),
        (
            {f"{BACKEND}.environment": {"A": "1"}, f"{BACKEND}.secrets": {"A": SECRET}},
            f"A is in {BACKEND}.environment and in {BACKEND}.secrets",
        ),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_expected(given: dict[str, Any], message: str) -> None:
    assert message in refused(given)


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("easi:services", '{"a": {}, "a": {}}', 'is no map: it is not JSON: the key "a" stands twice in one object'),
        ("easi:sites", '{"site": {}', "is no map: it is not JSON: Expecting ',' delimiter: line 1 column 12"),
        ("easi:vpcTags", '{"a": "1", "a": "2"}', 'is no map: it is not JSON: the key "a" stands twice in one object'),
        ("easi:alarmEmails", '["a@b.example"', "is no list: it is not JSON: Expecting ',' delimiter: line 1 column 15"),
        ("easi:zones", "two", "is 'two': expected a whole number"),
    ],
)
def test_a_list_or_map_that_is_no_json_is_told_with_why(key: str, text: str, said: str) -> None:
    assert f"{key} {said}" in refused({key: text})


def test_the_two_ways_to_a_network_are_explained() -> None:
    said = refused({"easi:vpcCidr": ""})
    assert "an existing network:  easi:vpcId or easi:vpcTags, with easi:privateSubnetIds or" in said
    assert "a new network:        easi:vpcCidr, for example 10.20.0.0/16" in said


def test_a_missing_region_is_told_with_the_command_that_sets_it() -> None:
    assert "pulumi config set -s dev aws:region" in refused({}, without="aws:region")


@pytest.mark.parametrize("stack", ["production-1", "dev_2", "dev.2", "Dev", "a--b", "-a", "a-"])
def test_a_stack_whose_name_does_not_fit_into_others_is_refused(stack: str) -> None:
    with pytest.raises(SettingsError, match=f"the stack is called {stack}: expected 11 characters at most"):
        load(stack, engine())


def test_a_setting_that_pulumi_yaml_does_not_declare_is_missing() -> None:
    assert "easi:zones is missing: Pulumi.yaml declares it" in refused({}, without="easi:zones")


def test_all_wrong_settings_are_told_at_once() -> None:
    wrong = {
        "easi:cpuu": 1,
        "easi:protect": "yes",
        "easi:zones": 7,
        f"{SITE}.domain": "a.example",
        "easi:vpcTags": {"A": "b"},
        f"{BACKEND}.minCount": 2,
        "aws:region": "oregon",
    }
    said = refused(wrong).splitlines()
    problems = [line for line in said if line.startswith("  ") and not line.startswith("   ")]
    told = ["easi:cpuu", "easi:zones is 7", "easi:protect", "aws:region", "easi:vpcTags and easi:vpcCidr"]
    told += [
        "easi:vpcTags needs",
        "easi:zones is for",
        f"{SITE}.domain needs",
        f"{BACKEND}.minCount is 2 and {BACKEND}.maxCount 1",
    ]
    assert len(problems) == len(told)
    assert [start for start, problem in zip(told, problems, strict=True) if not problem[2:].startswith(start)] == []


@pytest.mark.parametrize("key", [f"{BACKEND}.secrets", f"{BACKEND}.environment"])
@pytest.mark.parametrize("given", [{"PASSWORD": "hunter2"}, {"PASSWORD": ["hunter2"]}, ["hunter2"], "hunter2"])
def test_the_values_of_variables_are_never_repeated(key: str, given: Any) -> None:
    assert "hunter2" not in refused({key: given, "easi:cpuu": 1})


def test_a_secret_pasted_for_its_arn_is_named() -> None:
    said = refused({f"{BACKEND}.secrets": {"PASSWORD": "hunter2"}})
    assert f"{BACKEND}.secrets.PASSWORD is something else: expected the ARN of a secret" in said


@pytest.mark.parametrize("name", ["spring.datasource.url", "log-level", "1A", "A/B:c"])
def test_a_variable_has_any_name_that_ecs_takes(name: str) -> None:
    assert load("dev", engine({f"{BACKEND}.environment": {name: "1"}})).services["backend"].environment == {name: "1"}
    assert load("dev", engine({f"{BACKEND}.secrets": {name: SECRET}})).services["backend"].secrets == {name: SECRET}


def test_a_variable_with_a_dot_is_named_as_pulumi_takes_it() -> None:
    said = refused({f"{BACKEND}.secrets": {"db.password": "hunter2"}})
    assert 'easi:services.backend.secrets["db.password"] is something else: expected the ARN of a secret' in said


def test_rules_know_the_defaults() -> None:
    assert DECLARED["zones"]["default"] == rules.DEFAULT_ZONES
    assert DECLARED["natGateways"]["default"] == rules.DEFAULT_NAT_GATEWAYS


def test_version_is_a_full_sha(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELEASE_VERSION", "3f2c1aa")
    with pytest.raises(pulumi.RunError, match="expected a full Git SHA"):
        invocation.load()
    monkeypatch.setenv("RELEASE_VERSION", "3" * 40)
    assert invocation.load().requested_version == "3" * 40

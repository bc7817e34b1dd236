"""The script that makes the state's bucket and key, without AWS: arguments, policies, and the settings beside it."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import yaml
from botocore.exceptions import NoCredentialsError

from account import settings, state, state_policies
from settings.declared import key_of
from settings.reader import SettingsError
from tests.unit.account_cloud import Cloud

ARGUMENTS = ["--bucket", "state-of-easi", "--region", "us-west-2"]
OTHER = "arn:aws:iam::222222222222:root"
THIRD = "arn:aws:iam::333333333333:root"
IMPL = state_policies.Shared("222222222222", "easi", "impl", ("dev",))
PROD = state_policies.Shared("333333333333", "easi", "prod", ("impl", "dev"))
OWN = state_policies.Shared("111111111111", "easi", "dev")
STATE = "arn:aws:s3:::state-of-easi/.pulumi"


def ensured(cloud: Cloud, share_with: tuple[state_policies.Shared, ...] = ()) -> tuple[str, list[str]]:
    said: list[str] = []
    return state.ensure(cloud.session, "state-of-easi", share_with, said.append), said


def resources(cloud: Cloud, sid: str) -> list[str]:
    (found,) = [item["Resource"] for item in cloud.bucket_policy["Statement"] if item["Sid"] == sid]
    return list(found)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (["--bucket", "Upper"], "'Upper' is not a bucket's name"),
        (["--bucket", "with.dots"], "'with.dots' is not a bucket's name"),
        (["--region", "Oregon"], "'Oregon' is not an AWS region"),
        (["--share-with", "222222222222"], "'222222222222' is not an account's number (12 digits) and its stack"),
        (["--share-with", "12345678901=impl"], "'12345678901=impl' is not an account's number (12 digits)"),
        (["--share-with", "222222222222=*"], "'222222222222=*' is not an account's number (12 digits)"),
        (["--share-with", "222222222222=impl:"], "222222222222=easi-account/impl for a stack of another project"),
        (["--share", "123456789012"], "unrecognized arguments: --share"),
        (["more"], "unrecognized arguments: more"),
    ],
)
def test_wrong_arguments_are_refused(changed: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        state.main([*ARGUMENTS, *changed])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["--bucket", "--region"])
def test_bucket_and_region_must_be_given(missing: str, capsys: pytest.CaptureFixture[str]) -> None:
    index = ARGUMENTS.index(missing)
    with pytest.raises(SystemExit) as caught:
        state.main(ARGUMENTS[:index] + ARGUMENTS[index + 2 :])
    assert caught.value.code == 2
    assert f"the following arguments are required: {missing}" in capsys.readouterr().err


def test_what_exists_otherwise_ends_with_its_message_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with patch.object(state, "ensure", side_effect=state.StateError("the bucket is in us-east-1")):
        assert state.main(ARGUMENTS) == 1
    assert capsys.readouterr().err == "account.state: the bucket is in us-east-1\n"


def test_without_credentials_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_arguments: object) -> str:
        raise NoCredentialsError

    monkeypatch.setattr(state, "ensure", refuse)
    assert state.main(ARGUMENTS) == 1
    assert "aws sts get-caller-identity" in capsys.readouterr().err


def test_everything_is_made_and_the_next_commands_are_told() -> None:
    cloud = Cloud()
    told, said = ensured(cloud)
    assert said[0] == "made the bucket state-of-easi in us-west-2"
    assert cloud.calls_that_change() == [
        "create_bucket",
        "create_key",
        "create_alias",
        "enable_key_rotation",
        "put_bucket_encryption",
        "put_bucket_versioning",
        "put_public_access_block",
        "put_bucket_ownership_controls",
        "put_bucket_lifecycle_configuration",
        "put_bucket_policy",
    ]
    assert "pulumi login 's3://state-of-easi?region=us-west-2&awssdk=v2'" in told
    secrets = "'awskms:///arn:aws:kms:us-west-2:111111111111:alias/state-of-easi?region=us-west-2&awssdk=v2'"
    assert f"pulumi stack init STACK --secrets-provider {secrets}" in told
    assert f"stateKeyArn  {cloud.key_arn}" in told


def test_a_bucket_of_the_region_without_a_name_is_made_and_found_again() -> None:
    cloud = Cloud()
    cloud.region_name = "us-east-1"
    assert ensured(cloud)[1][0] == "made the bucket state-of-easi in us-east-1"
    assert cloud.location is None
    ensured(cloud)


def test_a_second_run_makes_nothing_and_leaves_policies_alone() -> None:
    cloud = Cloud()
    ensured(cloud, (IMPL,))
    cloud.calls.clear()
    ensured(cloud, (IMPL,))
    assert cloud.calls_that_change() == [
        "put_bucket_encryption",
        "put_bucket_versioning",
        "put_public_access_block",
        "put_bucket_ownership_controls",
    ]


def test_an_account_that_is_not_named_again_stays() -> None:
    cloud = Cloud()
    ensured(cloud, (IMPL,))
    ensured(cloud, (PROD, OWN))
    for policy in (cloud.key_policy, cloud.bucket_policy):
        (others,) = [item for item in policy["Statement"] if item["Sid"].startswith("OtherAccounts")]
        assert others["Principal"] == {"AWS": [OTHER, THIRD]}
    sids = [item["Sid"] for item in cloud.bucket_policy["Statement"]]
    assert sids[2:] == ["Read222222222222", "Write222222222222", "Read333333333333", "Write333333333333"]


def test_an_account_reaches_the_state_of_its_stacks_alone_and_reads_the_one_before() -> None:
    cloud = Cloud()
    ensured(cloud, (IMPL,))
    own = [
        f"{STATE}/backups/easi/impl/*",
        f"{STATE}/history/easi/impl/*",
        f"{STATE}/locks/organization/easi/impl/*",
        f"{STATE}/stacks/easi/impl.*",
    ]
    assert resources(cloud, "Write222222222222") == own
    assert resources(cloud, "Read222222222222") == sorted([*own, f"{STATE}/meta.yaml", f"{STATE}/stacks/easi/dev.*"])
    principals = [item["Principal"] for item in cloud.bucket_policy["Statement"] if item["Sid"].endswith("222")]
    assert principals == [{"AWS": [OTHER]}] * 2


def test_another_stack_of_an_account_is_added() -> None:
    cloud = Cloud()
    ensured(cloud, (IMPL,))
    ensured(cloud, (state_policies.Shared("222222222222", "easi-account", "impl"),))
    written = [arn for arn in resources(cloud, "Write222222222222") if "/stacks/" in arn]
    assert written == [f"{STATE}/stacks/easi-account/impl.*", f"{STATE}/stacks/easi/impl.*"]


def test_what_an_earlier_version_opened_to_every_stack_is_closed_or_asked_about() -> None:
    cloud = Cloud()
    ensured(cloud, (IMPL,))
    every = {
        "Sid": "OtherAccountsState",
        "Effect": "Allow",
        "Principal": {"AWS": [OTHER, THIRD]},
        "Action": ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
        "Resource": f"{STATE}/*",
    }
    cloud.bucket_policy["Statement"].append(every)
    cloud.calls.clear()
    with pytest.raises(state.StateError, match=r"accounts 333333333333 may .*\n.*-with 333333333333=STACK"):
        ensured(cloud, (IMPL,))
    assert cloud.calls_that_change() == []
    ensured(cloud, (IMPL, PROD))
    assert f"{STATE}/*" not in json.dumps(cloud.bucket_policy)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("222222222222=impl", state_policies.Shared("222222222222", "easi", "impl")),
        ("222222222222=impl:dev", IMPL),
        ("333333333333=prod:impl:dev", PROD),
        ("222222222222=easi-account/impl", state_policies.Shared("222222222222", "easi-account", "impl")),
    ],
)
def test_an_account_is_named_with_its_stack(given: str, expected: state_policies.Shared) -> None:
    with patch.object(state, "ensure", return_value="") as ensure:
        assert state.main([*ARGUMENTS, "--share-with", given]) == 0
    assert ensure.call_args.args[2] == [expected]


def test_statements_of_others_stay_in_their_places() -> None:
    theirs = [{"Sid": "Backup", "Effect": "Allow"}, {"Effect": "Deny"}]
    ours = state_policies.of_bucket("arn:aws:s3:::b", "aws", [])
    assert state_policies.merged([*theirs, *ours], ours) == [*theirs, *ours]
    assert state_policies.merged(theirs, ours) == [*theirs, *ours]


def test_rules_of_others_stay() -> None:
    cloud = Cloud()
    ensured(cloud)
    cloud.lifecycle = [{"ID": "theirs"}]
    ensured(cloud)
    assert [rule["ID"] for rule in cloud.lifecycle] == ["theirs", state.LIFECYCLE_RULE]


@pytest.mark.parametrize(
    ("there", "message"),
    [
        ({"owner": "999999999999"}, "the bucket state-of-easi belongs to another account than 111111111111"),
        ({"location": "eu-west-1"}, "the bucket state-of-easi is in eu-west-1, not in us-west-2"),
        ({"versioned": False, "objects": 1}, "has objects and no versioning"),
        ({"encrypted_with": "arn:other"}, "is encrypted with arn:other, not with arn:aws:kms"),
        ({"key_state": "PendingDeletion"}, "is PendingDeletion: the state would not be readable"),
    ],
)
def test_what_cannot_be_used_is_left_as_it_is(there: dict[str, Any], message: str) -> None:
    cloud = Cloud()
    ensured(cloud)
    for name, value in there.items():
        setattr(cloud, name, value)
    cloud.calls.clear()
    with pytest.raises(state.StateError, match=re.escape(message)):
        ensured(cloud)
    assert cloud.calls_that_change() == []


def test_an_interrupted_run_is_completed() -> None:
    cloud = Cloud()
    ensured(cloud)
    cloud.versioned = False
    ensured(cloud)
    assert cloud.versioned


GIVEN = {
    "easi-account:repository": "CMSgov/easi",
    "easi-account:ownerId": "1209384",
    "easi-account:repositoryId": "987654321",
    "easi-account:legacySubject": "false",
    "easi-account:environments": '{"impl": "dev", "dev": ""}',
    "easi-account:makesVpc": "[]",
    "easi-account:stateBucket": "state-of-easi",
    "easi-account:stateKeyArn": "arn:aws:kms:us-west-2:111111111111:key/1",
    "easi-account:providerArn": "",
    "easi-account:hostedZoneIds": "[]",
    "easi-account:maxSession": "7200",
    "easi-account:rolePath": "/",
    "easi-account:permissionsBoundary": "",
    "aws:region": "us-west-2",
}


def test_settings_are_typed() -> None:
    found = settings.load("nonprod", GIVEN)
    assert found.owner_id == 1209384
    assert dict(found.environments) == {"dev": "", "impl": "dev"}
    assert found.legacy_subject is False


@pytest.mark.parametrize(
    ("environments", "before"),
    [
        ({"prod": "impl", "impl": "dev", "dev": ""}, ("impl", "dev")),
        ({"prod": "impl:dev"}, ("impl", "dev")),
        ({"prod": "impl:staging", "staging": "dev"}, ("impl", "staging", "dev")),
        ({"prod": ""}, ()),
        ({"prod": "impl", "impl": "prod"}, ("impl",)),
    ],
)
def test_the_environments_before_are_those_that_are_named_and_those_before_them(
    environments: dict[str, str], before: tuple[str, ...]
) -> None:
    loaded = settings.load("nonprod", {**GIVEN, "easi-account:environments": json.dumps(environments)})
    assert loaded.before("prod") == before


def test_every_setting_is_declared_with_a_default() -> None:
    declared = yaml.safe_load((Path(state.__file__).parent / "Pulumi.yaml").read_text())["config"]
    fields = [key_of(field.name) for field in dataclasses.fields(settings.Settings)]
    assert list(declared) == fields
    assert all({"type", "default", "description"} <= set(item) for item in declared.values())


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("repositry", "x", "easi-account:repositry is no setting: did you mean easi-account:repository?"),
        ("repository", "easi", "easi-account:repository is 'easi': expected owner/name"),
        ("ownerId", "x", "easi-account:ownerId is 'x': expected a whole number"),
        ("ownerId", "0", "gh api repos/OWNER/NAME --jq .owner.id"),
        ("repositoryId", "0", "gh api repos/OWNER/NAME --jq .id"),
        ("legacySubject", "yes", "expected true or false"),
        ("environments", "{}", "expected at least one environment"),
        ("environments", '{"Dev": ""}', "expected the name of a stack"),
        (
            "environments",
            '{"dev": "Up"}',
            "environments.dev is 'Up': expected the stack that it promotes from",
        ),
        ("environments", '{"dev": "dev"}', "expected another environment to promote from"),
        ("makesVpc", '["prod"]', "easi-account:makesVpc is 'prod': expected some of the environments"),
        ("environments", '["dev"]', "expected a map of names to strings"),
        ("stateBucket", "", "expected the bucket that `python -m account.state` made"),
        ("stateKeyArn", "arn:aws:kms:us-west-2:111111111111:alias/x", "not of an alias"),
        ("providerArn", "arn:aws:iam::111111111111:oidc-provider/example.org", "identity provider for GitHub's"),
        ("hostedZoneIds", '["example.org"]', "easi-account:hostedZoneIds[0] is 'example.org': expected the id"),
        ("hostedZoneIds", '"Z1"', "expected a list of strings"),
        ("maxSession", "60", "expected 3600 to 43200"),
        ("rolePath", "ci", "expected a path that begins and ends with /"),
        ("permissionsBoundary", "boundary", "expected the ARN of an IAM policy"),
    ],
)
def test_a_wrong_setting_is_refused(key: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(message)):
        settings.load("nonprod", {**GIVEN, f"easi-account:{key}": value})


def test_all_wrong_settings_are_told_at_once() -> None:
    wrong = {"easi-account:repo": "x", "easi-account:maxSession": "60", "easi-account:ownerId": "x"}
    with pytest.raises(SettingsError) as caught:
        settings.load("nonprod", {**GIVEN, **wrong})
    lines = str(caught.value).splitlines()
    assert lines[0] == "the settings of stack nonprod (account/Pulumi.nonprod.yaml) cannot be used:"
    assert len(lines) == 4


def test_the_older_subject_needs_no_numbers() -> None:
    older = {"easi-account:legacySubject": "true", "easi-account:ownerId": "0", "easi-account:repositoryId": "0"}
    assert settings.load("nonprod", {**GIVEN, **older}).legacy_subject


def test_a_policy_is_a_document() -> None:
    statement = {"Sid": "A"}
    assert json.loads(state_policies.document([statement])) == {"Version": "2012-10-17", "Statement": [statement]}
    assert state_policies.read(state_policies.document([statement])) == [statement]
    assert state_policies.read('{"Statement": {"Sid": "A"}}') == [statement]

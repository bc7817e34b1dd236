"""How the local AWS plugin names what the program did not name, and what a name of the program's own means."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2

from local.aws.kind import Name
from local.aws.provider import DEFAULTS, AwsProvider
from local.plugin.servicer import Servicer
from local.plugin.wire import read_struct, write_struct

BUCKET = "aws:s3/bucket:Bucket"
GROUP = "aws:lb/targetGroup:TargetGroup"
SEED = b"seed"

Mode = provider_pb2.CheckRequest.AutonamingOptions
ENFORCE, PROPOSE, DISABLE = Mode.ENFORCE, Mode.PROPOSE, Mode.DISABLE


def check(new: dict[str, Any], old: dict[str, Any] | None = None, seed: bytes = SEED) -> dict[str, Any]:
    return AwsProvider().check(GROUP, "app", old or {}, new, seed=seed).inputs


def asked(token: str, name: str, mode: Any, new: dict[str, Any], old: dict[str, Any] | None = None) -> Any:
    """The answer to the engine with a project that sets `pulumi:autonaming`."""
    request = provider_pb2.CheckRequest(
        urn=f"urn:pulumi:prod::easi::{token}::App",
        olds=write_struct(old or {}),
        news=write_struct(new),
        randomSeed=SEED,
        autonaming=Mode(proposed_name=name, mode=mode),
    )
    answer = Servicer(AwsProvider()).Check(request, None)
    return read_struct(answer.inputs), [failure.reason for failure in answer.failures]


def test_a_resource_is_named_after_itself_and_keeps_its_name() -> None:
    first = check({"port": 80})
    assert first["name"].startswith("app-")
    assert len(first["name"]) == len("app-") + 7
    assert check({"port": 81}, old=first, seed=b"another seed")["name"] == first["name"]


def test_a_replacement_gets_another_name() -> None:
    # The engine checks again for it, without what was before.
    assert check({"port": 80}, seed=b"another seed")["name"] != check({"port": 80})["name"]


def test_a_name_that_the_program_gave_before_is_not_kept() -> None:
    assert check({"port": 80}, old={"name": "given", "port": 80})["name"] != "given"


def test_a_prefix_is_left_to_aws() -> None:
    assert check({"namePrefix": "app"}) == {"namePrefix": "app"}


def test_a_name_too_long_says_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"has 45 characters, 32 are allowed: shorten the .* 'x+', or set"):
        Name(limit=32).make("x" * 37, SEED)


def test_bucket_names_are_lower_case() -> None:
    assert Name("bucket", 63, lower=True).make("Site", SEED).startswith("site-")


def test_the_engine_is_told_that_names_may_be_proposed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    request = provider_pb2.ConfigureRequest(variables={"aws:config:region": "us-west-2"})
    assert Servicer(AwsProvider()).Configure(request, None).supports_autonaming_configuration


def test_the_name_of_the_projects_pattern_is_taken() -> None:
    assert asked(GROUP, "easi-prod-App-1a2b3c4", PROPOSE, {"port": 80}) == (
        {"port": 80, "name": "easi-prod-App-1a2b3c4", DEFAULTS: ["name"]},
        [],
    )


def test_a_proposed_name_has_the_case_that_the_type_needs() -> None:
    assert asked(BUCKET, "easi-prod-App-1a2b3c4", PROPOSE, {})[0]["bucket"] == "easi-prod-app-1a2b3c4"


def test_a_proposed_name_too_long_is_refused_rather_than_cut() -> None:
    name = "easi-prod-" + "x" * 20 + "-1a2b3c4"
    _, reasons = asked(GROUP, name, PROPOSE, {})
    assert reasons == [
        f"name: the made-up name {name!r} has 38 characters, 32 are allowed: shorten the resource's name 'App', or set "
        "'name'"
    ]


def test_where_made_up_names_are_forbidden_the_program_must_give_one() -> None:
    _, reasons = asked(GROUP, "easi-prod-App-1a2b3c4", DISABLE, {"port": 80})
    assert reasons == ["name: required, and missing: `pulumi:autonaming` forbids names that the program does not give"]
    assert asked(GROUP, "", DISABLE, {"name": "mine"}) == ({"name": "mine"}, [])


@pytest.mark.parametrize("mode", [PROPOSE, ENFORCE, DISABLE])
def test_a_resource_that_has_a_made_up_name_keeps_it_whatever_the_pattern_is_now(mode: Any) -> None:
    old = {"name": "App-0000000", "port": 80, DEFAULTS: ["name"]}
    assert asked(GROUP, "" if mode == DISABLE else "easi-prod-App-1a2b3c4", mode, {"port": 81}, old) == (
        {"name": "App-0000000", "port": 81, DEFAULTS: ["name"]},
        [],
    )


def test_a_name_of_the_programs_own_is_never_replaced_by_a_proposed_one() -> None:
    assert asked(GROUP, "easi-prod-App-1a2b3c4", ENFORCE, {"name": "mine"})[0] == {"name": "mine"}


def test_a_replacement_deletes_first_when_the_program_chose_the_name() -> None:
    old, new = {"name": "app", "port": 80}, {"name": "app", "port": 81}
    auto = {DEFAULTS: ["name"]}
    assert AwsProvider().diff(GROUP, old, new).delete_first
    # The official plugin does not look whether the chosen name is another now.
    assert AwsProvider().diff(GROUP, old, {"name": "app-2", "port": 81}).delete_first
    assert AwsProvider().diff(GROUP, old | auto, new).delete_first
    assert not AwsProvider().diff(GROUP, old | auto, new | auto).delete_first
    assert not AwsProvider().diff(GROUP, old, new | auto).delete_first
    assert not AwsProvider().diff(GROUP, {"namePrefix": "a", "port": 80}, {"namePrefix": "a", "port": 81}).delete_first


def test_some_types_can_exist_only_once_and_always_delete_first() -> None:
    token = "aws:ecr/lifecyclePolicy:LifecyclePolicy"
    old = {"repository": "one", "policy": "{}"}
    assert AwsProvider().diff(token, old, old | {"repository": "two"}).delete_first

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import settings
from settings import Settings, SettingsError, key_of, load

ROOT = Path(settings.__file__).parent
DECLARED = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]


def engine(given: dict[str, Any] | None = None) -> dict[str, str]:
    """The configuration as the engine hands it to the program: defaults filled in, everything a string."""
    values = {f"easi:{key}": declared["default"] for key, declared in DECLARED.items()} | (given or {})
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}


def test_every_setting_is_declared_with_type_default_and_description() -> None:
    assert set(DECLARED) == {key_of(field.name) for field in dataclasses.fields(Settings)}
    assert all({"type", "default", "description"} <= set(declared) for declared in DECLARED.values())


@pytest.mark.parametrize("stack", ["dev", "impl", "prod"])
def test_the_stacks_of_this_project_are_valid(stack: str) -> None:
    config = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    loaded = load(stack, engine({key: value for key, value in config.items() if key.startswith("easi:")}))
    assert loaded.promote_from == {"dev": "", "impl": "dev", "prod": "impl"}[stack]


def test_lists_and_maps_are_typed() -> None:
    loaded = load("dev", engine({"easi:backendEnvironment": {"B": "2", "A": "1"}, "easi:minCount": 1}))
    assert list(loaded.backend_environment.items()) == [("A", "1"), ("B", "2")]
    assert loaded.min_count == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"easi:cpuu": 1}, "easi:cpuu is no setting: did you mean easi:cpu?"),
        ({"easi:wholly": 1}, "easi:wholly is no setting of Pulumi.yaml"),
        ({"easi:cpu": "many"}, "easi:cpu is 'many': expected a whole number"),
        ({"easi:protect": "yes"}, "easi:protect is 'yes': expected true or false"),
        ({"easi:readerAccountIds": ["1"]}, "easi:readerAccountIds has '1': expected 12 digits"),
        ({"easi:readerAccountIds": "1"}, "expected a list of strings"),
        ({"easi:backendEnvironment": {"A": 1}}, "expected a map of names to strings"),
        ({"easi:domain": "a.example"}, "easi:domain and easi:certificateArn belong together"),
        ({"easi:vpcId": "vpc-1"}, "easi:vpcId and easi:privateSubnetIds belong together"),
        ({"easi:minCount": 3, "easi:maxCount": 2}, "expected 1 <= minCount <= maxCount"),
        ({"easi:promoteFrom": "dev"}, "easi:promoteFrom is dev, this stack"),
        ({"easi:publicUrl": "https://a/b"}, "without a path"),
        ({"easi:connectTo": "localhost"}, "expected host:port"),
        ({"easi:rolePath": "x"}, "begins and ends with /"),
        ({"easi:healthPasses": 0}, "easi:healthPasses is 0: expected 1 or more"),
        ({"easi:natGateways": 3}, "easi:natGateways is 3: expected 1 or 2"),
        ({"easi:cpuArchitecture": "arm"}, "expected X86_64 or ARM64"),
        ({"easi:scaleAtCpuPercent": 101}, "expected 1 to 100"),
        ({"easi:cpu": 300}, "easi:cpu and easi:memory: cpu=300 is no size of Fargate"),
        ({"easi:vpcCidr": "10.0.0.0/28"}, "easi:vpcCidr: 10.0.0.0/28 is too small"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_expected(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load("dev", engine(given))
    assert message in str(raised.value)


def test_all_wrong_settings_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as raised:
        load("dev", engine({"easi:cpuu": 1, "easi:protect": "yes"}))
    assert "cpuu" in str(raised.value)
    assert "protect" in str(raised.value)


def test_a_secret_pasted_for_its_arn_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as raised:
        load("dev", engine({"easi:backendSecrets": {"PASSWORD": "hunter2"}}))
    assert "easi:backendSecrets.PASSWORD is not an ARN" in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_version_is_a_full_sha(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASI_VERSION", "3f2c1aa")
    with pytest.raises(SettingsError, match="expected a full Git SHA"):
        settings.load_run()
    monkeypatch.setenv("EASI_VERSION", "3" * 40)
    assert settings.load_run().requested_version == "3" * 40

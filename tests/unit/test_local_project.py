"""The generated project: what the overlay changes, what people set and keep, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from local import project
from local.layout import Layout, LocalError
from local.project import Values, keep_changes, stack_config
from settings import fields as settings

VALUES = Values(port=4570, go_image="easi-local/go:1", cpu_architecture="ARM64")


def test_overlay_replaces_removes_and_fills_in() -> None:
    real = {
        "secretsprovider": "awskms://alias/x",
        "config": {"easi:domain": "dev.example.gov", "easi:cpu": 1024, "easi:minCount": 2},
    }
    overlay = {
        "config": {
            "easi:domain": None,
            "easi:connectTo": "127.0.0.1:{port}",
            "easi:publicUrl": "http://{distribution}.localhost:{port}",
            "easi:goImage": "{goImage}",
            "easi:cpuArchitecture": "{cpuArchitecture}",
        },
        "environments": {"prod": {"easi:cpu": 256}, "dev": {"easi:cpu": 128}},
    }
    assert stack_config(real, overlay, "prod", VALUES) == {
        "easi:cpu": 256,
        "easi:minCount": 2,
        "easi:connectTo": "127.0.0.1:4570",
        "easi:publicUrl": "http://{distribution}.localhost:4570",
        "easi:goImage": "easi-local/go:1",
        "easi:cpuArchitecture": "ARM64",
    }
    assert real["config"] == {"easi:domain": "dev.example.gov", "easi:cpu": 1024, "easi:minCount": 2}


@pytest.mark.parametrize(
    "value", [{"secure": "AAAB"}, {"a": "b", "c": {"secure": "AAAB"}}, ["a", {"b": [{"secure": "AAAB"}]}]]
)
def test_a_value_encrypted_for_aws_needs_a_local_one(value: object) -> None:
    real = {"config": {"easi:token": value}}
    with pytest.raises(LocalError, match=r"Pulumi\.impl\.yaml: easi:token is encrypted"):
        stack_config(real, {}, "impl", VALUES)
    assert stack_config(real, {"config": {"easi:token": "plain"}}, "impl", VALUES) == {"easi:token": "plain"}


@pytest.mark.parametrize(
    ("generated", "current", "wanted", "kept"),
    [
        pytest.param({"a": 1}, {"a": "1"}, {"a": 2}, {"a": 2}, id="only rewritten as a string by the engine"),
        pytest.param({"a": True}, {"a": "true"}, {"a": False}, {"a": False}, id="a boolean rewritten by the engine"),
        pytest.param({"a": 1}, {"a": "7"}, {"a": 2}, {"a": "7"}, id="changed by a person"),
        pytest.param({"a": 1}, {"a": 1, "b": "x"}, {"a": 2}, {"a": 2, "b": "x"}, id="added by a person"),
        pytest.param({"a": 1, "b": 2}, {"a": 1}, {"a": 3, "b": 4}, {"a": 3}, id="removed by a person"),
        pytest.param({"a": ["1"]}, {"a": ["1", "2"]}, {"a": []}, {"a": ["1", "2"]}, id="a changed list"),
        pytest.param(None, {"a": "7"}, {"a": 2}, {"a": 2}, id="never generated"),
    ],
)
def test_what_a_person_set_survives_a_new_generation(
    generated: dict[str, object] | None, current: dict[str, object], wanted: dict[str, object], kept: dict[str, object]
) -> None:
    assert keep_changes(wanted, generated, current) == kept


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path)
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "overlay.yaml").write_text('config: {"easi:connectTo": "127.0.0.1:{port}"}\n')
    (tmp_path / "Pulumi.yaml").write_text(
        "name: easi\nruntime: python\nbackend: {url: s3://state}\n"
        "plugins: {providers: [{name: release, path: release/bin}]}\n"
    )
    for name in ("dev", "impl", "prod"):
        (tmp_path / f"Pulumi.{name}.yaml").write_text(
            'encryptedkey: abc\nsecretsprovider: awskms://x\nconfig: {"aws:region": us-west-2, "easi:cpu": 256}\n'
        )
    return layout


def generated(layout: Layout, name: str) -> dict[str, object]:
    found = yaml.safe_load((layout.project / name).read_text())
    assert isinstance(found, dict)
    return found


def test_project_runs_the_program_in_place_in_this_virtual_environment(layout: Layout) -> None:
    project.set_values(layout, 5000, "go:1")
    assert generated(layout, "Pulumi.yaml") == {
        "name": "easi",
        "main": "../..",
        "runtime": {"name": "python", "options": {"virtualenv": str(layout.venv)}},
        "plugins": {"providers": [{"name": "release", "path": str(layout.root / "release/bin")}]},
    }
    first = (layout.project / "Pulumi.dev.yaml").read_text().split("\n", 1)[0]
    assert first == "# Made by `make up` from Pulumi.dev.yaml and local/overlay.yaml: the overlay's value wins."
    dev = generated(layout, "Pulumi.dev.yaml")
    assert dev == {"config": {"aws:region": "us-west-2", "easi:cpu": 256, "easi:connectTo": "127.0.0.1:5000"}}


def test_salt_and_settings_are_kept_when_it_is_generated_again(layout: Layout) -> None:
    project.set_values(layout, 5000, "go:1")
    mine = layout.project / "Pulumi.dev.yaml"
    config = {"aws:region": "us-west-2", "easi:cpu": "512", "easi:connectTo": "127.0.0.1:5000"}
    mine.write_text(yaml.safe_dump({"config": config, "encryptionsalt": "v1:salt"}))
    project.set_values(layout, 5001, "go:1")
    assert generated(layout, "Pulumi.dev.yaml") == {
        "encryptionsalt": "v1:salt",
        "config": {"aws:region": "us-west-2", "easi:cpu": "512", "easi:connectTo": "127.0.0.1:5001"},
    }
    again = layout.root / "Pulumi.dev.yaml"
    again.write_text(again.read_text().replace("256", "1024"))
    project.set_values(layout, 5001, "go:1")
    assert generated(layout, "Pulumi.dev.yaml")["config"] == {
        "aws:region": "us-west-2",
        "easi:cpu": "512",
        "easi:connectTo": "127.0.0.1:5001",
    }, "the person's value was lost in the second generation"


def test_nothing_is_written_when_nothing_changed(layout: Layout) -> None:
    project.set_values(layout, 5000, "go:1")
    mine = layout.project / "Pulumi.dev.yaml"
    mine.write_text("config: {}\n")
    project.set_values(layout, 5000, "go:1")
    assert mine.read_text() == "config: {}\n"


def test_broken_yaml_is_named(layout: Layout) -> None:
    (layout.root / "Pulumi.impl.yaml").write_text("config: [")
    with pytest.raises(LocalError, match=r"Pulumi\.impl\.yaml is not valid YAML"):
        project.set_values(layout, 5000, "go:1")


def test_real_overlay_changes_only_settings_that_exist() -> None:
    root = Path(__file__).parents[2]
    declared = {f"easi:{key}" for key in yaml.safe_load((root / "Pulumi.yaml").read_text())["config"]}
    overlay = yaml.safe_load((root / "local" / "overlay.yaml").read_text())
    changed = {key for part in (overlay["config"], *overlay["environments"].values()) for key in part}
    assert {key for key in changed if key.startswith("easi:")} <= declared


@pytest.mark.parametrize("environment", ["dev", "impl", "prod"])
def test_every_environment_has_settings_that_can_be_used_here(environment: str) -> None:
    root = Path(__file__).parents[2]
    real, overlay, declared = (
        yaml.safe_load((root / name).read_text())
        for name in (f"Pulumi.{environment}.yaml", "local/overlay.yaml", "Pulumi.yaml")
    )
    defaults = {f"easi:{key}": said["default"] for key, said in declared["config"].items() if ":" not in key}
    values = defaults | stack_config(real, overlay, environment, VALUES)
    given = {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
    assert settings.load(environment, given).vpc_cidr

"""The generated project: what the overlay changes, what people set and keep, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from local import project
from local.layout import Layout, LocalError
from local.project import Values, keep_changes, of_project, stack_config
from settings import description
from settings import fields as settings
from settings.description import KEYS
from settings.names import ProjectError

OVERLAY = Path(__file__).parents[2] / "local" / "overlay.yaml"
VALUES = Values(port=4570, cpu_architecture="ARM64")


def test_overlay_replaces_removes_and_fills_in() -> None:
    real = {
        "secretsprovider": "awskms://alias/x",
        "config": {"easi:logKeyArn": "dev.example.gov", "easi:zones": 3, "easi:keepReleases": 2},
    }
    overlay = {
        "config": {
            "easi:logKeyArn": None,
            "easi:vpcId": "127.0.0.1:{port}",
            "easi:rolePath": "http://{distribution}.localhost:{port}",
            "easi:containerInsights": "{cpuArchitecture}",
        },
        "environments": {"prod": {"easi:zones": 2}, "dev": {"easi:zones": 1}},
    }
    assert stack_config(real, overlay, "prod", VALUES, {}) == {
        "easi:zones": 2,
        "easi:keepReleases": 2,
        "easi:vpcId": "127.0.0.1:4570",
        "easi:rolePath": "http://{distribution}.localhost:4570",
        "easi:containerInsights": "ARM64",
    }
    assert real["config"] == {"easi:logKeyArn": "dev.example.gov", "easi:zones": 3, "easi:keepReleases": 2}


def test_description_is_merged_leaf_by_leaf_and_a_star_is_for_every_service() -> None:
    declared = {"services": {"a": {"build": {"context": "a"}}, "gone": {"cpu": 1}}}
    real = {"config": {"easi:services": {"a": {"cpu": 1024, "environment": {"X": "x"}}, "gone": None}}}
    overlay = {
        "config": {
            "easi:services": {
                "*": {"cpu": 256, "cpuArchitecture": "{cpuArchitecture}", "secrets": None},
                "a": {"environment": {"Y": "{port}"}, "cpu": None},
            }
        },
        "environments": {"prod": {"easi:services": {"*": {"minCount": 2}}}},
    }
    assert stack_config(real, overlay, "prod", VALUES, declared) == {
        "easi:services": {
            "a": {
                "cpu": None,
                "environment": {"X": "x", "Y": "4570"},
                "cpuArchitecture": "ARM64",
                "secrets": None,
                "minCount": 2,
            },
            "gone": None,
        }
    }
    assert stack_config(real, overlay, "dev", VALUES, declared)["easi:services"]["a"].get("minCount") is None


def test_the_overlay_suits_a_project_without_a_backend_and_a_site() -> None:
    """Names and builds of the description are the project's own; the overlay's are for all of them."""
    declared = {
        "services": {"api": {"build": {"context": "../api"}, "paths": ["/*"], "health": {"path": "/health"}}},
        "sites": {"pages": {"folder": "../web/dist", "build": "npm run build", "domain": "shop.example.org"}},
    }
    overlay = of_project(yaml.safe_load(OVERLAY.read_text()), "shop:")
    for environment, fewest in (("dev", 1), ("prod", 2)):
        config = stack_config({"config": {}}, overlay, environment, VALUES, declared)
        values = {key: config[f"shop:{key}"] for key in KEYS}
        assert {key: list(value) for key, value in values.items()} == {"services": ["api"], "sites": ["pages"]}
        described, problems = description.read(values, declared)
        assert problems == []
        assert described is not None
        api, pages = described.services["api"], described.sites["pages"]
        assert (api.build.context, dict(api.build.arguments)) == ("../api", {})
        assert (api.cpu_architecture, api.min_count, api.max_count) == ("ARM64", fewest, 2)
        assert (pages.domain, pages.connect_to) == ("", "127.0.0.1:4570")


@pytest.mark.parametrize(
    "value", [{"secure": "AAAB"}, {"a": "b", "c": {"secure": "AAAB"}}, ["a", {"b": [{"secure": "AAAB"}]}]]
)
def test_a_value_encrypted_for_aws_needs_a_local_one(value: object) -> None:
    real = {"config": {"easi:token": value}}
    with pytest.raises(LocalError, match=r"Pulumi\.impl\.yaml: easi:token is encrypted"):
        stack_config(real, {}, "impl", VALUES, {})
    assert stack_config(real, {"config": {"easi:token": "plain"}}, "impl", VALUES, {}) == {"easi:token": "plain"}


@pytest.mark.parametrize(
    ("generated", "current", "wanted", "kept"),
    [
        pytest.param({"a": 1}, {"a": "1"}, {"a": 2}, {"a": 2}, id="only rewritten as a string by the engine"),
        pytest.param({"a": True}, {"a": "true"}, {"a": False}, {"a": False}, id="a boolean rewritten by the engine"),
        pytest.param({"a": 1}, {"a": "7"}, {"a": 2}, {"a": "7"}, id="changed by a person"),
        pytest.param({"a": 1}, {"a": 1, "b": "x"}, {"a": 2}, {"a": 2, "b": "x"}, id="added by a person"),
        pytest.param({"a": 1, "b": 2}, {"a": 1}, {"a": 3, "b": 4}, {"a": 3}, id="removed by a person"),
        pytest.param({"a": ["1"]}, {"a": ["1", "2"]}, {"a": []}, {"a": ["1", "2"]}, id="a changed list"),
        pytest.param(
            {"a": {"b": {"c": 1, "d": 1}}},
            {"a": {"b": {"c": 1, "d": 2, "e": "x"}}},
            {"a": {"b": {"c": 3, "d": 1}, "f": 4}},
            {"a": {"b": {"c": 3, "d": 2, "e": "x"}, "f": 4}},
            id="a leaf changed and one added",
        ),
        pytest.param({"a": {"b": 1, "c": 2}}, {"a": {"c": 2}}, {"a": {"b": 2}}, {"a": {}}, id="a leaf removed"),
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
    (tmp_path / "local" / "overlay.yaml").write_text('config: {"easi:vpcId": "127.0.0.1:{port}"}\n')
    (tmp_path / "Pulumi.yaml").write_text(
        "name: easi\nruntime: python\nbackend: {url: s3://state}\n"
        "plugins: {providers: [{name: release, path: release/bin}]}\n"
    )
    for name in ("dev", "impl", "prod"):
        (tmp_path / f"Pulumi.{name}.yaml").write_text(
            "encryptedkey: abc\nsecretsprovider: awskms://x\n"
            'config: {"aws:region": us-west-2, "easi:keepReleases": 256}\n'
        )
    return layout


def generated(layout: Layout, name: str) -> dict[str, object]:
    found = yaml.safe_load((layout.project / name).read_text())
    assert isinstance(found, dict)
    return found


def test_project_runs_the_program_in_place_in_this_virtual_environment(layout: Layout) -> None:
    project.set_values(layout, 5000)
    assert generated(layout, "Pulumi.yaml") == {
        "name": "easi",
        "main": "../..",
        "runtime": {"name": "python", "options": {"virtualenv": str(layout.venv)}},
        "plugins": {"providers": [{"name": "release", "path": str(layout.root / "release/bin")}]},
    }
    first = (layout.project / "Pulumi.dev.yaml").read_text().split("\n", 1)[0]
    assert first == "# Made by `make up` from Pulumi.dev.yaml and local/overlay.yaml: the overlay's value wins."
    dev = generated(layout, "Pulumi.dev.yaml")
    assert dev == {"config": {"aws:region": "us-west-2", "easi:keepReleases": 256, "easi:vpcId": "127.0.0.1:5000"}}


def test_salt_and_settings_are_kept_when_it_is_generated_again(layout: Layout) -> None:
    project.set_values(layout, 5000)
    mine = layout.project / "Pulumi.dev.yaml"
    config = {"aws:region": "us-west-2", "easi:keepReleases": "512", "easi:vpcId": "127.0.0.1:5000"}
    mine.write_text(yaml.safe_dump({"config": config, "encryptionsalt": "v1:salt"}))
    project.set_values(layout, 5001)
    assert generated(layout, "Pulumi.dev.yaml") == {
        "encryptionsalt": "v1:salt",
        "config": {"aws:region": "us-west-2", "easi:keepReleases": "512", "easi:vpcId": "127.0.0.1:5001"},
    }
    again = layout.root / "Pulumi.dev.yaml"
    again.write_text(again.read_text().replace("256", "1024"))
    project.set_values(layout, 5001)
    assert generated(layout, "Pulumi.dev.yaml")["config"] == {
        "aws:region": "us-west-2",
        "easi:keepReleases": "512",
        "easi:vpcId": "127.0.0.1:5001",
    }, "the person's value was lost in the second generation"


def test_nothing_is_written_when_nothing_changed(layout: Layout) -> None:
    project.set_values(layout, 5000)
    mine = layout.project / "Pulumi.dev.yaml"
    mine.write_text("config: {}\n")
    project.set_values(layout, 5000)
    assert mine.read_text() == "config: {}\n"


def test_a_key_that_stands_twice_is_refused_as_pulumi_does(layout: Layout) -> None:
    settings = layout.root / "Pulumi.dev.yaml"
    settings.write_text("config:\n  easi:keepReleases: 3\n  easi:keepReleases: 4\n")
    with pytest.raises(LocalError, match=r"keepReleases stands twice in one map, first in line 2\n.*line 3"):
        project.set_values(layout, 5000)


def test_a_key_without_a_namespace_is_the_projects(layout: Layout) -> None:
    (layout.root / "local" / "overlay.yaml").write_text("config: {services: {a: {cpu: 256}}}\n")
    settings = layout.root / "Pulumi.dev.yaml"
    settings.write_text("config:\n  services: {a: {cpu: 1024, port: 80}}\n")
    project.set_values(layout, 5000)
    assert generated(layout, "Pulumi.dev.yaml")["config"] == {"easi:services": {"a": {"cpu": 256, "port": 80}}}
    # What somebody adds to the generated file by hand is read alike.
    (layout.project / "Pulumi.dev.yaml").write_text("config: {services: {a: {cpu: 256, port: 81}}}\n")
    project.generate(layout)
    assert generated(layout, "Pulumi.dev.yaml")["config"] == {"easi:services": {"a": {"cpu": 256, "port": 81}}}
    settings.write_text("config:\n  zones: 3\n  easi:zones: 2\n")
    with pytest.raises(ProjectError, match=r"^Pulumi\.dev\.yaml has zones and easi:zones under config"):
        project.generate(layout)


def test_a_setting_that_was_generated_twice_is_mended(layout: Layout) -> None:
    """An earlier program wrote the overlay's beside the one without a namespace."""
    twice = {"services": {"a": {"port": 80}}, "easi:services": {"a": {"cpu": 256}}}
    (layout.root / "local" / "overlay.yaml").write_text("config: {services: {a: {cpu: 256}}}\n")
    (layout.root / "Pulumi.dev.yaml").write_text("config: {services: {a: {port: 80}}}\n")
    project.set_values(layout, 5000)
    (layout.project / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": twice}))
    (layout.project / "generated.json").write_text(json.dumps({"dev": twice, "impl": {}, "prod": {}}))
    project.generate(layout)
    assert generated(layout, "Pulumi.dev.yaml")["config"] == {"easi:services": {"a": {"cpu": 256, "port": 80}}}


def test_broken_yaml_is_named(layout: Layout) -> None:
    (layout.root / "Pulumi.impl.yaml").write_text("config: [")
    with pytest.raises(LocalError, match=r"Pulumi\.impl\.yaml is not valid YAML"):
        project.set_values(layout, 5000)


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
    described = {key: defaults[f"easi:{key}"] for key in KEYS}
    values = defaults | stack_config(real, of_project(overlay, "easi:"), environment, VALUES, described)
    given = {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
    assert settings.load(environment, given).vpc_cidr

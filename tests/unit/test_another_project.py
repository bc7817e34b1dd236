"""A project of another name than the example's: the name in Pulumi.yaml is the only one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from account import settings as account_settings
from account import state_policies
from account.state import _shared
from cli import diff, environment, version
from functions.redaction.shapes import hide
from local import project as local_project
from local.layout import Layout
from release import stack as pulumi_stack
from release.__main__ import main
from settings import fields, names
from settings.names import ProjectError
from settings.reader import SettingsError
from tests.unit.environments import World, released

ROOT: Final = Path(__file__).parents[2]
NAME: Final = "reports"


@pytest.fixture
def world(world: World) -> World:
    (world.folder / "Pulumi.yaml").write_text(f"name: {NAME}\n")
    return world


def renamed(world: World) -> None:
    """The stacks' settings have the project's name before their keys."""
    for stack in world.stacks.values():
        stack["config"] = {key.replace("easi:", f"{NAME}:"): value for key, value in stack["config"].items()}
    world.write()


def configuration(**changes: Any) -> dict[str, str]:
    """The defaults of Pulumi.yaml and `changes`, as the engine hands them over."""
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    values = {key: item["default"] for key, item in declared.items() if ":" not in key} | changes
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
    return {"aws:region": "us-west-2", **{f"{NAME}:{key}": text for key, text in texts.items()}}


def test_what_the_environment_before_has_not_proven_is_refused(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.chain(impl=released(world.first), prod=released(world.first))
    renamed(world)

    assert main(["explain", "-s", "prod"]) == 1
    assert capsys.readouterr().out.startswith(f"no: prod refused {world.third[:12]}: impl has not proven it")


def test_the_region_of_the_provider_is_read_beside_the_projects_own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The evidence asks ECR in it for the scan of an image."""
    config = {"aws:region": {"value": "us-west-2"}, f"{names.project()}:promoteFrom": {"value": "dev"}}
    monkeypatch.setattr(pulumi_stack, "pulumi", lambda *_: json.dumps(config))
    assert environment.settings_of("impl") == {"promoteFrom": "dev", "aws:region": "us-west-2"}


def test_a_setting_by_the_name_of_another_project_is_an_error(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """It would not be read: prod would build and release what nobody has proven."""
    world.add("prod", released(world.first), promotes_from="impl")
    renamed(world)
    world.stacks["prod"]["config"]["easi:promoteFrom"] = world.stacks["prod"]["config"][f"{NAME}:promoteFrom"]
    world.stacks["prod"]["config"][f"{NAME}:promoteFrom"] = {"value": ""}
    world.write()

    assert main(["explain", "-s", "prod"]) == 1
    assert "easi:promoteFrom: the project is called reports in Pulumi.yaml" in capsys.readouterr().err


def test_status_reads_it(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.add("dev", None)
    renamed(world)
    main(["status", "-s", "dev"])
    assert "easi" not in "".join(capsys.readouterr())


def test_settings_are_read_by_that_name_and_messages_have_it(world: World) -> None:
    bigger = configuration(vpcCidr="10.0.0.0/16", services={"backend": {"cpu": 512, "memory": 1024}})
    assert fields.load("dev", bigger).services["backend"].cpu == 512
    wrong = {"cpu": 300, "migration": {"command": ["mysql -phunter2hunter2"]}}
    with pytest.raises(SettingsError) as refused:
        fields.load("dev", configuration(vpcCidr="10.0.0.0/16", services={"backend": wrong}))
    assert "reports:services.backend.cpu is 300" in str(refused.value)
    assert "easi" not in str(refused.value)


def test_settings_by_the_old_name_are_one_problem_and_no_wall(world: World) -> None:
    with pytest.raises(SettingsError) as refused:
        fields.load("dev", {**configuration(), "easi:vpcCidr": "10.0.0.0/16", "easi:promoteFrom": "dev"})
    assert len(str(refused.value).splitlines()) == 2
    assert "easi:promoteFrom, easi:vpcCidr: the project is called reports in Pulumi.yaml" in str(refused.value)
    assert "Expected reports:promoteFrom in the stack's file" in str(refused.value)


@pytest.mark.parametrize(("stack", "good"), [("prod", True), ("training", True), ("integrate", False)])
def test_names_of_resources_have_room_for_the_projects(stack: str, good: bool, world: World) -> None:
    config = configuration(vpcCidr="10.0.0.0/16")
    if good:
        assert fields.load(stack, config)
    else:
        with pytest.raises(SettingsError, match="expected 8 characters at most"):
            fields.load(stack, config)


def test_a_project_whose_name_aws_cannot_take_is_refused(world: World) -> None:
    (world.folder / "Pulumi.yaml").write_text("name: Reports_2\n")
    config = {key.replace(f"{NAME}:", "Reports_2:"): text for key, text in configuration().items()}
    with pytest.raises(SettingsError, match=r"the project is called Reports_2 in Pulumi.yaml: expected 11 characters"):
        fields.load("dev", config)


def prelude(**config: Any) -> Mapping[str, Any]:
    return {"preludeEvent": {"config": {key: json.dumps(value) for key, value in config.items()}}}


@pytest.mark.parametrize(
    "config",
    [
        {f"{NAME}:services": {"worker": {"environment": {"PGHOST": "db.internal"}}}},
        {f"{NAME}:services": {"worker": {"sidecars": [{"environment": {"PGHOST": "db.internal"}}]}}},
    ],
)
def test_values_of_environment_variables_are_hidden(config: dict[str, Any]) -> None:
    """Of a first release there is no state, so that only the settings have them."""
    values = diff.values([prelude(**config)])
    assert hide("cannot reach db.internal from here", values) == "cannot reach [PGHOST] from here"


def test_a_value_of_two_variables_names_both() -> None:
    variables = {"PGUSER": "reports", "PGDATABASE": "reports", "PGHOST": "db.internal"}
    config = {f"{NAME}:services": {"worker": {"environment": variables}}}
    values = diff.values([prelude(**config)])
    assert hide("user reports may not", values) == "user [PGDATABASE or PGUSER] may not"


def test_the_working_tree_is_read_by_that_name(world: World) -> None:
    def services(context: str) -> dict[str, Any]:
        return {"backend": {"build": {"context": context}}}

    declared = {"promoteFrom": {"default": ""}, "services": {"default": services("backend")}, "sites": {"default": {}}}
    (world.folder / "Pulumi.yaml").write_text(json.dumps({"name": NAME, "config": declared}))
    for stack, config in {
        "prod": {f"{NAME}:promoteFrom": "dev", f"{NAME}:services": services("x")},
        "dev": {f"{NAME}:services": services("server")},
    }.items():
        (world.folder / f"Pulumi.{stack}.yaml").write_text(json.dumps({"config": config}))
    assert version.describe_files(world.folder).services["backend"].build.context == "server"


def test_local_tools_have_it(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    (tmp_path / "Pulumi.yaml").write_text(f"name: {NAME}\n")
    overlay = local_project.of_project({"config": {"cpu": 256, "aws:region": "x"}}, names.prefix(layout.root))
    assert overlay["config"] == {"reports:cpu": 256, "aws:region": "x"}


def test_accounts_stacks_are_those_of_the_projects_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "account").mkdir()
    (tmp_path / "Pulumi.yaml").write_text(f"name: {NAME}\n")
    (tmp_path / "account" / "Pulumi.yaml").write_text(f"name: {NAME}-account\n")
    monkeypatch.setattr("account.state._FOLDER", tmp_path / "account")
    monkeypatch.setattr(account_settings, "FOLDER", tmp_path / "account")
    assert _shared("222222222222=impl:dev") == state_policies.Shared("222222222222", NAME, "impl", ("dev",))
    with pytest.raises(SettingsError, match="reports-account:repository is missing"):
        account_settings.load("nonprod", {})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read (No such file or directory): run this in the project's folder"),
        ("", "has no name of a project: expected `name: <project>`"),
        ("name: 1", "has no name of a project"),
        ("name: [", "Pulumi.yaml is not valid YAML: while parsing a flow node"),
        ("- name", "has no name of a project"),
        ("runtime: python", "has no name of a project"),
    ],
)
def test_without_a_name_there_is_one_error(content: str | None, said: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "Pulumi.yaml").write_text(content)
    with pytest.raises(ProjectError) as refused:
        names.project(tmp_path)
    assert said in str(refused.value)

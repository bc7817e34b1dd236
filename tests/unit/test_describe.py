"""`describe`: the description as it is understood, what is not checked, and all faults at once; from files alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli import version
from cli.errors import VerbError
from release.__main__ import main
from settings import description
from settings.description import merged
from tests.json_schema import check

ROOT = Path(__file__).parents[2]
SECRET = "arn:aws:secretsmanager:us-west-2:111111111111:secret:db-a1b2c3"
WORKER = {"build": {"context": "worker", "arguments": {"NODE_ENV": "seventeen"}}}


class Project:
    """A copy of this project's settings, with neither `pulumi` nor AWS."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("Pulumi.yaml", "Pulumi.impl.yaml", "Pulumi.prod.yaml"):
            shutil.copy(ROOT / name, folder)
        for name in ("example/backend", "worker"):
            (folder / name).mkdir(parents=True)
            (folder / name / "Dockerfile").touch()

    def change(self, file: str, changes: dict[str, Any]) -> None:
        path = self.folder / file
        path.write_text(yaml.safe_dump(merged(yaml.safe_load(path.read_text()), changes)))

    def describe(self, **defaults: Any) -> None:
        """Change what Pulumi.yaml says of services and sites."""
        self.change("Pulumi.yaml", {"config": {key: {"default": value} for key, value in defaults.items()}})


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(description, "declared_defaults", lambda: {"services": {}, "sites": {}})
    return Project(tmp_path)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["describe", *arguments, "--json"]) == 0
    printed: dict[str, Any] = json.loads(capsys.readouterr().out)
    check("describe", printed)
    return printed


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["describe", *arguments]) == 1
    out, err = capsys.readouterr()
    assert not out
    return err


def test_without_a_stack_it_is_what_pulumi_yaml_says(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("easi, as Pulumi.yaml describes it\n\nservice backend\n")
    assert "  ECS          runs /backend healthcheck in the container; what fails in the first 10 s" in out
    assert "  paths        /api/*\n" in out
    assert "  leads        /api/* to backend\n" in out
    printed = said(capsys)
    assert (printed["stack"], printed["files"]) == (None, ["Pulumi.yaml"])
    assert printed["services"]["backend"]["settings"]["cpu"] == 256


def test_with_a_stack_its_file_counts_over_pulumi_yaml(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    printed = said(capsys, "-s", "prod")
    assert printed["files"] == ["Pulumi.yaml", "Pulumi.prod.yaml"]
    backend, site = printed["services"]["backend"]["settings"], printed["sites"]["site"]["settings"]
    assert (backend["cpu"], backend["maxCount"], backend["paths"]) == (1024, 10, ["/api/*"])
    assert (site["domain"], site["folder"]) == ("easi.example.gov", "example/frontend/dist")
    assert main(["describe", "-s", "prod"]) == 0
    out = capsys.readouterr().out
    assert "  tasks        2 to 10, at 60 % CPU\n" in out
    assert "  address      easi.example.gov, proven by way of {distribution}\n" in out


def test_variables_and_secrets_are_named_and_never_shown(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    backend = {"environment": {"LEVEL": "seventeen"}, "secrets": {"URL": SECRET}}
    sidecar = {"image": f"a@sha256:{'0' * 64}", "environment": {"PLACE": "seventeen"}, "secrets": {"TOKEN": SECRET}}
    project.describe(services={"backend": backend | {"sidecars": {"agent": sidecar}}, "worker": WORKER})
    assert main(["describe"]) == 0
    text = capsys.readouterr().out
    printed = said(capsys)
    for value in ("seventeen", SECRET):
        assert value not in text
        assert value not in json.dumps(printed)
    assert "  variables    LEVEL\n  secrets      URL\n" in text
    assert "with the build arguments NODE_ENV\n" in text
    settings = printed["services"]["backend"]["settings"]
    assert (settings["environment"], settings["secrets"]) == (["LEVEL"], ["URL"])
    assert settings["sidecars"]["agent"]["secrets"] == ["TOKEN"]
    assert printed["services"]["worker"]["settings"]["build"]["arguments"] == ["NODE_ENV"]


def test_what_is_not_checked_is_said(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.describe(
        services={
            "backend": {
                "health": {"statusCodeOnly": True},
                "deploymentAlarms": True,
                "migration": {"command": ["/migrate"]},
            },
            "worker": {**WORKER, "rehearsal": {"enabled": False}},
        },
        sites={"api": {}, "site": {"build": ""}},
    )
    printed = said(capsys)
    backend, worker = (printed["services"][name]["notChecked"] for name in ("backend", "worker"))
    assert backend == [
        "which version answers: status 200 is enough (health.statusCodeOnly)",
        "a way back for the database: nothing keeps it before a migration (migration.before)",
    ]
    assert worker == [
        "a task of a new version before visitors meet it (rehearsal.enabled)",
        "the inside of the container: ECS runs no health check there (health.command)",
        "an answer: it is a worker, which nothing asks; that it runs is proven by its rollout (paths)",
        "the database: nothing runs before the tasks of a new version (migration.command)",
    ]
    assert printed["sites"]["api"]["notChecked"] == ["files: it has none, and only leads to the services (folder)"]
    assert printed["sites"]["site"]["notChecked"] == ["how the folder is built: something else does it (build)"]
    assert main(["describe"]) == 0
    assert f"  not checked  {worker[0]}\n               {worker[1]}\n" in capsys.readouterr().out


def test_all_faults_are_told_at_once(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.describe(
        services={
            "backend": {"health": {"path": "/health", "startPeriod": 40}, "minCount": 3},
            "worker": {"build": {"context": "nowhere"}},
            "jobs": {"build": {"context": "worker", "dockerfile": "Jobs"}},
        }
    )
    expected = [
        "easi:services.backend.health.path is /health, which is outside of paths (/api/*)",
        "easi:services.backend.health.grace is 0: with it, ECS ends a task that does not answer the load balancer",
        "easi:services.worker.build.context is nowhere: there is no such folder in ",
        "easi:services.jobs.build.dockerfile is Jobs: there is no such file in worker; expected the path",
    ]
    message = refused(capsys)
    assert message.startswith("python -m release describe: the settings in Pulumi.yaml cannot be used:\n")
    for line in [*expected, "easi:services.backend.minCount is 3 and easi:services.backend.maxCount 1"]:
        assert f"\n  {line}" in message
    project.change("Pulumi.prod.yaml", {"config": {"easi:zones": 7, "easi:keepReleses": 2}})
    message = refused(capsys, "-s", "prod")
    begins = "python -m release describe: the settings in Pulumi.yaml and Pulumi.prod.yaml cannot be used:\n"
    assert message.startswith(begins)
    for line in [*expected, "easi:zones is 7", "easi:keepReleses is no setting: did you mean easi:keepReleases?"]:
        assert f"\n  {line}" in message


def test_a_key_without_a_namespace_is_the_projects_as_it_is_to_pulumi(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    file = project.folder / "Pulumi.prod.yaml"
    file.write_text(file.read_text().replace("easi:services:", "services:").replace("easi:sites:", "sites:"))
    declared = project.folder / "Pulumi.yaml"
    declared.write_text(declared.read_text().replace("\n  services:\n", "\n  easi:services:\n"))
    printed = said(capsys, "-s", "prod")
    assert printed["services"]["backend"]["settings"]["cpu"] == 1024
    assert printed["sites"]["site"]["settings"]["domain"] == "easi.example.gov"
    assert said(capsys)["services"]["backend"]["settings"]["paths"] == ["/api/*"]
    project.change("Pulumi.prod.yaml", {"config": {"promoteFrom": ""}})
    both = "Pulumi.prod.yaml has promoteFrom and easi:promoteFrom under config"
    assert both in refused(capsys, "-s", "prod")
    project.change("Pulumi.prod.yaml", {"config": {"easi:promoteFrom": ""}})
    (project.folder / "Pulumi.prod.yaml").write_text("config: { services: { backend: { cpu: 2048 } } }\n")
    assert version.describe_files(project.folder).services["backend"].cpu == 2048


def test_a_declaration_that_is_there_twice_is_refused(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.change("Pulumi.yaml", {"config": {"easi:sites": {"type": "object", "default": {}}}})
    assert "Pulumi.yaml has sites and easi:sites under config" in refused(capsys)
    assert "Pulumi.yaml has sites and easi:sites under config" in refused(capsys, "-s", "prod")


def test_an_environment_before_without_settings_is_told(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    for name, said in (("imlp", "; did you mean impl?\n"), ("develop", ": expected one of impl\n")):
        project.change("Pulumi.prod.yaml", {"config": {"easi:promoteFrom": name}})
        assert f"easi:promoteFrom is {name}, and there is no Pulumi.{name}.yaml{said}" in refused(capsys, "-s", "prod")
    shutil.copy(ROOT / "Pulumi.dev.yaml", project.folder)
    assert "Pulumi.develop.yaml; did you mean dev?\n" in refused(capsys, "-s", "prod")
    project.change("Pulumi.prod.yaml", {"config": {"easi:promoteFrom": "prod"}})
    assert refused(capsys, "-s", "prod").count("promoteFrom") == 1


def test_only_the_misspelled_setting_is_told(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """What follows from it, such as a network that is missing, would send people to look at what is right."""
    file = project.folder / "Pulumi.prod.yaml"
    right = file.read_text()
    for written, instead, said in (
        ("\n  easi:vpcTags:", "\n  easi:vpcTag:", "easi:vpcTag is no setting: did you mean easi:vpcTags?"),
        (
            "\nconfig:",
            "\nconfg:",
            "Pulumi.prod.yaml has confg, which is nothing of a stack's file: did you mean config?",
        ),
        (
            "\n  aws:region:",
            "\n  aws:regoin:",
            "aws:regoin is no setting of the AWS provider: did you mean aws:region?",
        ),
    ):
        assert written in right
        file.write_text(right.replace(written, instead))
        assert refused(capsys, "-s", "prod").split("\n  ", 1)[1] == f"{said}\n"


def test_only_the_path_without_a_slash_is_told(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    for changes, said in (
        (
            {"paths": ["api/*"], "health": {"path": "/api/v1"}},
            "easi:services.backend.paths[0] is 'api/*': expected a path such as /api/*",
        ),
        (
            {"paths": ["/api/*"], "health": {"path": "api/v1"}},
            "easi:services.backend.health.path is 'api/v1': expected a path that begins",
        ),
    ):
        project.change("Pulumi.prod.yaml", {"config": {"easi:services": {"backend": changes}}})
        (line,) = refused(capsys, "-s", "prod").rstrip("\n").split("\n")[1:]
        assert line.strip().startswith(said)


def test_a_path_in_two_services_is_told_once(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    other = {**WORKER, "paths": ["/api/*"], "health": {"path": "/api/health"}}
    project.describe(services={"other": other})
    (line,) = refused(capsys).rstrip("\n").split("\n")[1:]
    assert "expected each path in one service" in line


def test_an_unknown_key_is_told_with_its_path(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.describe(services={"backend": {"helth": 1, "build": {"context": "nowhere"}}})
    message = refused(capsys)
    assert message.count("no such setting, did you mean health?") == 1
    assert "build.context is nowhere" in message


def test_an_encrypted_setting_is_not_read(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.change("Pulumi.prod.yaml", {"config": {"easi:probeSecret": {"secure": "v1:seventeen"}}})
    assert main(["describe", "-s", "prod"]) == 0
    assert "seventeen" not in capsys.readouterr().out
    services = {"backend": {"environment": {"LEVEL": {"secure": "v1:seventeen"}}}}
    project.change("Pulumi.prod.yaml", {"config": {"easi:services": services}})
    message = refused(capsys, "-s", "prod")
    assert "easi:services.backend.environment.LEVEL is a secret of Pulumi" in message
    assert "v1:seventeen" not in message


def test_settings_of_pulumi_esc_need_pulumi(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.change("Pulumi.prod.yaml", {"environment": ["easi/prod"]})
    assert "there is no `pulumi`" in refused(capsys, "-s", "prod")


def test_a_stack_without_a_file_is_wrong_usage(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe", "-s", "pord"]) == 2
    assert "there is no Pulumi.pord.yaml in " in (message := capsys.readouterr().err)
    assert message.endswith(": there are files of impl, prod\n")


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("backend: { 8080: x }", ["easi:services.backend has 8080, which YAML reads as a number"]),
        ("8080: { build: { context: worker } }", ["easi:services has 8080, which YAML reads as a number"]),
        (
            "backend: { sidecars: { 3: { image: x } }, environment: { on: a, B: b } }",
            [
                "easi:services.backend.sidecars has 3, which YAML reads as a number",
                "easi:services.backend.environment has True, which YAML reads as true or false",
            ],
        ),
        ("Back_End: { build: { context: worker } }", ["easi:services has 'Back_End': expected a name"]),
    ],
)
def test_a_key_that_is_no_name_is_told(
    text: str, messages: list[str], project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.describe(services=yaml.safe_load(text))
    message = refused(capsys)
    for line in messages:
        assert f"\n  {line}" in message


@pytest.mark.parametrize("deadline", [None, "abc", True, 5])
def test_a_deadline_of_pulumi_yaml_that_is_none_is_told(
    deadline: Any, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.change("Pulumi.yaml", {"config": {"rolloutDeadline": {"default": deadline}}})
    assert "\n  easi:rolloutDeadline" in refused(capsys)


def test_a_pulumi_yaml_without_the_program_s_settings_is_told(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    (project.folder / "Pulumi.yaml").write_text("name: easi\nruntime: python\n")
    message = refused(capsys)
    for key in ("services", "sites", "rolloutDeadline"):
        assert f"\n  easi:{key} is missing: Pulumi.yaml declares it with a default; is that file complete?" in message


@pytest.mark.parametrize(("config", "message"), [("[a]", "config must be a mapping, not list"), ("{5: a}", "has 5")])
def test_a_stack_file_whose_settings_are_no_names_is_told(
    config: str, message: str, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    (project.folder / "Pulumi.prod.yaml").write_text(f"config: {config}\n")
    assert message in refused(capsys, "-s", "prod")


def test_a_date_of_yaml_is_a_text(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.change("Pulumi.prod.yaml", {"config": {"easi:logRetentionDays": 365}})
    file = project.folder / "Pulumi.prod.yaml"
    file.write_text(f"{file.read_text()}  easi:keepReleases: 2024-01-01\n")
    assert "easi:keepReleases is '2024-01-01': expected a whole number" in refused(capsys, "-s", "prod")


def test_a_migration_with_nothing_before_it_is_not_checked(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.describe(services={"backend": {"migration": {"command": ["/backend", "migrate"]}}})
    lacks = said(capsys)["services"]["backend"]["notChecked"]
    assert "a way back for the database: nothing keeps it before a migration (migration.before)" in lacks
    project.describe(services={"backend": {"migration": {"before": {"command": ["/backend", "snapshot"]}}}})
    assert not any("migration" in lack for lack in said(capsys)["services"]["backend"]["notChecked"])


def test_what_looks_like_a_secret_is_told_without_a_stack_too(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.describe(services={"backend": {"environment": {"DB_PASSWORD": "seventeen"}, "publicVariables": ["OTHER"]}})
    message = refused(capsys)
    assert (
        "\n  easi:services.backend.environment.DB_PASSWORD looks like a secret by its name: the state and the task "
        "definition would have it in clear text\n"
        "      what to do, by stack:  python -m release describe -s <stack>\n"
    ) in message
    assert "seventeen" not in message
    assert "OTHER" not in message, "a stack may have it"
    assert "pulumi config set -s prod" in refused(capsys, "-s", "prod")


@pytest.mark.parametrize("key", ["services", "sites"])
def test_null_for_all_services_is_refused_as_the_engine_does(
    key: str, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = f"easi:{key} is no map: expected names, each with a map of its settings"
    project.change("Pulumi.prod.yaml", {"config": {f"easi:{key}": None, "easi:promoteFrom": ""}})
    assert f"\n  {problem}" in refused(capsys, "-s", "prod")
    # What is built is read in another way.
    with pytest.raises(VerbError, match=problem):
        version.describe_files(project.folder)

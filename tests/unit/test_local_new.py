"""A project of one's own, made from this program, and a newer program in it."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from local import new
from local.layout import Layout, LocalError, here
from settings import description

NAME = "reports"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("team") / "deploy"
    assert new.run(here(), folder, NAME) == 0
    return folder


@pytest.fixture
def program(tmp_path: Path) -> Layout:
    """A small clone of the program, which a test may change."""
    root = tmp_path / "program"
    (root / "release").mkdir(parents=True)
    (root / "release" / "gate.py").write_text("first\n")
    (root / "release" / "old.py").write_text("first\n")
    (root / "release" / "a-link").symlink_to("old.py")
    (root / "Pulumi.yaml").write_text((here().root / "Pulumi.yaml").read_text())
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    subprocess.run(["git", "-C", str(root), "add", "-A"], check=True)
    return Layout(root)


def lines_with(word: str, folder: Path) -> list[str]:
    files = [file for file in folder.glob("*") if file.is_file() and file.name != new.COPIED]
    return [f"{file.name}: {line}" for file in files for line in file.read_text().splitlines() if word in line.lower()]


def test_its_settings_have_its_own_name_and_its_application_is_the_starter_of_the_guide(made: Path) -> None:
    project = yaml.safe_load((made / "Pulumi.yaml").read_text())
    assert project["name"] == NAME
    assert description.declared_defaults(made / "Pulumi.yaml") == {
        "services": {
            "backend": {
                "build": {"context": "../backend"},
                "port": 8080,
                "paths": ["/api/*"],
                "health": {"path": "/api/healthcheck"},
            }
        },
        "sites": {"site": {"folder": "../frontend/dist", "build": "npm run build"}},
    }
    for environment in ("dev", "impl", "prod"):
        config = yaml.safe_load((made / f"Pulumi.{environment}.yaml").read_text())["config"]
        assert {key.partition(":")[0] for key in config} == {"aws", NAME}


def test_it_declares_every_setting_that_this_program_has(made: Path) -> None:
    ours, theirs = (yaml.safe_load((root / "Pulumi.yaml").read_text())["config"] for root in (here().root, made))
    assert ours.keys() == theirs.keys()


def imported(file: Path) -> set[str]:
    """The first names of the modules that a file imports."""
    nodes = [*ast.walk(ast.parse(file.read_text()))]
    names = [name.name for node in nodes if isinstance(node, ast.Import) for name in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    return {name.partition(".")[0] for name in names}


def test_it_has_every_module_of_this_program_that_it_imports(made: Path) -> None:
    names = set.union(*(imported(file) for file in made.rglob("*.py")))
    of_this_program = {
        f"{name}{end}" for name in names for end in ("", ".py") if (here().root / f"{name}{end}").exists()
    }
    assert {"settings", "release"} <= of_this_program
    assert {name for name in of_this_program if not (made / name).exists()} == set()


def test_it_has_the_program_and_neither_example_nor_tests(made: Path) -> None:
    assert (made / "release" / "engine.py").is_file()
    assert (made / "docs" / "settings.md").is_file()
    assert not {"example", "tests", ".ci"} & {path.name for path in made.iterdir()}
    assert os.access(made / "ci" / "test", os.X_OK)


def test_what_is_its_own_does_not_name_the_project_that_it_comes_from(made: Path) -> None:
    own = [line for line in lines_with("easi", made) if line.startswith(("Pulumi.yaml", "Pulumi.dev", "README"))]
    assert [line for line in own if "easi-prod-backend-task" not in line] == []


@pytest.mark.parametrize("name", ["", "Reports", "1st", "a" * 21, "no_underscore", "../up"])
def test_a_name_that_cannot_begin_the_names_in_aws_is_refused_and_nothing_is_written(name: str, tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="expected up to 20"):
        new.run(here(), tmp_path / "deploy", name)
    assert list(tmp_path.iterdir()) == []


def test_without_a_name_it_says_the_command_with_one(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="python -m local new FOLDER --name NAME"):
        new.run(here(), tmp_path / "deploy", None)


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("kept")
    with pytest.raises(LocalError, match="not empty"):
        new.run(here(), tmp_path, NAME)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_outside_of_a_git_clone_it_does_not_guess_what_belongs_to_the_program(tmp_path: Path) -> None:
    (tmp_path / "program").mkdir()
    with pytest.raises(LocalError, match="no git clone"):
        new.run(Layout(tmp_path / "program"), tmp_path / "deploy", NAME)


def test_a_newer_program_keeps_the_application_and_takes_out_what_is_gone(program: Layout, tmp_path: Path) -> None:
    folder = tmp_path / "deploy"
    new.run(program, folder, NAME)
    project = (folder / "Pulumi.yaml").read_text().replace("port: 8080", "port: 9000")
    (folder / "Pulumi.yaml").write_text(project)
    (folder / "Pulumi.dev.yaml").write_text("config: {}\n")
    (program.root / "release" / "gate.py").write_text("second\n")
    (program.root / "release" / "a-link").unlink()
    (program.root / "release" / "a-link").symlink_to("gate.py")
    (program.root / "release" / "old.py").unlink()

    assert new.run(program, folder, None) == 0

    assert (folder / "release" / "gate.py").read_text() == "second\n"
    assert (folder / "release" / "a-link").read_text() == "second\n"
    assert not (folder / "release" / "old.py").exists()
    assert (folder / "Pulumi.yaml").read_text() == project
    assert (folder / "Pulumi.dev.yaml").read_text() == "config: {}\n"


def test_a_newer_program_brings_its_new_settings(program: Layout, tmp_path: Path) -> None:
    folder = tmp_path / "deploy"
    new.run(program, folder, NAME)
    declared = program.root / "Pulumi.yaml"
    declared.write_text(declared.read_text() + '  newSetting:\n    type: string\n    default: ""\n')
    new.run(program, folder, None)
    assert "newSetting" in yaml.safe_load((folder / "Pulumi.yaml").read_text())["config"]


def test_a_newer_program_does_not_overwrite_what_somebody_changed_in_it(program: Layout, tmp_path: Path) -> None:
    folder = tmp_path / "deploy"
    new.run(program, folder, NAME)
    (folder / "release" / "gate.py").write_text("mine\n")
    with pytest.raises(LocalError, match=r"1 file of the program.*release/gate\.py"):
        new.run(program, folder, None)
    assert (folder / "release" / "gate.py").read_text() == "mine\n"


def test_a_project_is_not_given_a_second_name(program: Layout, tmp_path: Path) -> None:
    new.run(program, tmp_path / "deploy", NAME)
    with pytest.raises(LocalError, match="is a project already"):
        new.run(program, tmp_path / "deploy", "other")


def test_workflows_that_were_moved_to_the_top_of_the_repository_are_not_brought_back(
    program: Layout, tmp_path: Path
) -> None:
    workflow = program.root / ".github" / "workflows" / "deploy.yml"
    workflow.parent.mkdir(parents=True)
    workflow.write_text("name: Deploy\n")
    subprocess.run(["git", "-C", str(program.root), "add", "-A"], check=True)
    new.run(program, tmp_path / "deploy", NAME)
    (tmp_path / "deploy" / ".github").rename(tmp_path / ".github")
    new.run(program, tmp_path / "deploy", None)
    assert not (tmp_path / "deploy" / ".github").exists()


@pytest.mark.parametrize("name", ["reports", "two-services"])
def test_the_description_of_an_example_is_that_of_the_project(name: str, program: Layout, tmp_path: Path) -> None:
    example = here().root / "docs" / "examples" / name / "description.yaml"
    new.run(program, tmp_path / "deploy", NAME, example)
    defaults = description.declared_defaults(tmp_path / "deploy" / "Pulumi.yaml")
    assert defaults == yaml.safe_load(example.read_text())
    assert description.read({}, defaults)[1] == []


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("services: [", r"'services: \['"),
        ("services: {}\n", "'services: {}'"),
        ("- 1\n", "'- 1'"),
        ("services:\nsites:\n  a: {}\n", "an entry or more"),
        ("services:\n  a: {}\n", "`services:` and `sites:`"),
        ("services:\n  a: {}\nsites:\n  b: {}\nmore: 1\n", "'more: 1'"),
    ],
)
def test_a_file_that_is_no_description_is_refused_and_nothing_is_written(
    text: str, refusal: str, program: Layout, tmp_path: Path
) -> None:
    file = tmp_path / "description.yaml"
    file.write_text(text)
    with pytest.raises(LocalError, match=refusal):
        new.run(program, tmp_path / "deploy", NAME, file)
    assert not (tmp_path / "deploy").exists()


def test_it_needs_nothing_that_is_not_installed_yet(program: Layout, tmp_path: Path) -> None:
    for path in ("local", "release", "settings"):
        shutil.copytree(here().root / path, program.root / path, dirs_exist_ok=True)
    subprocess.run(["git", "-C", str(program.root), "add", "-A"], check=True)
    command = [sys.executable, "-S", "-m", "local", "new", str(tmp_path / "deploy"), "--name", NAME]
    done = subprocess.run(command, cwd=program.root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "deploy" / "Pulumi.yaml").is_file()


def test_the_next_step_makes_no_repository_inside_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A project in the application's repository would not be part of its commits."""
    new.run(here(), tmp_path / "alone", NAME)
    assert "begin a Git repository there, commit it, then:  make setup" in capsys.readouterr().out
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    new.run(here(), tmp_path / "deploy", NAME)
    out = capsys.readouterr().out
    assert "Git repository" not in out
    assert f"  in {tmp_path / 'deploy'}: commit it, then:  make setup" in out

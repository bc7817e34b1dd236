"""`python -m release build` runs the command of each site where its source is, and holds the result to the version."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from release.__main__ import main
from tests.unit.git_project import git

PAGE = "<!doctype html><p>hello</p>"
BUILD = (
    "mkdir -p dist && echo '<!doctype html><p>hello</p>' >dist/index.html && "
    'echo "{\\"version\\": \\"$RELEASE_VERSION\\"}" >dist/version.json && echo "built in ${PWD##*/}"'
)
NPM = """#!/bin/sh
echo "npm $*"
rm -rf node_modules && mkdir -p node_modules && exit ${NPM_CODE:-0}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a project, beside the folder `web` of its site."""
    folder = tmp_path / "deploy"
    folder.mkdir()
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "package.json").write_text("{}")
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / ".gitignore").write_text("node_modules/\ndist/\nbin/\n")
    (tmp_path / "bin").mkdir()
    npm = tmp_path / "bin" / "npm"
    npm.write_text(NPM)
    npm.chmod(npm.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    monkeypatch.setenv("RELEASE_VERSION", "f" * 40)
    monkeypatch.chdir(folder)
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    describe(folder, pages={"folder": "../web/dist", "build": BUILD})
    return folder


def describe(folder: Path, **sites: Any) -> str:
    """The commit whose settings have these sites and the service `api`."""
    config = {"services": {"default": {"api": {"build": {"context": "../api"}}}}, "sites": {"default": sites}}
    (folder / "Pulumi.yaml").write_text(json.dumps({"name": "shop", "config": config}))
    git(folder, "add", "--all", "..")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", "settings")
    return git(folder, "rev-parse", "HEAD")


def built(folder: Path) -> object:
    return json.loads((folder / "version.json").read_text())["version"]


def test_each_site_is_built_as_the_version_of_the_working_tree(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (project / "docs").mkdir()
    commit = describe(
        project,
        pages={"folder": "../web/dist", "build": BUILD},
        docs={"folder": "docs/out/dist", "build": BUILD.replace("dist", "out/dist")},
        alone={},
    )

    assert main(["build"]) == 0

    assert [built(project / folder) for folder in ("../web/dist", "docs/out/dist")] == [commit, commit]
    said = capfd.readouterr().out.splitlines()
    assert [line for line in said if line.startswith("built in")] == ["built in web", "built in docs"]


def test_what_is_in_no_commit_is_part_of_the_version(project: Path) -> None:
    commit = git(project, "rev-parse", "HEAD")
    (project.parent / "web" / "new.ts").write_text("export {};\n")
    assert main(["build"]) == 0
    assert str(built(project / "../web/dist")).startswith(f"{commit}-dirty-")


def test_one_site_is_built_where_it_is_named(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    describe(project, pages={"folder": "../web/dist", "build": BUILD}, other={"folder": "other", "build": "exit 1"})
    assert main(["build", "--site", "pages"]) == 0
    assert main(["build", "--site", "page"]) == 2
    assert "no site page with a folder is in the settings" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("package", "settings", "expected"),
    [
        pytest.param("web/package.json", {"folder": "../web/a/b"}, "web", id="above by more than one"),
        pytest.param("package.json", {"folder": "../web/b"}, "web", id="the nearest"),
        pytest.param("web/a/package.json", {"folder": "../web/b", "buildFolder": "../web/a"}, "a", id="named"),
        pytest.param(None, {"folder": "../web/a/b/c"}, "a", id="without a package.json, the nearest folder"),
    ],
)
def test_the_command_runs_where_the_source_is(
    project: Path, capfd: pytest.CaptureFixture[str], package: str | None, settings: dict[str, str], expected: str
) -> None:
    (project.parent / "web" / "a").mkdir()
    if package is None:
        (project.parent / "web" / "package.json").unlink()
    else:
        (project.parent / package).write_text("{}")
    out = f'"{project.parent}/{settings["folder"].removeprefix("../")}"'
    describe(project, pages={**settings, "build": BUILD.replace("dist", out)})
    assert main(["build"]) == 0
    assert f"built in {expected}\n" in capfd.readouterr().out


def test_packages_are_installed_once_for_a_lock_file(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    lock = project.parent / "web" / "package-lock.json"
    lock.write_text("{}")
    other = {"folder": "../web/other/dist", "build": BUILD.replace("dist", "other/dist")}
    describe(project, pages={"folder": "../web/dist", "build": BUILD}, other=other)
    for content, installations in (("{}", 1), ("{}", 0), ('{"a": 1}', 1)):
        lock.write_text(content)
        assert main(["build"]) == 0
        assert capfd.readouterr().out.splitlines().count("npm ci --no-audit --no-fund") == installations


def test_an_installation_that_failed_is_tried_again(
    project: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.parent / "web" / "package-lock.json").write_text("{}")
    monkeypatch.setenv("NPM_CODE", "5")
    for _ in range(2):
        assert main(["build"]) == 1
        said = capfd.readouterr()
        assert "npm ci --no-audit --no-fund" in said.out
        assert f"site pages: `npm ci --no-audit --no-fund` failed in {project.parent}/web: it ended with 5" in said.err


def test_a_machine_without_npm_is_told_what_it_is_for(
    project: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = project.parent / "web" / "package-lock.json"
    lock.write_text("{}")
    only_git = project.parent / "bin" / "only"
    only_git.mkdir()
    for directory in os.environ["PATH"].split(os.pathsep):
        if (Path(directory) / "git").is_file():
            (only_git / "git").symlink_to(Path(directory) / "git")
            break
    monkeypatch.setenv("PATH", str(only_git))
    assert main(["build"]) == 1
    assert f"site pages: npm, which {lock} needs, is not installed" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (
            "exit 3",
            "`exit 3` failed in {web}: it ended with 3\n  to run it elsewhere:  sites.pages.buildFolder in the"
            " settings",
        ),
        ("no-such-tool build", "`no-such-tool build` failed in {web}: a command was not found"),
        (
            "true",
            "`true` did not build what can be released: {web}/dist is not a folder\n  expected   {web}/dist, with",
        ),
        (f"mkdir dist && echo '{PAGE}' >dist/index.html", "/web/dist has no version.json"),
        (BUILD.replace("$RELEASE_VERSION", "1" * 40), f"/web/dist was built from {'1' * 40}, and "),
    ],
)
def test_what_is_not_built_is_an_error(
    project: Path, capfd: pytest.CaptureFixture[str], command: str, says: str
) -> None:
    describe(project, pages={"folder": "../web/dist", "build": command})
    assert main(["build"]) == 1
    said = capfd.readouterr().err
    assert said[said.index("python -m") :].startswith("python -m release build: site pages: ")
    assert says.format(web=project.parent / "web") in said
    assert "/../" not in said
    assert "to build it" not in said, "it has just been built"
    assert "Traceback" not in said


def test_a_file_that_is_missing_is_told_alone(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    page = "<!doctype html><script src=/legacy.js></script>"
    describe(project, pages={"folder": "../web/dist", "build": f"{BUILD} && echo '{page}' >dist/index.html"})
    assert main(["build"]) == 1
    said = capfd.readouterr().err
    assert f"pages in {project.parent}/web/dist need files that the site will not have" in said
    assert "expected   " not in said, "the version was there"
    assert f"\n  to change it:  sites.pages in the settings, or the build in {project.parent}/web\n" in said


def test_a_folder_in_one_that_is_not_there_is_told(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    describe(project, pages={"folder": "../wbe/dist", "build": BUILD})
    wrong = f"shop:sites.pages.folder is ../wbe/dist: there is no folder {project.parent}/wbe"
    assert main(["describe"]) == 1
    assert wrong in capfd.readouterr().err
    assert main(["build"]) == 1
    said = capfd.readouterr()
    assert f"site pages: sites.pages.folder is ../wbe/dist: there is no folder {project.parent}/wbe" in said.err
    assert "built in" not in said.out, "nothing was run"
    # A build of the whole application may make it.
    (project.parent / "package.json").write_text("{}")
    describe(project, pages={"folder": "../wbe/dist", "build": BUILD.replace("dist", "wbe/dist")})
    assert main(["build"]) == 0
    # Its failure may come of it.
    describe(project, pages={"folder": "../wbes/dist", "build": "exit 3"})
    assert main(["build"]) == 1
    assert f"\n  there is no folder {project.parent}/wbes: is sites.pages.folder right?\n" in capfd.readouterr().err


def test_a_site_without_a_command_has_to_be_there(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    describe(project, pages={"folder": "../web/dist"})
    assert main(["build"]) == 1
    assert f"site pages: {project.parent}/web/dist is not a folder" in capfd.readouterr().err
    (project.parent / "web" / "dist").mkdir()
    assert main(["build"]) == 0


def test_a_build_folder_has_to_be_there(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    describe(project, pages={"folder": "../web/dist", "build": BUILD, "buildFolder": "../gone"})
    assert main(["build"]) == 1
    assert f"{project.parent}/gone is not a folder" in capfd.readouterr().err


def test_sites_without_files_are_not_built(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    describe(project, alone={})
    assert main(["build"]) == 0
    assert "nothing to build" in capfd.readouterr().out

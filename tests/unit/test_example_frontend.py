"""The example's frontend by its own tests, and what its build must be."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

FRONTEND = Path(__file__).parents[2] / "example" / "frontend"
SHA = "3f2c1aa09d1e4b5c6d7e8f90a1b2c3d4e5f60718"
OTHER = "9b81e0209d1e4b5c6d7e8f90a1b2c3d4e5f60718"


def npx(*arguments: str, version: str | None = None, folder: Path = FRONTEND) -> subprocess.CompletedProcess[str]:
    tool = folder / "node_modules" / ".bin" / arguments[0]
    if not tool.exists():
        pytest.fail("the frontend's dependencies are not installed: run `make setup`, or `npm ci` in example/frontend")
    environment = {name: value for name, value in os.environ.items() if name != "RELEASE_VERSION"}
    if version is not None:
        environment["RELEASE_VERSION"] = version
    return subprocess.run(
        [tool, *arguments[1:]], cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def build(folder: Path, version: str, sources: Path = FRONTEND) -> dict[str, bytes]:
    done = npx("vite", "build", "--outDir", os.fspath(folder), "--emptyOutDir", version=version, folder=sources)
    assert done.returncode == 0, done.stdout + done.stderr
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return build(tmp_path_factory.mktemp("frontend") / "dist", SHA)


@pytest.mark.parametrize("command", [("tsc", "--noEmit"), ("vitest", "run")], ids=" ".join)
def test_frontend_passes(command: tuple[str, ...]) -> None:
    done = npx(*command)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_build_has_the_page_its_version_and_hashed_assets(built: dict[str, bytes]) -> None:
    assets = {path for path in built if re.fullmatch(r"assets/[\w-]+-[\w-]{8}\.(js|css|svg)", path)}
    assert built.keys() - assets == {"index.html", "version.json"}
    assert {path.rpartition(".")[2] for path in assets} == {"js", "css", "svg"}
    assert json.loads(built["version.json"]) == {"version": SHA}
    assert f'<meta name="easi-version" content="{SHA}">' in built["index.html"].decode()


def test_two_builds_of_one_commit_are_identical(built: dict[str, bytes], tmp_path: Path) -> None:
    assert build(tmp_path / "elsewhere", SHA) == built


@pytest.mark.parametrize(("name", "value"), [("NODE_ENV", "development"), ("TZ", "Asia/Tokyo"), ("VITE_COLOR", "red")])
def test_a_machines_environment_is_no_difference(
    built: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert build(tmp_path / "dist", SHA) == built


def test_permissions_times_and_place_of_the_sources_are_no_difference(built: dict[str, bytes], tmp_path: Path) -> None:
    clone = tmp_path / "home" / "clone"
    shutil.copytree(FRONTEND, clone, symlinks=True)
    for path in clone.rglob("*"):
        if path.is_file() and "node_modules" not in path.parts:
            path.chmod(0o600)
            os.utime(path, (1, 1))
    assert build(tmp_path / "dist", SHA, clone) == built


def test_another_commit_changes_only_what_names_it(built: dict[str, bytes], tmp_path: Path) -> None:
    other = build(tmp_path / "dist", OTHER)
    assert other.keys() == built.keys()
    assert {path for path in built if built[path] != other[path]} == {"index.html", "version.json"}


def test_page_needs_nothing_inline_and_nothing_from_other_hosts(built: dict[str, bytes]) -> None:
    page = built["index.html"].decode()
    assert re.findall(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=", page) == []
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(addresses) == 3
    assert [address for address in addresses if not re.match(r"/assets/", address)] == []
    assert (
        re.findall(rb"url\((?!/assets/)|@import", b"".join(built[path] for path in built if path.endswith(".css")))
        == []
    )


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (None, "RELEASE_VERSION is not set"),
        ("", "RELEASE_VERSION is not set"),
        ("3f2c1aa", 'RELEASE_VERSION="3f2c1aa" is not a full Git SHA'),
    ],
)
def test_a_build_without_a_full_version_fails(tmp_path: Path, version: str | None, said: str) -> None:
    done = npx("vite", "build", "--outDir", os.fspath(tmp_path / "dist"), version=version)
    assert done.returncode != 0
    assert said in done.stderr
    assert not (tmp_path / "dist").exists()


def test_dependencies_are_pinned_without_their_addresses() -> None:
    package = json.loads((FRONTEND / "package.json").read_text())
    ranges = {**package["dependencies"], **package["devDependencies"]}
    assert {name: version for name, version in ranges.items() if not re.fullmatch(r"\d+\.\d+\.\d+", version)} == {}
    lock = json.loads((FRONTEND / "package-lock.json").read_text())
    assert [path for path, entry in lock["packages"].items() if "resolved" in entry] == []
    assert [path for path, entry in lock["packages"].items() if path and "integrity" not in entry] == []

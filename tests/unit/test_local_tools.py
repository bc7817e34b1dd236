"""The smaller parts: the virtual environment's stamp, the local shell's variables, the lock, what a build reads."""

from __future__ import annotations

import fcntl
import http
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local import bootstrap, docker_engine, down, environment, fingerprint, preflight, sites, up
from local.docker import go_base
from local.engine import Engine
from local.layout import Layout, LocalError, write_json, write_whole
from local.lock import exclusive
from local.terminal import seconds
from release import tree
from tests.unit.git_project import FILES, SOURCES, git, project

ROOT = Path(__file__).parents[2]


MISLEADING = ("AWS_PROFILE", "AWS_ENDPOINT_URL_S3", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_CONFIG_FILE")


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    layout = Layout(tmp_path / "a clone's folder")
    layout.root.mkdir()
    (layout.root / "Pulumi.dev.yaml").write_text("config: {aws:region: eu-west-1}\n")
    monkeypatch.setattr("local.preflight.find_docker", lambda _: type("A", (), {"host": "unix:///other.sock"})())
    return layout


def test_environment_before_up_says_what_to_do(layout: Layout) -> None:
    with pytest.raises(LocalError, match="make up"):
        environment.variables(layout)


def test_environment_survives_a_shell(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    write_json(layout.local / "values.json", {"port": 4570})
    write_whole(layout.passphrase, "secret")
    for name in MISLEADING:
        monkeypatch.setenv(name, "https://s3.us-west-2.amazonaws.com")
    script = environment.exports(layout) + '\nprintf "%s\\n" "$AWS_ENDPOINT_URL" "$AWS_REGION" "$DOCKER_HOST"'
    script += '\nprintf "%s\\n" "$PULUMI_BACKEND_URL" "${PATH%%:*}"'
    script += "\n" + "\n".join(f'printf "%s\\n" "${{{name}-none}}"' for name in MISLEADING)
    done = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "http://127.0.0.1:4570",
        "eu-west-1",
        "unix:///other.sock",
        f"file://{layout.state}",
        str(layout.bin),
        *["none"] * len(MISLEADING),
    ]
    assert "secret" not in script
    assert environment.process_environment(layout).keys().isdisjoint(MISLEADING)


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with a project of its own in `account`, and an engine that prints what it is started with."""
    monkeypatch.setenv("LOCAL_WARM", "of another engine")
    (tmp_path / "local").mkdir()
    for name in ("pulumi_wrapper.py", "fingerprint.py"):
        shutil.copy(ROOT / "local" / name, tmp_path / "local")
    for name in ("", "account"):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "Pulumi.yaml").write_text("name: project\n")
    (tmp_path / "docs").mkdir()
    (tmp_path / ".local" / "project").mkdir(parents=True)
    for name in fingerprint.PRODUCTS:
        (tmp_path / ".local" / "project" / name).touch()
    fingerprint.remember(tmp_path / ".local", fingerprint.of(tmp_path, tmp_path / ".local"))
    engine = tmp_path / "engine"
    engine.write_text('#!/bin/sh\necho "warm: ${LOCAL_WARM:-no}" >&2\nprintf "%s\\n" "$@"\n')
    engine.chmod(0o755)
    return tmp_path


def pulumi(clone: Path, folder: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(clone / "local" / "pulumi_wrapper.py"), str(clone / "engine"), *arguments]
    return subprocess.run(command, cwd=clone / folder, capture_output=True, text=True, check=True)


@pytest.mark.parametrize(
    ("folder", "changed_to"), [("", ".local/project"), ("docs", ".local/project"), ("account", "")]
)
def test_pulumi_acts_on_the_project_of_the_folder_that_it_is_called_in(
    clone: Path, folder: str, changed_to: str
) -> None:
    options = ["-C", str(clone / changed_to)] if changed_to else []
    assert pulumi(clone, folder, "up", "-s", "dev").stdout.splitlines() == [*options, "up", "-s", "dev"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")
@pytest.mark.parametrize(("verb", "warm"), [("up", r"warm: release-\w{16}"), ("stack", "warm: no")])
def test_what_the_engine_starts_is_prepared_where_it_starts_something(clone: Path, verb: str, warm: str) -> None:
    assert re.fullmatch(warm, pulumi(clone, "", verb).stderr.strip())


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")
def test_what_is_prepared_imports_nothing_from_the_folder_that_pulumi_is_called_in(clone: Path) -> None:
    (clone / "docs" / "http.py").touch()  # as release/http.py and local/docker are
    (clone / "local" / "warm").mkdir()
    (clone / "local" / "warm" / "process.py").write_text(
        "import http, pathlib\n"
        f"pathlib.Path({str(clone)!r}, '.new').write_text(http.__file__)\n"
        f"pathlib.Path({str(clone)!r}, '.new').rename({str(clone / 'imported')!r})\n"
    )
    pulumi(clone, "docs", "up")
    deadline = time.monotonic() + 10
    while not (clone / "imported").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert (clone / "imported").read_text() == http.__file__


def test_programs_are_written_for_our_own_host_and_left_out_for_the_official_one(layout: Layout) -> None:
    own = Engine(path=layout.engine / "1" / "pulumi", origin="built", official_host=False)
    environment.write_programs(layout, own)
    assert [path.name for path in (layout.engine / "1").iterdir()] == ["pulumi-language-python"]
    passphrase = layout.passphrase.read_text()
    official = Engine(path=layout.engine / "2" / "pulumi", origin="official", official_host=True)
    environment.write_programs(layout, official)
    assert not (layout.engine / "2").exists()
    assert shlex.quote(str(official.path)) in (layout.bin / "pulumi").read_text()
    assert layout.passphrase.read_text() == passphrase
    assert layout.passphrase.stat().st_mode & 0o077 == 0


def test_one_command_at_a_time(layout: Layout) -> None:
    refused = pytest.raises(LocalError, match=f"`up` \\(process {os.getpid()}\\) is at work")
    with exclusive(layout, "up"), refused, exclusive(layout, "down"):
        pytest.fail("two commands at once")
    with exclusive(layout, "down"), (layout.local / "lock").open() as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.fixture
def pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Counts installations instead of making them."""
    installed: list[Path] = []

    def install(root: Path) -> int:
        installed.append(root)
        return 0

    monkeypatch.setattr(bootstrap, "_pip", install)
    (tmp_path / bootstrap.LOCK).write_text("a==1\n")
    return installed


def test_packages_are_installed_once_and_again_when_the_lock_changes(tmp_path: Path, pip: list[Path]) -> None:
    for _ in range(2):
        assert bootstrap._install(tmp_path, sys.executable) == 0
    assert len(pip) == 1
    (tmp_path / bootstrap.LOCK).write_text("a==2\n")
    assert bootstrap._install(tmp_path, sys.executable) == 0
    assert len(pip) == 2


def test_a_failed_installation_is_tried_again(tmp_path: Path, pip: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "_pip", lambda _: 1)
    assert bootstrap._install(tmp_path, sys.executable) == 1
    assert not (tmp_path / ".venv" / bootstrap.STAMP).exists()


NPM = """#!/bin/sh
echo "$*" >>"$NPM_LOG"
case "$*" in
  *ci*) [ -z "$NPM_FAILS" ] || exit 1; mkdir -p "$NPM_FOLDER/node_modules" ;;
  *build*) cd "$NPM_FOLDER"; mkdir -p dist; echo "<p>hello</p>" >dist/index.html
    echo "{\\"version\\": \\"$RELEASE_VERSION\\"}" >dist/version.json ;;
esac
"""


DESCRIBED = json.loads(FILES["Pulumi.yaml"])
DESCRIBED["config"]["sites"]["default"]["site"]["build"] = "npm run build"


def web(layout: Layout) -> Path:
    """The folder of the site's source."""
    return layout.root / "example" / "frontend"


@pytest.fixture
def npm(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """A project whose `npm` notes what it is asked for; what it was asked for since the last time."""
    project(layout.root)
    write_whole(layout.root / ".gitignore", FILES[".gitignore"] + ".local/\n.venv\n.log\n")
    write_whole(web(layout) / "package-lock.json", "{}")
    (layout.root / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
    write_whole(layout.root / "Pulumi.yaml", json.dumps(DESCRIBED))
    git(layout.root, "add", "--all")
    git(layout.root, "commit", "--quiet", "-m", "with npm")
    write_whole(layout.project / "Pulumi.yaml", json.dumps(DESCRIBED))
    write_whole(layout.local / "bin" / "npm", NPM, 0o755)
    log = layout.root / ".log"
    for name, value in (("NPM_LOG", log), ("NPM_FOLDER", web(layout)), ("PYTHONPATH", ROOT)):
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("PATH", str(layout.local / "bin"), prepend=":")
    (layout.root / ".venv").symlink_to(ROOT / ".venv")

    def asked() -> list[str]:
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines

    return asked


INSTALL, BUILD = "ci --no-audit --no-fund", "run build"


def make(layout: Layout) -> None:
    subprocess.run(["make", "frontend"], cwd=layout.root, check=True, capture_output=True)


def test_packages_are_installed_when_the_lock_file_is_not_what_is_installed(
    layout: Layout, npm: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    make(layout)
    assert npm() == [INSTALL, BUILD]
    make(layout)
    sites.install(layout, print)
    assert npm() == [BUILD], "make and the local environment install for each other"
    write_whole(web(layout) / "package-lock.json", '{"name": "another"}')
    sites.install(layout, print)
    make(layout)
    assert npm() == [INSTALL, BUILD]
    shutil.rmtree(web(layout) / "node_modules")
    monkeypatch.setenv("NPM_FAILS", "yes")
    for _ in range(2):
        with pytest.raises(subprocess.CalledProcessError):
            make(layout)
        with pytest.raises(LocalError, match=r"npm ci .* failed in .*: it ended with 1"):
            sites.install(layout, print)
    assert npm() == [INSTALL] * 4


def test_the_tools_are_set_up_while_the_description_is_being_written(
    layout: Layout, npm: Callable[[], list[str]]
) -> None:
    write_whole(layout.root / "Pulumi.yaml", FILES["Pulumi.yaml"].replace('"folder"', '"foldr"'))
    said: list[str] = []
    sites.install(layout, said.append)
    assert npm() == []
    assert re.search(r"^the sites' dependencies are not installed: .*foldr", said[0], re.DOTALL)
    write_json(layout.project / "Pulumi.yaml", json.loads((layout.root / "Pulumi.yaml").read_text()))
    with pytest.raises(LocalError, match="foldr"):
        sites.build(layout, print)


def test_the_page_is_built_as_what_the_working_tree_is(layout: Layout, npm: Callable[[], list[str]]) -> None:
    def built() -> str:
        return str(json.loads((web(layout) / "dist" / "version.json").read_text())["version"])

    sites.build(layout, print)
    assert built() == git(layout.root, "rev-parse", "HEAD")
    sites.build(layout, print)
    assert npm() == [INSTALL, BUILD]
    write_whole(web(layout) / ".env.local", "VITE_X=1")
    sites.build(layout, print)
    assert built() == tree.read(layout.root, SOURCES).version != git(layout.root, "rev-parse", "HEAD")
    write_whole(layout.root / "example" / "backend" / "main.go", "package main // changed")
    make(layout)
    assert built() == tree.read(layout.root, SOURCES).version
    damaged = layout.root / ".git" / "index"
    damaged.write_bytes(b"")
    with pytest.raises(LocalError, match="git reset"):
        sites.build(layout, print)
    with pytest.raises(subprocess.CalledProcessError):
        make(layout)


def test_down_removes_what_builds_left_and_nothing_of_a_commit(layout: Layout, npm: Callable[[], list[str]]) -> None:
    make(layout)
    assert npm() == [INSTALL, BUILD]
    built = [web(layout) / "node_modules", web(layout) / "dist"]
    assert sites.products(layout) == built
    git(layout.root, "add", "--force", "example/frontend/dist")
    git(layout.root, "commit", "--quiet", "-m", "with what is built")
    assert sites.products(layout) == built[:1]


def test_builder_image_has_the_toolchain_and_not_its_tests(tmp_path: Path) -> None:
    for name in ("bin/go", "src/fmt/print.go", "src/fmt/testdata/x", "test/a.go", "doc/b", "pkg/tool/compile"):
        write_whole(tmp_path / name, "")
    files = {str(path.relative_to(tmp_path)) for path in go_base.needed(tmp_path) if path.is_file()}
    assert files == {"bin/go", "src/fmt/print.go", "pkg/tool/compile"}


def test_only_images_under_our_own_names_are_ours() -> None:
    attributes = {
        "RepoTags": [
            "localhost:4570/easi-dev:x",
            "localhost:45/easi-dev:x",
            "1" * 12 + ".dkr.ecr.us-west-2.amazonaws.com/e:x",
        ],
        "RepoDigests": ["localhost:4570/easi-dev@sha256:1", "localhost:4566/easi-dev@sha256:1"],
    }
    ours, others = down._split(attributes, 4570)
    assert ours == ["localhost:4570/easi-dev:x", "localhost:4570/easi-dev@sha256:1"]
    assert others == ["localhost:45/easi-dev:x", "localhost:4566/easi-dev@sha256:1"]


def test_down_does_not_end_a_process_that_is_not_ours(layout: Layout) -> None:
    layout.docker.mkdir(parents=True)
    named = f"{preflight.own_docker_socket(layout.root).parent}/exec"
    with subprocess.Popen([sys.executable, "-c", "input()", named], stdin=subprocess.PIPE) as other:
        assert docker_engine.running_pid(layout) is None
        docker_engine.stop(layout, lambda _: None)
        assert other.poll() is None
        other.kill()
    assert not layout.docker.exists()


def test_down_needs_no_packages() -> None:
    program = f"import sys; sys.path.append({str(ROOT)!r}); import local.down"
    subprocess.run([sys.executable, "-IS", "-c", program], check=True)


def test_proof_names_what_the_outputs_prove() -> None:
    outputs: dict[str, Any] = {
        "url": "http://u",
        "questions": {"backend": {"deployFunction": "f", "health": {"url": "http://u", "path": "/h"}}},
        "release": {
            "version": "v",
            "services": {"backend": {"image": "i@sha256:1"}},
            "sites": {"site": "sha256:2"},
            "verifiedAt": "t",
        },
    }
    lines = up.proof("dev", outputs, headline="nothing changed").splitlines()
    assert lines[0] == "dev: nothing changed"
    assert [line.split(None, 1)[0] for line in lines[1:]] == ["version", "image", "static", "proven", "open", "check"]
    assert lines[-1].endswith("curl -s 'http://u/h'")
    assert lines[1] == "  version       v"


def test_proof_names_each_service_and_site() -> None:
    worker, backend = (
        {"deployFunction": "f", "health": health} for health in (None, {"url": "http://u", "path": "/h"})
    )
    outputs: dict[str, Any] = {
        "url": "http://u",
        "sites": {"site": {"url": "http://u"}, "admin": {"url": "http://a"}},
        "questions": {"backend": backend, "reports": {**backend, "health": {"url": "http://u", "path": "/r"}}},
        "release": {
            "version": "v",
            "services": {"backend": {"image": "i@sha256:1"}, "worker": {"image": "w@sha256:3"}},
            "sites": {"site": "sha256:2", "admin": "sha256:4"},
            "verifiedAt": "t",
        },
    }
    outputs["questions"]["worker"] = worker
    assert up.proof("dev", outputs, headline="nothing changed").splitlines() == [
        "dev: nothing changed",
        "  version            v",
        "  image backend      i@sha256:1",
        "  image worker       w@sha256:3",
        "  static files site  sha256:2",
        "  static files admin sha256:4",
        "  proven at          t",
        "  open site          http://u",
        "  open admin         http://a",
        "  check backend      curl -s 'http://u/h'",
        "  check reports      curl -s 'http://u/r'",
    ]


@pytest.mark.parametrize(("duration", "text"), [(0.04, "0.0 s"), (59.94, "59.9 s"), (125, "2 min 5 s")])
def test_durations_read_well(duration: float, text: str) -> None:
    assert seconds(duration) == text

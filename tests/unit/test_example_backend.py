"""The example's backend by its own tests, and what its image must be."""

import os
import subprocess
from pathlib import Path

import pytest

BACKEND = Path(__file__).parents[2] / "example" / "backend"


def go(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, cwd=BACKEND, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.parametrize("command", [("go", "vet", "./..."), ("go", "test", "./...")], ids=" ".join)
def test_backend_passes(command: tuple[str, ...]) -> None:
    done = go(*command)
    assert done.returncode == 0, done.stdout + done.stderr


def test_backend_is_formatted() -> None:
    done = go("gofmt", "-l", ".")
    assert (done.returncode, done.stdout) == (0, ""), f"run gofmt -w on: {done.stdout}{done.stderr}"


def test_version_is_stamped_by_the_linker_and_an_empty_one_refused(tmp_path: Path) -> None:
    sha = "3f2c1aa09d1e4b5c6d7e8f90a1b2c3d4e5f60718"
    said = {}
    for stamp in (sha, ""):
        binary = tmp_path / f"backend-{len(stamp)}"
        built = go("go", "build", "-ldflags", f"-X main.version={stamp}", "-o", os.fspath(binary), ".")
        assert built.returncode == 0, built.stderr
        ran = subprocess.run([binary, "version"], capture_output=True, text=True, timeout=30, check=False)
        said[stamp] = (ran.returncode, ran.stdout.strip() or ran.stderr.split(":")[1].strip())
    assert said == {sha: (0, sha), "": (1, "built without a version")}


def test_image_needs_no_shell_and_does_not_run_as_root() -> None:
    lines = (BACKEND / "Dockerfile").read_text().splitlines()
    commands = [line for line in lines if line.startswith(("RUN", "CMD", "ENTRYPOINT", "HEALTHCHECK"))]
    assert len(commands) >= 2
    assert [line for line in commands if '["/' not in line] == []
    final = lines[max(number for number, line in enumerate(lines) if line.startswith("FROM")) :]
    assert final[0] == "FROM scratch"
    assert "USER 65532:65532" in final


def test_image_is_built_by_programs_of_the_machine_that_builds() -> None:
    lines = (BACKEND / "Dockerfile").read_text().splitlines()
    assert "FROM --platform=${BUILDPLATFORM} ${GO_IMAGE} AS build" in lines
    assert [line for line in lines if line.startswith(('RUN ["/backend"', "ARG BUILDPLATFORM"))] == []

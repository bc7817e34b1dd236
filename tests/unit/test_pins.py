"""Actions, packages, tools and images have one named version each, which is kept up to date."""

from __future__ import annotations

import re
import tomllib

import yaml

from tests.unit.workflow_files import (
    ACTIONS,
    ALL_STEPS,
    CALLING,
    GITHUB,
    JOBS,
    ROOT,
)

LOCKS = ("requirements.lock", "requirements-dev.lock")


def test_every_action_is_pinned_by_its_whole_commit_and_says_its_version() -> None:
    own = (
        r"\./\.github/actions/setup(?:-application|-tests)?|\./\.github/workflows/(?:test|build|evidence|release)\.yml"
    )
    pinned = re.compile(rf"(?:{own}|[\w-]+/[\w-]+@[0-9a-f]{{40}} # v\d+\.\d+\.\d+)")
    lines = [
        (path.name, line.split("uses:", 1)[1].strip())
        for path in [*(GITHUB / "workflows").iterdir(), *(GITHUB / "actions").glob("*/action.yml")]
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.match(r"\s*(?:- )?uses:", line)
    ]
    assert len(lines) == len([step for _, step in ALL_STEPS if "uses" in step]) + len(CALLING)
    assert [line for line in lines if not pinned.fullmatch(line[1])] == []


def test_an_action_has_one_version_everywhere() -> None:
    versions: dict[str, set[str]] = {}
    for _, step in ALL_STEPS:
        action, _, commit = step.get("uses", "").partition("@")
        versions.setdefault(action, set()).add(commit)
    assert {action: commits for action, commits in versions.items() if len(commits) > 1} == {}


def test_the_runners_image_is_a_named_one() -> None:
    assert {job["runs-on"] for job in JOBS.values()} == {"ubuntu-24.04"}


def test_the_actions_of_every_folder_are_kept_up_to_date() -> None:
    updates = yaml.safe_load((GITHUB / "dependabot.yml").read_text())["updates"]
    (actions,) = [update for update in updates if update["package-ecosystem"] == "github-actions"]
    assert actions["directories"] == ["/", *(f"/.github/actions/{name}" for name in ACTIONS)]


def test_ci_installs_what_was_tested() -> None:
    pins = {name: re.findall(r"^([\w.-]+==[^\s\\;]+)", (ROOT / name).read_text(), re.MULTILINE) for name in LOCKS}
    released, tested = (set(pins[name]) for name in LOCKS)
    assert released
    assert released - tested == set()


def _locked(pin: str) -> str:
    """A pin as `pip-compile --strip-extras` writes it."""
    return re.sub(r"\[[^]]*\]", "", pin.lower())


def test_the_locks_have_what_is_asked_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    released, tested = ((ROOT / name).read_text(encoding="utf-8").lower() for name in LOCKS)
    missing = [pin for pin in project["dependencies"] if f"\n{_locked(pin)} " not in released]
    missing += [pin for pin in project["optional-dependencies"]["dev"] if f"\n{_locked(pin)} " not in tested]
    assert missing == [], "write both locks again, as the README says"


def test_pulumi_has_one_version() -> None:
    (cli,) = [step for step in ACTIONS["setup"]["runs"]["steps"] if step.get("uses", "").startswith("pulumi/actions@")]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"pulumi=={cli['with']['pulumi-version']}" in project["dependencies"]
    assert f"github.com/pulumi/pulumi/pkg/v3 v{cli['with']['pulumi-version']}" in (
        ROOT / "local" / "engine" / "go.mod"
    ).read_text(encoding="utf-8")


def test_the_builders_image_is_named_by_its_digest_and_kept_up_to_date() -> None:
    (image,) = re.findall(r"^ARG GO_IMAGE=(\S+)$", (ROOT / "example/backend/Dockerfile").read_text(), re.MULTILINE)
    assert re.fullmatch(r"\S+:\S+@sha256:[0-9a-f]{64}", image)
    updates = yaml.safe_load((GITHUB / "dependabot.yml").read_text())["updates"]
    assert [each["directory"] for each in updates if each["package-ecosystem"] == "docker"] == ["/example/backend"]

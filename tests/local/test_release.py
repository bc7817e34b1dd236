"""Releases that are refused, fail, are undone and gone back from: real engine, real containers, real function."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.local.clone import ENVIRONMENTS, Clone
from tests.local.emulator_world import wait_for

HEALTH = "example/backend/health.go"
KEPT = 10
"""Versions that an environment keeps: `easi:keepReleases`."""


def records(clone: Clone) -> list[Any]:
    return [clone.outputs(environment) for environment in ENVIRONMENTS]


def deployed(clone: Clone, environment: str) -> list[Any]:
    """The stack's resources as the state has them, without when and in which order they were written."""
    # With secrets shown, because each encryption of the same secret differs.
    state = json.loads(clone.shell(f"pulumi stack export -s {environment} --show-secrets").stdout)
    resources = state["deployment"]["resources"]
    return sorted(({**resource, "modified": None} for resource in resources), key=lambda resource: str(resource["urn"]))


def release(clone: Clone, environment: str, variables: str = "") -> tuple[int, str]:
    """`pulumi up` of one environment as CI runs it; the frontend of the commit built for the first one."""
    build = "make frontend >/dev/null 2>&1\n" if environment == "dev" else ""
    return clone.update(environment, build + variables, options="--suppress-outputs=false")


def assert_ends_with_the_story(said: str, last: str) -> None:
    """The outputs are shown as they are, below the messages of which `last` is one, and none as deleted."""
    outputs = said.partition("\nOutputs:\n")[2]
    assert "    url " in outputs, said
    assert not re.search(r"^ +- ", outputs, re.MULTILINE), outputs
    # What each service and site has of its own is in two maps at the end: a line for each value, and one for its name.
    blocks = re.findall(r"^    (?:services|sites) +: \{\n(?: {8}.*\n)*    \}\n", outputs, re.MULTILINE)
    assert [len(block.splitlines()) for block in blocks] == [10, 8], outputs
    for block in blocks:
        outputs = outputs.replace(block, "")
    # One line for each value, and for each version that can be gone back to: of those, versions alone.
    shown = outputs.partition("\nResources:")[0].splitlines()
    previous = [line for line in shown if re.fullmatch(r' +\[\d+\]: "[0-9a-f]{40}"', line)]
    # The record has its services and sites by name: a few lines more than one image and one manifest.
    assert len(shown) - len(previous) < 30, "they fill a screen"
    assert len(previous) <= KEPT
    assert last in said.partition("\nOutputs:\n")[0].partition("Diagnostics:")[2]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_state_has_no_secret_no_token_and_no_code(easi: Clone, environment: str) -> None:
    exported = easi.shell(f"pulumi stack export -s {environment}").stdout
    state = json.loads(exported)
    passphrase = (easi.root / ".local" / "passphrase").read_text().strip()
    assert passphrase not in exported
    registries = [
        resource["inputs"]["registry"]
        for resource in state["deployment"]["resources"]
        if resource["type"] == "docker:index/image:Image"
    ]
    assert [set(registry) for registry in registries] == ([{"server"}] if environment == "dev" else [])
    assert "__provider" not in exported, "code that a refresh would run"


def test_outputs_are_the_evidence(easi: Clone) -> None:
    outputs = easi.outputs("prod")
    assert {"url", "healthcheckUrl", "release", "cluster", "services", "sites"} <= set(outputs)
    assert {"service", "deployFunction"} <= set(outputs["services"]["backend"])
    assert {"url", "bucket", "distributionId"} <= set(outputs["sites"]["site"])
    evidence = outputs["release"]
    assert re.fullmatch(r".+@sha256:[0-9a-f]{64}", evidence["services"]["backend"]["image"])
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", evidence["sites"]["site"])
    assert evidence["previous"] == []
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", evidence["verifiedAt"])


def test_page_is_the_answer_for_its_own_paths_only(easi: Clone) -> None:
    url = easi.outputs("dev")["url"]
    assert easi.get(f"{url}/systems/1")[1] == easi.get(f"{url}/")[1]
    assert easi.get(f"{url}/api/v1/nothing")[0] == 404
    assert easi.get(f"{url}/assets/nothing.js")[0] in {403, 404}


def test_a_refresh_finds_no_drift(easi: Clone) -> None:
    preview = json.loads(easi.run("pulumi preview -s dev --refresh --json --non-interactive"))
    changed = [step["urn"] for step in preview["steps"] if step["op"] not in {"same", "refresh"}]
    assert changed == []


def test_a_version_that_nothing_proved_is_refused_before_anything_changes(easi: Clone) -> None:
    before = records(easi)
    resources = deployed(easi, "impl")
    easi.commit("a commit that dev has not released")
    try:
        code, said = release(easi, "impl")
        preview = easi.shell("pulumi preview -s impl --non-interactive 2>&1")
    finally:
        easi.git("reset", "--hard", easi.first_version)
    assert code != 0
    assert "dev has not proven it" in said
    assert "pulumi up -s dev" in said
    assert "Traceback" not in said
    assert_ends_with_the_story(said, "to prove it there:")
    assert preview.returncode == 0, "a preview warns and does not fail"
    assert "this is a preview: `pulumi up` would stop here" in preview.stdout
    assert records(easi) == before
    assert deployed(easi, "impl") == resources


def test_uncommitted_changes_are_refused_after_dev(easi: Clone) -> None:
    readme = easi.root / "README.md"
    text = readme.read_text()
    try:
        readme.write_text(text + "\n")
        code, said = release(easi, "prod")
    finally:
        readme.write_text(text)
    assert code != 0
    assert "changes that are in no commit" in said


def test_a_misspelled_setting_is_refused_by_name(easi: Clone) -> None:
    try:
        easi.run("pulumi config set --path easi:services.backend.cpuu 512 -s dev")
        preview = easi.shell("pulumi preview -s dev --non-interactive 2>&1")
    finally:
        easi.shell("pulumi config rm --path easi:services.backend.cpuu -s dev")
    assert preview.returncode != 0
    assert "easi:services.backend.cpuu: no such setting, did you mean cpu?" in preview.stdout
    assert "Traceback" not in preview.stdout


@pytest.mark.moves_on
def test_a_release_that_is_not_proven_is_undone_and_the_outputs_say_what_runs(easi: Clone) -> None:
    before = easi.outputs("dev")
    page = easi.get(before["url"] + "/version.json")
    source = easi.root / HEALTH
    text = source.read_text()
    assert '= "pass"' in text
    source.write_text(text.replace('= "pass"', '= "fail"'))
    easi.commit("a backend that says fail")
    easi.shell("pulumi config set --path easi:services.backend.health.deadline 8 -s dev")
    try:
        code, said = release(easi, "dev")
    finally:
        easi.git("reset", "--hard", "HEAD~1")
        easi.shell("pulumi config set --path easi:services.backend.health.deadline 60 -s dev")
    assert code != 0
    assert "status is fail, expected pass" in said
    assert "the backend is back on" in said
    assert_ends_with_the_story(said, "to do     fix the cause, then:  pulumi up -s dev")
    version = before["release"]["version"][:12]
    now = f"Runs now: {version}, as before, backend and site"
    (error,) = re.findall(rf"^    error: (dev: .*{now})$", said, re.MULTILINE)
    assert len(error) < 200, "the story stands above it"
    assert re.search(r"Release release updating .*; (5/9 roll out|6/9 prove): ", said), "at the row of the release"
    assert easi.outputs("dev") == before
    assert easi.health("dev")["version"] == before["release"]["version"]
    assert easi.get(before["url"] + "/version.json") == page


def scale_dev(easi: Clone, count: int) -> None:
    """Give dev's service so many tasks by hand, and wait until its health check says so."""
    outputs = easi.outputs("dev")
    service = outputs["services"]["backend"]["service"]
    easi.aws("ecs").update_service(cluster=outputs["cluster"], service=service, desiredCount=count)
    assert wait_for(lambda: (easi.get(outputs["healthcheckUrl"])[0] == 200) == bool(count))


@pytest.mark.moves_on
def test_a_release_that_does_not_prove_itself_is_refused_with_nothing_changed(easi: Clone) -> None:
    before, other = easi.outputs("dev"), "1" * 40
    page = easi.get(before["url"] + "/version.json")
    source = easi.root / "example" / "backend" / "server.go"
    text = source.read_text()
    assert "NewHealth(version, task" in text
    source.write_text(text.replace("NewHealth(version, task", f'NewHealth("{other}", task'))
    easi.commit("a backend that answers another version")
    try:
        code, said = release(easi, "dev")
    finally:
        easi.git("reset", "--hard", "HEAD~1")
    assert code != 0
    assert re.search(rf"answered with version \W+{other}", said), said
    assert "runs now  what ran before: nothing that serves was changed" in said
    assert "roll out:" not in said
    assert easi.outputs("dev") == before
    assert easi.health("dev")["version"] == before["release"]["version"]
    assert easi.get(before["url"] + "/version.json") == page
    history = easi.shell("python -m release history -s dev -n 1").stdout
    assert "refused" in history


@pytest.mark.moves_on
def test_a_change_goes_through_all_three_and_back(easi: Clone) -> None:
    old = easi.outputs("prod")["release"]
    page = easi.root / "example" / "frontend" / "index.html"
    page.write_text(page.read_text().replace("</title>", " changed</title>"))
    new = easi.commit("another title")
    easi.up("--env", "dev")
    scale_dev(easi, 0)
    before = records(easi)
    code, said = release(easi, "impl")
    explained = easi.shell("python -m release explain -s impl").stdout
    assert code != 0
    why = f"dev has proven {new[:12]}, and the backend is not healthy there now: "
    assert f"impl: {new[:12]} is not released: check failed" in said
    assert why in said
    assert "(or, all the same:  RELEASE_REASON='why' pulumi up -s impl)" in said
    assert f"warning   the release will be refused: {why}" in explained
    assert records(easi) == before

    scale_dev(easi, 1)
    code, said = release(easi, "impl")
    assert code == 0, said[-4000:]
    assert f"impl: dev runs {new[:12]}, and is healthy now" in said
    easi.up()
    for environment in ENVIRONMENTS:
        assert easi.health(environment)["version"] == new
        assert b"changed</title>" in easi.get(easi.outputs(environment)["url"] + "/")[1]
    assert easi.outputs("prod")["release"]["previous"] == [old["version"]]

    code, said = release(easi, "prod", f"RELEASE_VERSION={old['version']}")
    assert code == 0, said[-4000:]
    assert "Built" not in said
    now = easi.outputs("prod")["release"]
    assert (now["version"], now["sites"]) == (old["version"], old["sites"])
    # With a revision of its own: what AWS registers anew has the next number.
    assert now["services"]["backend"]["image"] == old["services"]["backend"]["image"]
    assert easi.health("prod")["version"] == old["version"]
    assert b"changed</title>" not in easi.get(easi.outputs("prod")["url"] + "/")[1]
    easi.lift("prod")


@pytest.mark.moves_on
def test_an_environment_can_be_destroyed_and_made_again(easi: Clone) -> None:
    before = easi.outputs("prod")
    easi.run("pulumi destroy -s prod --yes --skip-preview 2>&1")
    assert easi.get(before["healthcheckUrl"])[0] == 404
    services = "import boto3; print(boto3.client('ecs').describe_clusters(clusters=['easi-prod'])['clusters'])"
    assert "ACTIVE" not in easi.shell(f'python -c "{services}"').stdout.replace("INACTIVE", "")
    easi.up()
    assert easi.health("prod")["version"] == easi.version
    assert easi.outputs("prod")["release"]["previous"] == []

"""`python -m release` on environments that were released: what serves, what was attempted, the way back."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.json_schema import check
from tests.local.clone import ENVIRONMENTS, Clone


def release(clone: Clone, arguments: str, environment: str = "") -> tuple[int, str, str]:
    """Run one verb; its exit code, and what it said on both streams, never with a traceback or colours."""
    done = clone.shell(f"{environment} python -m release {arguments}")
    assert "Traceback" not in done.stderr, done.stderr
    assert "\033" not in done.stdout, "colour without a terminal"
    return done.returncode, done.stdout, done.stderr


def store(clone: Clone, environment: str, key: str, body: str | None) -> None:
    """Write an object of the records bucket, or remove it."""
    bucket = clone.outputs(environment)["recordsBucket"]
    call = f"put_object(Bucket={bucket!r}, Key={key!r}, Body={body!r})"
    if body is None:
        call = f"delete_object(Bucket={bucket!r}, Key={key!r})"
    clone.run(f"python - <<'END'\nimport boto3\nboto3.client('s3').{call}\nEND\n")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_after_a_release_all_sources_agree(easi: Clone, environment: str) -> None:
    code, said, _ = release(easi, f"status -s {environment}")
    assert (code, said.splitlines()[0].split(", ")[0]) == (0, f"{environment} runs {easi.first_version[:12]}"), said
    assert "record, ECS, site and health check agree" in said.splitlines()[0]

    code, said, _ = release(easi, f"status -s {environment} --json")
    check("status", json.loads(said))

    code, said, _ = release(easi, f"history -s {environment} --json")
    check("history", json.loads(said))
    (attempt,) = json.loads(said)["attempts"]
    assert attempt["kind"] == ("release" if environment == "dev" else "promotion")
    assert (code, attempt["version"], attempt["state"]) == (0, easi.first_version, "proven")
    assert all(phase["seconds"] >= 0 for phase in attempt["phases"])
    assert attempt["phases"]

    code, said, _ = release(easi, f"verify -s {environment} --json")
    proof = json.loads(said)
    check("verify", proof)
    (backend,) = proof["checks"]
    assert (code, proof["proven"], backend["service"]) == (0, True, "backend")
    assert (backend["proven"], backend["version"]) == (True, easi.first_version)
    outputs = easi.outputs(environment)
    region, cluster = outputs["release"]["services"]["backend"]["taskDefinition"].split(":")[3], outputs["cluster"]
    tasks = f"import boto3; print(*boto3.client('ecs', '{region}').list_tasks(cluster='{cluster}')['taskArns'])"
    running = {arn.rpartition("/")[2] for arn in easi.shell(f'python -c "{tasks}"').stdout.split()}
    assert set(backend["tasks"]) <= running
    assert backend["tasks"]


def test_explain_is_the_gate_and_names_what_would_change(easi: Clone) -> None:
    code, said, _ = release(easi, f"explain -s prod {easi.first_version[:10]}")
    assert code == 0
    assert said.startswith(f"yes: prod runs {easi.first_version[:12]} already")
    assert "commits   none: this version runs here" in said
    assert re.search(r"static    the same \d+ files", said)

    version = easi.commit("a commit that nothing has released")
    try:
        code, said, _ = release(easi, "explain -s prod --json")
        preview = easi.shell("pulumi preview -s prod --non-interactive 2>&1").stdout
    finally:
        easi.git("reset", "--hard", easi.first_version)
    explained: dict[str, Any] = json.loads(said)
    check("explain", explained)
    assert (code, explained["accepted"], explained["version"]) == (1, False, version)
    assert explained["message"].splitlines()[0] in preview, "not what the program says"
    assert explained["changes"]["commits"]["come"]["count"] == 1
    assert release(easi, "explain -s dev")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "says"),
    [
        ("status -s prd", "", 2, "there is no stack prd: did you mean prod? There are: dev, impl, prod"),
        ("history", "", 2, "which environment? Name it with -s. There are: dev, impl, prod"),
        ("explain -s prod 0123456", "", 2, "'0123456' is no full Git SHA"),
        ("status -s prod", "PULUMI_BACKEND_URL=", 1, "pulumi login"),
        ("status -s prod", "env -u AWS_ACCESS_KEY_ID AWS_EC2_METADATA_DISABLED=true", 1, "Sign in, or set AWS_PROFILE"),
        ("history -s prod", "AWS_ACCESS_KEY_ID=111111111111", 1, "these credentials are of account 111111111111"),
    ],
)
def test_what_is_missing_is_one_message(easi: Clone, arguments: str, environment: str, code: int, says: str) -> None:
    ended, said, complaint = release(easi, arguments, environment)
    assert (ended, said) == (code, "")
    assert says in complaint


def test_what_an_interrupted_release_left_is_told_with_the_way_out(easi: Clone) -> None:
    mark = {"attempt": "gone", "version": "f" * 40, "startedAt": "2026-01-02T03:04:05.678Z"}
    store(easi, "dev", "unsettled.json", json.dumps(mark))
    try:
        code, said, _ = release(easi, "status -s dev")
    finally:
        store(easi, "dev", "unsettled.json", None)
    assert code == 1
    assert said.splitlines()[0] == (
        "dev: the release of ffffffffffff that began 2026-01-02 03:04:05 UTC ended neither proven nor undone: what "
        "serves may be a mixture. To do: python -m release recover -s dev && "
        f"RELEASE_VERSION={easi.first_version} pulumi up -s dev"
    )
    assert release(easi, "status -s dev")[0] == 0


@pytest.mark.moves_on
def test_the_way_back_that_history_prints_is_one(easi: Clone) -> None:
    before = easi.outputs("dev")["release"]["version"]
    page = easi.root / "example" / "frontend" / "index.html"
    page.write_text(page.read_text().replace("</title>", " again</title>"))
    version = easi.commit("yet another title")
    easi.up("--env", "dev")

    code, said, _ = release(easi, f"explain -s impl {version[:8]}")
    assert (code, said.splitlines()[0].split(": ")[:2]) == (0, ["yes", f"impl would release {version[:12]}"])
    assert "yet another title" in said
    assert "~ index.html" in said

    code, said, _ = release(easi, "history -s dev")
    assert code == 0
    assert said.splitlines()[2].split()[3:6] == [version[:12], "release", "proven"], said
    way_back = f"RELEASE_VERSION={before} pulumi up -s dev"
    assert f"to go back to {before[:12]}" in said
    assert f"  {way_back}\n" in said
    easi.run(f"{way_back} --yes --skip-preview 2>&1")
    assert easi.health("dev")["version"] == before
    code, said, _ = release(easi, "status -s dev")
    assert (code, f"held since {version[:12]} was rolled back" in said) == (0, True), said
    easi.lift("dev")
    assert "held" not in release(easi, "status -s dev")[1]

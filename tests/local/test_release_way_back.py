"""What is advised after roll backs, with the real engine: the way back, the story of a failed restart, the warnings."""

from __future__ import annotations

import json

import pytest

from tests.json_schema import check
from tests.local.clone import Clone
from tests.local.test_release_verbs import release

UP = "pulumi up -s dev --yes --skip-preview --non-interactive --suppress-outputs --suppress-progress 2>&1"


def up(clone: Clone, variables: str) -> None:
    done = clone.shell(f"{variables} {UP}")
    assert done.returncode == 0, done.stdout[-3000:]


def last_lines(clone: Clone) -> list[str]:
    """The end of `history`: how to go back."""
    code, said, _ = release(clone, "history -s dev -n 1")
    assert code == 0
    lines = said.splitlines()
    return lines[next(number for number, line in enumerate(lines) if "go back" in line) :]


@pytest.mark.moves_on
def test_no_version_that_was_rolled_back_is_advised(easi: Clone) -> None:
    old = str(easi.outputs("dev")["release"]["version"])
    rolled_back_before = json.loads(release(easi, "history -s dev --json")[1])["rolledBack"]
    page = easi.root / "example" / "frontend" / "index.html"
    page.write_text(page.read_text().replace("</title>", ", once more</title>"))
    bad = easi.commit("a title that nobody wants")
    easi.up("--env", "dev")
    assert last_lines(easi)[:2] == [
        f"to go back to {old[:12]}, proven {proven_at(easi, old)}:",
        f"  RELEASE_VERSION={old} pulumi up -s dev",
    ]

    up(easi, f"RELEASE_VERSION={old} RELEASE_REASON='500s since 02:50'")
    rolled_back = f"{bad}  rolled back {proven_at(easi, old)} to {old[:12]} by "
    advice = last_lines(easi)
    assert not any(f"RELEASE_VERSION={bad}" in line for line in advice)
    # Versions that other tests have rolled back may stand beside it.
    (line,) = [line for line in advice if line.startswith(f"  {rolled_back}")]
    assert line.endswith(": 500s since 02:50")

    # The next release would bring it again, and is refused: whoever looks before it is told.
    warning = f"dev: {bad[:12]} was rolled back "
    preview = easi.shell("pulumi preview -s dev --non-interactive --color never 2>&1").stdout
    assert f"warning: {warning}" in preview
    code, said, _ = release(easi, "explain -s dev")
    assert (code, f"  warning   {warning}" in said) == (1, True), said
    held = f"dev is held since {bad[:12]} was rolled back"
    assert held in said
    assert held in preview
    assert held in easi.shell(f"{UP}").stdout
    assert f"held since {bad[:12]} was rolled back" in release(easi, "status -s dev")[1]
    # A restart that cannot be proven, as nothing answers at the address.
    address = easi.shell("pulumi config get --path -s dev easi:sites.site.connectTo").stdout.strip()
    deadline, config = "easi:services.backend.health.deadline", "pulumi config set --path -s dev"
    change = f"{config} easi:sites.site.connectTo 127.0.0.1:9; {config} {deadline} 5\n"
    again = f"RELEASE_VERSION={old} RELEASE_RESTART='rotated'"
    try:
        said = easi.shell(f"{change}{again} {UP}").stdout
    finally:
        easi.shell(f"{config} easi:sites.site.connectTo {address}; {config} {deadline} 60")
    assert "prove failed" in said
    assert bad not in said, "the version that was rolled back is no advice"
    assert f"RELEASE_VERSION={old} RELEASE_RESTART='why' pulumi up -s dev" in said

    # Forward again: a version that is proven anew counts as good.
    easi.lift("dev")
    rejected = easi.shell(f"RELEASE_VERSION={bad} {UP}").stdout
    assert f"dev refused {bad[:12]}: in dev it was rolled back" in rejected
    up(easi, f"RELEASE_VERSION={bad} RELEASE_REASON='it was the network'")
    assert "held" not in release(easi, "status -s dev")[1]
    assert last_lines(easi)[1] == f"  RELEASE_VERSION={old} pulumi up -s dev"
    assert not any(bad in line for line in last_lines(easi))
    code, said, _ = release(easi, "history -s dev --json")
    data = json.loads(said)
    check("history", data)
    kinds = [(attempt["kind"], attempt["state"]) for attempt in data["attempts"]][:4]
    assert kinds == [("release", "proven"), ("restart", "failed"), ("roll back", "proven"), ("release", "proven")]
    assert (code, data["rolledBack"]) == (0, rolled_back_before)


@pytest.mark.moves_on
def test_a_build_that_fails_is_in_the_history_and_nothing_to_recover_is_not(easi: Clone) -> None:
    with (easi.root / "example" / "backend" / "main.go").open("a") as program:
        program.write("\nfunc {\n")
    broken = easi.commit("no Go")
    try:
        failed = easi.local("up", "--env", "dev")
    finally:
        easi.git("reset", "--hard", f"{broken}~1")
    assert failed.returncode != 0
    assert "syntax error" in failed.stdout, "another failure than that of the build"

    entries = len(json.loads(easi.shell("pulumi stack history -s dev --json").stdout))
    code, said, _ = release(easi, "history -s dev --json")
    data = json.loads(said)
    check("history", data)
    assert code == 0
    assert data["failedBeforeRelease"][0]["commit"] == broken
    assert data["failedBeforeRelease"][0]["startedAt"] > data["attempts"][0]["startedAt"]
    assert release(easi, "recover -s dev")[:2] == (0, "dev: nothing to do: no lease, no lock, no pending operation\n")
    assert len(json.loads(easi.shell("pulumi stack history -s dev --json").stdout)) == entries


def proven_at(clone: Clone, version: str) -> str:
    """When dev proved a version, as verbs write it."""
    data = json.loads(release(clone, "history -s dev -n 1 --json")[1])
    proofs = [data["release"], *data["wayBack"], *data["rolledBack"]]
    at = next(one["verifiedAt"] for one in proofs if one["version"] == version)
    return str(at).replace("T", " ").replace("Z", " UTC")

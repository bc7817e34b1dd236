"""A project of another name than the example's, from nothing to a refused release."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.local.clone import Clone, clone_to

STACK_FILES = ("Pulumi.dev.yaml", "Pulumi.impl.yaml", "Pulumi.prod.yaml")
BACKEND = "reports:services.backend"


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """A clone whose project is called reports, with dev and impl up."""
    clone = clone_to(tmp_path_factory.mktemp("named") / "clone")
    for name in ("Pulumi.yaml", *STACK_FILES):
        file = clone.root / name
        file.write_text(file.read_text().replace("name: easi\n", "name: reports\n").replace("easi:", "reports:"))
    clone.commit("another name")
    try:
        clone.up("--env", "dev")
        clone.up("--env", "impl")
        yield clone
    finally:
        clone.local("down")


def test_resources_and_logs_have_the_projects_name(reports: Clone) -> None:
    assert reports.outputs("impl")["cluster"] == "reports-impl"
    assert reports.health("impl")["version"] == reports.version
    assert "impl " in reports.local("logs", "backend", "--env", "impl").stdout


def test_prod_is_refused_what_impl_has_not_proven(reports: Clone) -> None:
    proven = reports.version
    reports.commit("not released to impl")
    up = reports.local("up", "--env", "prod")
    assert up.returncode == 1, up.stdout[-6000:]
    assert f"prod refused {reports.version[:12]}: impl has not proven it" in up.stdout
    refused = reports.shell(".venv/bin/python -m release explain -s prod")
    assert refused.returncode == 1, refused.stdout + refused.stderr
    assert refused.stdout.startswith(f"no: prod refused {reports.version[:12]}: impl has not proven it")
    assert ".venv/bin/python -m release explain" not in refused.stdout
    agreed = reports.shell(f".venv/bin/python -m release explain -s prod {proven}")
    assert agreed.stdout.startswith("yes: prod would release"), agreed.stdout + agreed.stderr


def test_no_value_of_a_variable_is_shown_by_ci(reports: Clone) -> None:
    reports.run(
        f"pulumi config set -s impl --path {BACKEND}.environment.PGPORT --plaintext 300\n"
        f"pulumi config set -s impl --path {BACKEND}.cpu 300\n"
    )
    try:
        shown = reports.shell(".venv/bin/python -m ci preview -s impl 2>&1").stdout
    finally:
        reports.run(
            f"pulumi config rm -s impl --path {BACKEND}.environment\n"
            f"pulumi config set -s impl --path {BACKEND}.cpu 256\n"
        )
    assert f"{BACKEND}.cpu is" in shown
    assert "300" not in shown
    assert "[PGPORT]" in shown

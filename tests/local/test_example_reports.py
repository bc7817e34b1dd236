"""An application that is not in this repository, released with settings alone: docs/adopt.md, as it is written.

A Python backend with PostgreSQL in a container, a migration and a secret, and a site of many pages.
"""

from __future__ import annotations

import json
import secrets
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml

from local.docker import bases
from local.layout import Layout
from tests.local.clone import Clone, application_in

PARAMETER = "/reports/database"
READY_S = 60
DATABASE = """\
FROM python:3.13-slim
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql
RUN echo "listen_addresses = '*'" | tee -a /etc/postgresql/*/main/postgresql.conf
RUN echo "host all all 0.0.0.0/0 scram-sha-256" | tee -a /etc/postgresql/*/main/pg_hba.conf
CMD service postgresql start \
    && su postgres -c "psql -c \\"CREATE ROLE reports LOGIN PASSWORD '$PASSWORD'\\"" \
    && su postgres -c "createdb --owner reports reports" \
    && exec tail -f /dev/null
"""


@dataclass(frozen=True)
class Team:
    """The application's repository, and the project in it."""

    project: Clone
    application: Path

    def set(self, environment: str, settings: dict[str, Any]) -> None:
        file = self.project.root / f"Pulumi.{environment}.yaml"
        content = yaml.safe_load(file.read_text())
        content["config"] |= settings
        file.write_text(yaml.safe_dump(content))

    def get(self, environment: str, path: str) -> tuple[int, str]:
        status, body = self.project.get(self.project.outputs(environment)["url"] + path)
        return status, body.decode()


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    application = tmp_path_factory.mktemp("team") / "reports"
    team = Team(project=application_in(application, "reports"), application=application)
    try:
        yield team
    finally:
        team.project.local("down")


@pytest.fixture(scope="module")
def database(team: Team) -> Iterator[str]:
    """The address of a database in a container, of which only the application knows."""
    client, password = docker.from_env(), secrets.token_hex(16)
    text = bases.with_all_at_hand(
        Layout(team.project.root), client, DATABASE, arguments={}, target=target(client), say=print
    )
    image = f"database-of-a-test:{secrets.token_hex(4)}"
    client.images.build(fileobj=BytesIO(text.encode()), tag=image, rm=True, forcerm=True)
    container = client.containers.run(image, detach=True, environment={"PASSWORD": password})
    try:
        until = time.monotonic() + READY_S
        while container.exec_run(["su", "postgres", "-c", "psql -l reports"]).exit_code and time.monotonic() < until:
            time.sleep(0.5)
        container.reload()
        address = next(iter(container.attrs["NetworkSettings"]["Networks"].values()))["IPAddress"]
        yield f"postgresql://reports:{password}@{address}/reports"
    finally:
        container.remove(force=True, v=True)
        client.images.remove(image, force=True)
        client.close()


def target(client: docker.DockerClient) -> str:
    version = client.version()
    return f"{version['Os']}/{version['Arch']}"


def keep_secret(team: Team, value: str) -> str:
    """The ARN that `local secret set` prints."""
    file = team.application.parent / "value"
    file.write_text(value)
    said = team.project.local("secret", "set", PARAMETER, "--from-file", str(file))
    assert said.returncode == 0, said.stdout
    assert value not in said.stdout
    return next(word for word in said.stdout.split() if word.startswith("arn:"))


def test_the_application_is_released_with_settings_alone(team: Team, database: str) -> None:
    arn = keep_secret(team, database)
    for environment in ("dev", "impl"):
        team.set(environment, {"reports:services": {"api": {"secrets": {"DATABASE_URL": arn}}}})
    version = team.project.commit("The database's address")

    said = team.project.up("--env", "dev")

    assert database not in said
    status, body = team.get("dev", "/api/healthcheck")
    assert (status, json.loads(body)["status"], json.loads(body)["version"]) == (200, "pass", version)
    changed = team.project.git("status", "--porcelain")
    assert changed == "", "no file of the program was changed, and nothing is left that git would take"


def test_the_migration_ran_and_the_tasks_reach_the_database(team: Team) -> None:
    url = team.project.outputs("dev")["url"]
    request = urllib.request.Request(
        f"http://127.0.0.1:{team.project.port}/api/reports",
        data=json.dumps({"title": "first"}).encode(),
        headers={"Content-Type": "application/json", "Host": url.removeprefix("http://").partition("/")[0]},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 201
    assert json.loads(team.get("dev", "/api/reports")[1]) == ["first"]


def test_the_site_has_many_pages_and_a_page_for_what_it_does_not_have(team: Team) -> None:
    assert "An application of many pages" in team.get("dev", "/about/")[1]
    status, body = team.get("dev", "/no/such/page")
    assert (status, "There is no such page" in body) == (404, True)


def test_it_is_promoted_and_all_that_it_consists_of_agrees(team: Team) -> None:
    team.project.up("--env", "impl")
    dev, impl = (team.project.outputs(environment)["release"] for environment in ("dev", "impl"))
    digests = [release["services"]["api"]["image"].partition("@")[2] for release in (dev, impl)]
    assert digests[0] == digests[1]
    assert dev["sites"] == impl["sites"]
    assert "agree" in team.project.run("python -m release status -s impl")

"""What is wrong with the containers beside a service's own is named with all other settings."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.test_settings import BACKEND, refused

IMAGE = f"agent@sha256:{'0' * 64}"
AGENT = f"{BACKEND}.sidecars.agent"
VALUE = "hunter2-of-the-database"


def of_agent(**changes: Any) -> dict[str, Any]:
    return {f"{BACKEND}.sidecars": {"agent": {"image": IMAGE, **changes}}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"port": 8080}, f"{AGENT}.port is 8080, as is {BACKEND}.port: expected another one"),
        ({"mainWaitsFor": "HEALTHY"}, f"{AGENT}.mainWaitsFor is HEALTHY without healthCommand: "),
        ({"mainWaitsFor": "SUCCESS"}, f"{AGENT}.mainWaitsFor is SUCCESS, and the task ends with this container: "),
        ({"memory": 512}, f"{BACKEND}.memory is 512, and its sidecars reserve 512: expected more"),
        ({"cpu": 300}, f"{BACKEND}.cpu is 256, and its sidecars reserve 300: expected more"),
        ({"memory": 5}, f"{AGENT}.memory is 5: expected 0, or 6 or more"),
        ({"environment": {"A": ""}}, f"{AGENT}.environment has A without a value: "),
        ({"environment": {"A B": "x"}}, f"{AGENT}.environment has 'A B': expected the name of an environment variable"),
        (
            {"environment": {"DB": "x"}, "secrets": {"DB": "arn:aws:ssm:us-west-2:111111111111:parameter/db"}},
            f"DB is in {AGENT}.environment and in {AGENT}.secrets: expected one of them",
        ),
    ],
)
def test_what_ecs_would_refuse_is_named_with_its_path(changes: dict[str, Any], message: str) -> None:
    assert message in refused(of_agent(**changes))


@pytest.mark.parametrize("name", ["an agent", "agent!", "easi-dev", "a" * 256])
def test_a_name_that_no_container_can_have_is_named(name: str) -> None:
    assert f"{BACKEND}.sidecars has {name!r}: expected " in refused({f"{BACKEND}.sidecars": {name: {"image": IMAGE}}})


def test_two_sidecars_on_one_port_are_named() -> None:
    sidecars = {name: {"image": IMAGE, "port": 9000} for name in ("agent", "proxy")}
    message = f"{BACKEND}.sidecars.proxy.port is 9000, as is {AGENT}.port: expected another one"
    assert message in refused({f"{BACKEND}.sidecars": sidecars})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"environment": {"DB_PASSWORD": VALUE}}, f"{AGENT}.environment.DB_PASSWORD looks like a secret by its name"),
        ({"environment": {"DB": f"postgres://easi:{VALUE}@db/easi"}}, f"{AGENT}.environment.DB looks like a secret"),
        ({"command": ["agent", "--password", VALUE]}, f"{AGENT}.command has what looks like a secret"),
        ({"healthCommand": ["ask", f"--password={VALUE}"]}, f"{AGENT}.healthCommand has what looks like a secret"),
    ],
)
def test_what_looks_like_a_secret_is_refused_without_its_value(changes: dict[str, Any], message: str) -> None:
    told = refused(of_agent(**changes))
    assert message in told
    assert VALUE not in told


@pytest.mark.parametrize("key", ["health.command", "migration.before.command"])
def test_every_command_of_a_service_is_looked_at(key: str) -> None:
    given = {f"{BACKEND}.{key}": ["ask", "--password", VALUE], f"{BACKEND}.migration.command": ["migrate"]}
    told = refused(given)
    assert f"{BACKEND}.{key} has what looks like a secret" in told
    assert VALUE not in told

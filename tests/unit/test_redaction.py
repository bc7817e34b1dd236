"""What the deploy function leaves out of what it says, and what it leaves in."""

from __future__ import annotations

import pytest
from errors import AwsError, RefusedError, UnavailableError
from redaction import hide, of_definition

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVP"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("cannot connect with password=hunter2 to db", "cannot connect with password=[hidden] to db"),
        ('{"level":"error","dbPassword":"hunter2","port":5432}', '{"level":"error","dbPassword":[hidden],"port":5432}'),
        ("DB_PASSWORD: hunter2", "DB_PASSWORD: [hidden]"),
        ("migrate --password hunter2 --verbose", "migrate --password [hidden] --verbose"),
        ("api_key='hunter2', retry", "api_key=[hidden], retry"),
        ("postgres://app:hunter2@db.internal:5432/easi", "postgres://app:[hidden]@db.internal:5432/easi"),
        ("Authorization: Bearer hunter2hunter2", "Authorization: Bearer [hidden]"),
        ("sent bearer hunter2hunter2 to it", "sent bearer [hidden] to it"),
        (f"session {TOKEN} expired", "session [hidden] expired"),
        ("key AKIAIOSFODNN7EXAMPLE used", "key [hidden] used"),
        ("with wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY here", "with [hidden] here"),
        ("-----BEGIN RSA PRIVATE KEY----- MIIE", "[hidden]"),
        ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", "[hidden]"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str, kept: str) -> None:
    assert hide(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "image 111122223333.dkr.ecr.us-west-2.amazonaws.com/easi@sha256:" + "3f2c1aa0" * 8,
        "version " + "3f2c1aa0" * 5,
        "task 3a5e1c7d9b2f4e6a8c0d1e2f3a4b5c33 stopped: Essential container in task exited",
        "arn:aws:ecs:us-west-2:111122223333:task-definition/easi-dev:7",
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed",
        "arn:aws:secretsmanager:us-west-2:111122223333:secret:easi-dev-a1b2c3",
        "(service easi-dev) (deployment ecs-svc/5846192370518264913) deployment failed: tasks failed to start.",
        "open /srv/app/Migrations/0007_AddRequests.sql: no such file or directory",
        "github.com/example/backend/internal/Server.go:127 +0x1b4",
        "listening on http://0.0.0.0:8080, pass 3 of 3, tokens 12",
        "basic health checks passed",
    ],
)
def test_what_explains_a_failure_stays(text: str) -> None:
    assert hide(text) == text


def definition(**environment: str) -> dict[str, object]:
    entries = [{"name": name, "value": value} for name, value in environment.items()]
    return {"containerDefinitions": [{"name": "backend", "environment": entries}, {"name": "proxy"}]}


def test_values_of_the_environment_become_their_names() -> None:
    redacted = of_definition(definition(MODE="crash", SALT="grain of salt", DATABASE="postgres://app:pepper@db/easi"))

    assert redacted("starting crash") == "starting [MODE]"
    assert redacted("with a grain of saltiness") == "with a [SALT]iness"
    assert redacted("dial postgres://app:pepper@db/easi: pepper refused") == "dial [DATABASE]: [DATABASE] refused"


def test_names_of_variables_may_have_dots() -> None:
    redacted = of_definition(definition(**{"spring.datasource.password": "grain of salt", "log-level": "verbose"}))
    assert redacted("no user 'grain of salt' at verbose") == "no user '[spring.datasource.password]' at [log-level]"


def test_longer_value_goes_first() -> None:
    redacted = of_definition(definition(SHORT="longvalue", LONG="longvalue indeed"))

    assert redacted("longvalue indeed, longvalue") == "[LONG], [SHORT]"


def test_short_values_are_words_only_and_the_shortest_stay() -> None:
    redacted = of_definition(definition(STAGE="dev", WORKERS="4", DEBUG=""))

    assert (
        redacted("stage=dev in /dev/null of easi-dev: 4 developers.")
        == "stage=[STAGE] in /dev/null of easi-dev: 4 developers."
    )


def test_errors_hide_secrets() -> None:
    for kind in (RefusedError, UnavailableError, AwsError):
        assert "hunter2" not in str(kind("it said password=hunter2"))

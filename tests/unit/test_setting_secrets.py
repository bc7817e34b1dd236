"""Settings that hold a secret are refused: told to Pulumi, or looking like one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from account import settings as account
from settings.fields import load
from settings.reader import SettingsError
from tests.described import nested
from tests.unit.test_settings import BACKEND, SITE, engine

VARIABLES = f"{BACKEND}.environment"
VALUE = "hunter2-of-the-database"


def refused(given: dict[str, Any], secrets: tuple[str, ...] = (), file: Path | None = None) -> str:
    with pytest.raises(SettingsError) as raised:
        load("dev", engine(given), secrets, file)
    assert VALUE not in str(raised.value)
    return str(raised.value)


def test_a_file_in_another_folder_is_named_with_it() -> None:
    """The project of `make up` has its settings from an overlay, too: what is committed may be right."""
    assert "stack dev (.local/project/Pulumi.dev.yaml)" in refused(
        {f"{BACKEND}.cpu": 300}, file=Path(".local/project/Pulumi.dev.yaml").absolute()
    )


def stack_file(folder: Path, config: dict[str, Any]) -> Path:
    file = folder / "Pulumi.dev.yaml"
    file.write_text(yaml.safe_dump({"config": nested(config)}))
    return file


@pytest.mark.parametrize(
    ("name", "value", "by"),
    [
        ("DB_PASSWORD", VALUE, "name"),
        ("PGPASS", VALUE, "name"),
        ("SECRET_KEY_BASE", VALUE, "name"),
        ("apiToken", VALUE, "name"),
        ("credentials", VALUE, "name"),
        ("DATABASE_URL", f"postgres://easi:{VALUE}@db/easi", "value"),
        ("SENTRY_DSN", "https://9f3c1e2d4b5a6978@o1.ingest.sentry.io/42", "value"),
        ("CONFIG", json.dumps({"db": {"password": VALUE}}), "value"),
        ("OPTIONS", f"--verbose --password {VALUE}", "value"),
        ("GITHUB", "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "value"),
        ("PEM", "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", "value"),
        ("TEXT", f"{'a' * 5000}\npassword={VALUE}", "value"),
    ],
)
def test_a_variable_that_looks_like_a_secret_is_refused_with_what_to_do(name: str, value: str, by: str) -> None:
    told = refused({VARIABLES: {name: value}})

    assert f"{VARIABLES}.{name} looks like a secret by its {by}" in told
    assert f"pulumi config set -s dev --plaintext --path easi:services.backend.secrets.{name} " in told
    assert f"pulumi config set -s dev --path 'easi:services.backend.publicVariables[0]' {name}" in told


def test_a_variable_that_is_none_can_be_allowed_by_its_name() -> None:
    given = {VARIABLES: {"FEATURE_KEY": "dark-mode", "DB_PASS": VALUE}}

    told = refused(given | {f"{BACKEND}.publicVariables": ["FEATURE_KEY"]})
    assert "FEATURE_KEY" not in told
    assert f"'{BACKEND}.publicVariables[1]' DB_PASS" in told
    assert (
        load("dev", engine(given | {f"{BACKEND}.publicVariables": ["FEATURE_KEY", "DB_PASS"]}))
        .services["backend"]
        .environment
    )


def test_variables_that_differ_by_upper_and_lower_case_can_both_be_allowed() -> None:
    given = {VARIABLES: {"FEATURE_KEY": "dark-mode", "feature_key": "light-mode"}}
    assert (
        load("dev", engine(given | {f"{BACKEND}.publicVariables": ["FEATURE_KEY", "feature_key"]}))
        .services["backend"]
        .environment
    )


@pytest.mark.parametrize(
    "variables",
    [
        {"LOG_LEVEL": "debug", "PORT": "8080", "FEATURE": "on", "REGION": "us-west-2"},
        {"TOKEN_TTL": "3600", "MAX_TOKENS": "4096", "USE_TOKEN": "true", "PASSWORD_MIN_LENGTH": "12"},
        {"DB_PASSWORD_FILE": "/run/secrets/db", "SECRET_ARN": "arn:aws:secretsmanager:us-west-2:1:secret:a"},
        {"URL": "https://a.example/b?c=d", "DATABASE_URL": "postgres://easi@db/easi", "KEYCLOAK_URL": "https://k"},
        {"VERSION": "3f2c1aa0" * 5, "DIGEST": f"sha256:{'3f2c1aa0' * 8}", "PUBLIC_KEY": "abc"},
    ],
)
def test_what_is_none_is_accepted(variables: dict[str, str]) -> None:
    assert load("dev", engine({VARIABLES: variables})).services["backend"].environment == dict(
        sorted(variables.items())
    )


def test_a_name_that_is_allowed_has_to_be_there() -> None:
    assert f"{BACKEND}.publicVariables has DB_PASS, which is not in" in refused(
        {f"{BACKEND}.publicVariables": ["DB_PASS"]}
    )


def test_a_secret_in_the_migration_is_refused() -> None:
    told = refused({f"{BACKEND}.migration.command": ["/backend", "migrate", "--password", VALUE]})
    assert f"{BACKEND}.migration.command has what looks like a secret" in told


def test_a_secret_of_pulumi_is_refused_with_the_commands_that_keep_it(tmp_path: Path) -> None:
    file = stack_file(
        tmp_path, {VARIABLES: {"GREETING": {"secure": "v1:abc"}, "log.level": {"secure": "v1:a"}, "A": "b"}}
    )
    given = {VARIABLES: {"GREETING": VALUE, "log.level": VALUE, "A": "b"}}

    told = refused(given, ("easi:services",), file)

    assert "easi:services has a secret of Pulumi" in told
    assert f"{VARIABLES}.GREETING is a secret of Pulumi\n      to keep it in Secrets Manager:" in told
    assert f"pulumi config rm -s dev --path '{VARIABLES}[\"log.level\"]'" in told
    assert f"{VARIABLES}.A" not in told


def test_a_secret_of_a_setting_without_a_namespace_is_found(tmp_path: Path) -> None:
    file = stack_file(tmp_path, {"services": {"backend": {"environment": {"GREETING": {"secure": "v1:abc"}}}}})
    told = refused({VARIABLES: {"GREETING": VALUE}}, ("easi:services",), file)
    assert f"{VARIABLES}.GREETING is a secret of Pulumi\n      to keep it in Secrets Manager:" in told


def test_a_setting_that_the_file_has_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_text("config: { zones: 3, easi:zones: 2 }\n")
    assert "Pulumi.dev.yaml has zones and easi:zones under config" in refused({}, file=file)


@pytest.mark.parametrize(
    ("key", "value", "config", "command"),
    [
        ("easi:alarmEmails", [VALUE], [{"secure": "v1:a"}], "'easi:alarmEmails[0]'"),
        (f"{SITE}.domain", VALUE, {"secure": "v1:a"}, f"{SITE}.domain"),
        ("easi:vpcTags", {"Name": VALUE}, {"Name": {"secure": "v1:a"}}, "easi:vpcTags.Name"),
        (f"{BACKEND}.cpu", "512", {"secure": "v1:a"}, f"{BACKEND}.cpu"),
    ],
)
def test_no_setting_is_kept_as_a_secret(tmp_path: Path, key: str, value: object, config: object, command: str) -> None:
    top = key.partition(".")[0]
    told = refused({key: value}, (top,), stack_file(tmp_path, {key: config}))

    assert f"{top} has a secret of Pulumi" in told
    assert f'--plaintext --path {command} "$(pulumi config get -s dev --path {command})"' in told


def test_a_secret_of_an_environment_of_esc_is_refused_too(tmp_path: Path) -> None:
    assert "which has to say so" in refused({VARIABLES: {"A": VALUE}}, ("easi:services",), tmp_path / "none.yaml")


def test_secrets_of_the_provider_are_its_own_business() -> None:
    load("dev", engine({"aws:assumeRoles": [{"roleArn": "a", "externalId": VALUE}]}), ("aws:assumeRoles",))


def test_the_settings_of_an_account_are_no_secrets_either() -> None:
    with pytest.raises(SettingsError, match="easi-account:stateBucket has a secret of Pulumi"):
        account.load("a", {"easi-account:stateBucket": VALUE}, ("easi-account:stateBucket",))


@pytest.mark.parametrize("name", ["DB_PASS", "db.pass"])
def test_the_commands_keep_the_value_elsewhere_as_they_are_printed(tmp_path: Path, name: str) -> None:
    """With a `pulumi` and an `aws` that note what they are called with, and what they are given."""
    for program in ("pulumi", "aws"):
        double = tmp_path / program
        says = f'[ "$2" != get ] || echo {VALUE}; [ "$2" != describe-secret ] || echo the-arn'
        given = "read -r given || true" if program == "aws" else "given="
        double.write_text(f'#!/bin/sh\n{given}\necho "{program} $* < $given" >>{tmp_path}/log\n{says}\n')
        double.chmod(0o755)
    told = refused({VARIABLES: {name: VALUE}})
    script = told[told.index("        printf ") : told.index("      if it is none:")]
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}

    subprocess.run(["sh", "-euc", script], env=environment, stdin=subprocess.DEVNULL, check=True)

    path = '["db.pass"]' if "." in name else ".DB_PASS"
    secret = f"--region us-west-2 --{{}} easi/dev/{name}"
    assert (tmp_path / "log").read_text().splitlines() == [
        f"pulumi config get -s dev --path easi:services.backend.environment{path} < ",
        f"aws secretsmanager create-secret {secret.format('name')} --secret-string file:///dev/stdin < {VALUE}",
        f"aws secretsmanager describe-secret {secret.format('secret-id')} --query ARN --output text < ",
        f"pulumi config set -s dev --plaintext --path easi:services.backend.secrets{path} the-arn < ",
        f"pulumi config rm -s dev --path easi:services.backend.environment{path} < ",
    ]


def test_secret_of_the_probe_has_to_be_one_and_is_not_shown() -> None:
    key = "easi:probeSecret"
    found = load("dev", engine({key: VALUE}), (key,))
    assert found.probe_secret == VALUE
    assert VALUE not in repr(found)
    assert "pulumi config set -s dev easi:probeSecret --secret" in refused({key: VALUE})
    assert "easi:probeSecret is something else: expected" in refused({key: VALUE + " 2"}, (key,))
    assert load("dev", engine()).probe_secret == ""

"""Secrets that are kept before the emulator runs: made in it under the ARNs that were shown, each time anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from local import secret
from local.layout import Layout
from local.secret import Secret
from tests.local.emulated import client

pytest_plugins = ["tests.local.plugin_fixtures"]

REGION = "us-west-2"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    (tmp_path / "Pulumi.dev.yaml").write_text(f"config:\n  aws:region: {REGION}\n")
    return Layout(tmp_path)


def test_what_is_kept_is_made_under_the_arn_that_was_shown(endpoint: str, layout: Layout) -> None:
    database, token = Secret(name="DATABASE", environment="dev"), Secret(name="/token", environment=None)
    secrets, ssm = client(endpoint, "secretsmanager"), client(endpoint, "ssm")
    for value in ("first", "first", "second"):
        secret._keep(layout, {database: value, token: value})
        secret.make_all(layout, endpoint)
        assert secrets.get_secret_value(SecretId=database.arn(REGION))["SecretString"] == value
        parameter = ssm.get_parameter(Name="/token", WithDecryption=True)["Parameter"]
        assert (parameter["Value"], parameter["Type"]) == (value, "SecureString")
        assert parameter["ARN"] == token.arn(REGION)
    assert secrets.describe_secret(SecretId="dev/DATABASE")["ARN"] == database.arn(REGION)
    assert len(secrets.list_secret_version_ids(SecretId="dev/DATABASE", IncludeDeprecated=True)["Versions"]) == 2
    for one in (database, token):
        for _ in range(2):
            secret._unmake(one, endpoint, REGION)
    assert not secrets.list_secrets()["SecretList"]
    secret.make_all(layout, endpoint)
    assert secrets.describe_secret(SecretId="dev/DATABASE")["ARN"] == database.arn(REGION)


def test_another_secret_ends_as_its_random_token_says(endpoint: str) -> None:
    secrets = client(endpoint, "secretsmanager")
    arns = set()
    for _ in range(2):
        made = secrets.create_secret(Name="random", SecretString="x")
        arns.add(made["ARN"])
        assert list(secrets.describe_secret(SecretId="random")["VersionIdsToStages"]) == [made["VersionId"]]
        secrets.delete_secret(SecretId="random", ForceDeleteWithoutRecovery=True)
    assert len(arns) == 2

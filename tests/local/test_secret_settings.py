"""What is a secret to Pulumi is one in the state, or is refused: with the real engine, and the state that it writes."""

from __future__ import annotations

from tests.local.clone import Clone
from tests.local.test_release import deployed

EXTERNAL_ID, SECRET_KEY, GREETING = "external-7f3a9c", "secret-key-7f3a9c", "greeting-7f3a9c"
ROLE = "arn:aws:iam::000000000000:role/deploy"


def test_secrets_of_the_provider_are_in_the_state_only_encrypted_and_the_verbs_still_connect(easi: Clone) -> None:
    role = "-s dev --path 'aws:assumeRoles[0]"
    try:
        done = easi.shell(
            f"pulumi config set {role}.roleArn' {ROLE}\n"
            f"pulumi config set --secret {role}.externalId' {EXTERNAL_ID}\n"
            f"pulumi config set -s dev --secret aws:secretKey {SECRET_KEY}\n"
            "pulumi up -s dev --yes --skip-preview 2>&1"
        )
        state = easi.shell("pulumi stack export -s dev").stdout
        status = easi.shell("python -m release status -s dev")
    finally:
        easi.shell("pulumi config rm -s dev aws:assumeRoles; pulumi config rm -s dev aws:secretKey")
        easi.shell("pulumi up -s dev --yes --skip-preview")
    assert done.returncode == 0, done.stdout
    for secret in (EXTERNAL_ID, SECRET_KEY):
        assert secret not in state
        assert secret not in done.stdout
    assert status.returncode == 0, status.stdout + status.stderr


def test_a_variable_that_is_a_secret_is_refused_before_anything_changes(easi: Clone) -> None:
    before = deployed(easi, "dev")
    try:
        easi.shell(f"pulumi config set -s dev --secret --path easi:services.backend.environment.GREETING {GREETING}")
        runs = [easi.shell(f"pulumi {verb} -s dev 2>&1") for verb in ("preview", "up --yes --skip-preview")]
        state, after = easi.shell("pulumi stack export -s dev").stdout, deployed(easi, "dev")
    finally:
        easi.shell("pulumi config rm --path -s dev easi:services.backend.environment")
    for done in runs:
        assert done.returncode != 0
        assert "easi:services.backend.environment.GREETING is a secret of Pulumi" in done.stdout
        assert "--plaintext --path easi:services.backend.secrets.GREETING" in done.stdout
        assert GREETING not in done.stdout
    assert GREETING not in state
    assert before == after

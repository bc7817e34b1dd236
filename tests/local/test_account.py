"""An account set up as docs/set-up-accounts.md says, and the engine with the roles that CI has there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from components.github_oidc import ISSUER
from tests.components.ci_roles import PROJECT, REGION, STATE, SUBJECT
from tests.local.ci_roles_world import World, enforcing, state_of
from tests.local.clone import Clone

world = pytest.fixture(scope="module")(enforcing)
PROGRAM = """
import pulumi
pulumi.export("hidden", pulumi.Output.secret("s"))
"""
RUN = """
unset PULUMI_CONFIG_PASSPHRASE PULUMI_CONFIG_PASSPHRASE_FILE
export PULUMI_BACKEND_URL="s3://{bucket}?region=us-west-2&endpoint={endpoint}&s3ForcePathStyle=true"
export AWS_ENDPOINT_URL={endpoint} {credentials}
pulumi() {{ command pulumi -C {folder} "$@"; }}
{commands}
"""


def test_roles_of_ci_are_enough_for_the_engine_itself(easi: Clone, world: World, tmp_path: Path) -> None:
    """The state in the bucket, its key, its lock: with the deploy role all of an update, with the other a preview.

    The program has no resources: the local AWS plugin takes no credentials of a session.
    """
    (tmp_path / "Pulumi.yaml").write_text(f"name: {PROJECT}\nruntime: python\n")
    (tmp_path / "__main__.py").write_text(PROGRAM)
    root = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "aws_session_token": ""}

    def run(credentials: dict[str, Any], commands: str) -> Any:
        exported = " ".join(f"{name.upper()}='{value}'" for name, value in credentials.items())
        names = {"bucket": STATE, "endpoint": world.endpoint, "folder": tmp_path, "credentials": exported}
        return easi.shell(RUN.format(commands=commands, **names))

    def state() -> dict[str, str]:
        listed = world.client("s3").list_objects_v2(Bucket=STATE, Prefix=".pulumi/")["Contents"]
        return {item["Key"]: item["ETag"] for item in listed}

    dev = world.assume("dev-deploy", f"{SUBJECT}:environment:dev")
    preview = world.assume("dev-preview", f"{SUBJECT}:environment:dev-preview")
    key = f"awskms:///{world.keys['state-key']}?region=us-west-2&awssdk=v2"
    world.client("s3").delete_object(**state_of("dev"))  # that is no state of an engine
    made = run(root, f"pulumi stack init dev --secrets-provider '{key}'\npulumi config set -s dev aws:region {REGION}")
    assert made.returncode == 0, made.stdout + made.stderr

    up = run(dev, "pulumi up -s dev --yes --skip-preview")
    assert up.returncode == 0, up.stdout + up.stderr
    before = state()
    # What CI asks with it: the preview, what is proven, and the commit of the last update.
    look = "pulumi preview -s dev --refresh --expect-no-changes --non-interactive"
    looked = run(preview, f"{look}\npulumi stack export -s dev >/dev/null\npulumi stack history -s dev --json")
    assert looked.returncode == 0, looked.stdout + looked.stderr
    assert '"kind": "update"' in looked.stdout
    refused = run(preview, "pulumi up -s dev --yes --skip-preview")
    assert refused.returncode != 0
    assert "AccessDenied" in refused.stdout + refused.stderr
    assert state() == before
    ended = run(dev, "pulumi destroy -s dev --yes --skip-preview")
    assert ended.returncode == 0, ended.stdout + ended.stderr


SET_UP = """
unset PULUMI_CONFIG_PASSPHRASE PULUMI_CONFIG_PASSPHRASE_FILE PULUMI_BACKEND_URL
cd {root}
python -m account.state --bucket {bucket} --region us-west-2 >{told}
python -m account.state --bucket {bucket} --region us-west-2 >/dev/null
key=$(sed -n 's/^ *stateKeyArn *//p' {told})
secrets=$(sed -n "s/.*--secrets-provider '\\(.*\\)'/\\1/p" {told})
export PULUMI_BACKEND_URL="s3://{bucket}?region=us-west-2&endpoint=$AWS_ENDPOINT_URL&s3ForcePathStyle=true"
pulumi() {{ command pulumi -C {root}/account "$@"; }}
"""
MAKE = """
pulumi stack init {stack} --secrets-provider "$secrets"
pulumi config set -s {stack} aws:region us-west-2
pulumi config set -s {stack} repository CMSgov/easi
pulumi config set -s {stack} ownerId 1209384
pulumi config set -s {stack} repositoryId 987654321
pulumi config set -s {stack} --path environments.dev ''
pulumi config set -s {stack} --path environments.impl dev
pulumi config set -s {stack} stateBucket {bucket}
pulumi config set -s {stack} stateKeyArn "$key"
pulumi up -s {stack} --yes --skip-preview
pulumi up -s {stack} --yes --skip-preview --expect-no-changes
pulumi config set -s {stack} maxSession 3600
pulumi up -s {stack} --yes --skip-preview
"""
REMOVE = """
pulumi destroy -s {stack} --yes --skip-preview
pulumi stack rm -s {stack} --yes
"""


def test_an_account_is_set_up_without_a_passphrase(easi: Clone, tmp_path: Path) -> None:
    names = {"root": easi.root, "bucket": "state-of-account-test", "stack": "account-test", "told": tmp_path / "told"}
    settings = easi.root / "account" / f"Pulumi.{names['stack']}.yaml"
    iam, s3 = easi.aws("iam"), easi.aws("s3")
    try:
        done = easi.shell((SET_UP + MAKE).format_map(names))
        assert done.returncode == 0, done.stdout + done.stderr

        assert "secretsprovider: awskms:///arn:aws:kms:us-west-2:" in settings.read_text()
        assert "encryptedkey: " in settings.read_text()
        assert "encryptionsalt" not in settings.read_text()
        listed = s3.list_objects_v2(Bucket=names["bucket"], Prefix=".pulumi/stacks/")["Contents"]
        assert ".pulumi/stacks/easi-account/account-test.json" in [item["Key"] for item in listed]
        role = iam.get_role(RoleName="github-easi-impl-deploy")["Role"]
        assert role["MaxSessionDuration"] == 3600
        statement = role["AssumeRolePolicyDocument"]["Statement"][0]
        assert statement["Condition"]["StringEquals"][f"{ISSUER}:sub"] == f"{SUBJECT}:environment:impl"
    finally:
        removed = easi.shell((SET_UP + REMOVE).format_map(names))
        settings.unlink(missing_ok=True)
    assert removed.returncode == 0, removed.stdout + removed.stderr
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.get_role(RoleName="github-easi-impl-deploy")

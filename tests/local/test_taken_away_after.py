"""What a release may have to go back to is taken away after its proof: real engine, real tasks, roles that count."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from tests.local.clone import Clone
from tests.local.emulator_world import wait_for

HEALTH = "example/backend/health.go"
REGION = "us-west-2"
KEYS = ("easi:services.backend.secrets", "easi:services.backend.secretKeyArns", "easi:sites.site.contentSecurityPolicy")


@dataclass(frozen=True)
class Dev:
    """The environment `dev` of a clone."""

    easi: Clone

    def secret(self, name: str) -> tuple[str, str]:
        """A secret and the key of the account's own that it is encrypted with."""
        key = str(self.easi.aws("kms").create_key()["KeyMetadata"]["Arn"])
        made = self.easi.aws("secretsmanager").create_secret(Name=name, SecretString="s", KmsKeyId=key)
        return str(made["ARN"]), key

    def use(self, secret: tuple[str, str]) -> None:
        arn, key = secret
        self.easi.run(
            f"pulumi config set -s dev --path easi:services.backend.secrets.DB_PASSWORD --plaintext {arn}\n"
            f"pulumi config set -s dev --path 'easi:services.backend.secretKeyArns[0]' --plaintext {key}"
        )

    def up(self) -> tuple[int, str]:
        return self.easi.update("dev", "make frontend >/dev/null 2>&1\n")

    def changes(self) -> list[tuple[str, str]]:
        """What another update would do."""
        steps = json.loads(self.easi.run("pulumi preview -s dev --json"))["steps"]
        return [(step["op"], step["urn"].rpartition("::")[2]) for step in steps if step["op"] != "same"]

    def may_read(self) -> set[str]:
        """What the execution role's policies name of secrets and keys."""
        iam = self.easi.aws("iam")
        role = next(one["RoleName"] for one in iam.list_roles()["Roles"] if "dev-backend-execution" in one["RoleName"])
        names: Sequence[str] = iam.list_role_policies(RoleName=role)["PolicyNames"]
        documents = [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]
        statements = [statement for document in documents for statement in document["Statement"]]
        named = [
            one["Resource"] for one in statements if {"kms:Decrypt", "secretsmanager:GetSecretValue"} & {*one["Action"]}
        ]
        return {arn for resources in named for arn in resources}

    def allow(self, host: str) -> None:
        """Let the page call a host."""
        self.easi.run(f"pulumi config set --path -s dev easi:sites.site.contentSecurityPolicy 'connect-src {host}'")

    def page_may_call(self) -> set[str]:
        """The hosts of the Content-Security-Policy that is in force."""
        cloudfront = self.easi.aws("cloudfront")
        distribution = cloudfront.get_distribution_config(
            Id=self.easi.outputs("dev")["sites"]["site"]["distributionId"]
        )
        behavior = distribution["DistributionConfig"]["DefaultCacheBehavior"]
        policy = cloudfront.get_response_headers_policy(Id=behavior["ResponseHeadersPolicyId"])
        headers = policy["ResponseHeadersPolicy"]["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
        directive, *hosts = headers["ContentSecurityPolicy"]["ContentSecurityPolicy"].split()
        assert directive == "connect-src"
        return {*hosts}

    def restart_tasks(self) -> None:
        """End all tasks, and wait until the service has another that answers."""
        ecs, outputs = self.easi.aws("ecs"), self.easi.outputs("dev")
        where, service = {"cluster": outputs["cluster"]}, outputs["services"]["backend"]["service"]
        old = set(ecs.list_tasks(**where, serviceName=service)["taskArns"])
        for task in old:
            ecs.stop_task(**where, task=task)

        def answers() -> bool:
            fresh = set(ecs.list_tasks(**where, serviceName=service)["taskArns"]) - old
            return bool(fresh) and self.easi.get(outputs["healthcheckUrl"])[0] == 200

        assert wait_for(answers), ecs.describe_services(**where, services=[service])["services"][0]["events"][:5]


@pytest.fixture
def dev(easi: Clone) -> Iterator[Dev]:
    yield Dev(easi)
    for key in KEYS:
        easi.shell(f"pulumi config rm --path -s dev {key}")


@pytest.mark.moves_on
def test_a_failed_release_goes_back_to_tasks_that_can_start_and_a_page_that_can_load(dev: Dev) -> None:
    easi, path = dev.easi, dev.easi.root / HEALTH
    first, second = dev.secret("first"), dev.secret("second")
    dev.use(first)
    dev.allow("a.example.gov")
    code, said = dev.up()
    assert code == 0, said
    assert dev.may_read() == {*first}
    version, text = easi.version, path.read_text()

    dev.use(second)
    dev.allow("b.example.gov")
    path.write_text(text.replace('"pass"', '"fail"'))
    easi.commit("a version that is not healthy")
    code, said = dev.up()
    assert code != 0
    assert f"{version[:12]} is proven again" in said, said
    assert dev.may_read() == {*first, *second}
    assert dev.page_may_call() == {"a.example.gov", "b.example.gov"}
    dev.restart_tasks()
    assert easi.health("dev")["version"] == version

    path.write_text(text)
    mended = easi.commit("mended")
    code, said = dev.up()
    assert code == 0, said
    assert easi.health("dev")["version"] == mended
    assert dev.may_read() == {*second}
    assert dev.page_may_call() == {"a.example.gov", "b.example.gov"}
    assert dev.changes() == [("update", "site")]
    code, said = dev.up()
    assert code == 0, said
    assert dev.page_may_call() == {"b.example.gov"}
    assert dev.changes() == []
    dev.restart_tasks()

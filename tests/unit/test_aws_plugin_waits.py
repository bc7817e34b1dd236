"""A VPC origin is waited for as long as the official provider would, and lost like there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.aws import session
from local.aws.provider import AwsProvider
from local.aws.session import Aws
from local.plugin.provider import PartlyMadeError, PluginError
from tests.components import program

VPC_ORIGIN = "aws:cloudfront/vpcOrigin:VpcOrigin"
MINUTE = 60.0
DOCUMENTED_MINUTES = 15
""""This can take up to 15 minutes": "Restrict access with VPC origins", Amazon CloudFront Developer Guide."""


class CloudFront:
    """VPC origins that are deployed after some minutes of a clock of its own."""

    def __init__(self, minutes: float) -> None:
        self.minutes, self.now = minutes, 0.0
        self.made: dict[str, tuple[str, float]] = {}
        self.endpoint: dict[str, Any] = {}
        self.exceptions = SimpleNamespace()

    def create_vpc_origin(self, **asked: Any) -> dict[str, Any]:
        self.endpoint = asked["VpcOriginEndpointConfig"]
        name = self.endpoint["Name"]
        if name in self.made:
            raise ClientError({"Error": {"Code": "EntityAlreadyExists"}}, "CreateVpcOrigin")
        self.made[name] = (f"vo_{len(self.made)}", self.now)
        return self.get_vpc_origin(Id=self.made[name][0])

    def get_vpc_origin(self, *, Id: str) -> dict[str, Any]:  # noqa: N803 - boto3's own
        ((made),) = (when for identity, when in self.made.values() if identity == Id)
        status = "Deployed" if self.now - made >= self.minutes * MINUTE else "Deploying"
        origin = {"Id": Id, "Arn": Id, "Status": status, "VpcOriginEndpointConfig": self.endpoint}
        return {"ETag": status, "VpcOrigin": origin}

    def tag_resource(self, **_: Any) -> None: ...


@pytest.fixture
def origin() -> dict[str, Any]:
    """What the program asks for."""
    asked: dict[str, Any] = program.run("dev").one(VPC_ORIGIN)
    return asked


def made_in(minutes: float, monkeypatch: pytest.MonkeyPatch) -> tuple[AwsProvider, CloudFront]:
    cloudfront = CloudFront(minutes)
    monkeypatch.setattr(Aws, "client", lambda *_: cloudfront)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    clock = SimpleNamespace(
        monotonic=lambda: cloudfront.now, sleep=lambda _: setattr(cloudfront, "now", cloudfront.now + MINUTE / 2)
    )
    monkeypatch.setattr(session, "time", clock)
    provider = AwsProvider()
    provider.configure({"region": "us-west-2"})
    return provider, cloudfront


@pytest.mark.parametrize("minutes", [DOCUMENTED_MINUTES, 2 * DOCUMENTED_MINUTES])
def test_the_program_waits_for_a_vpc_origin_for_longer_than_aws_says(
    origin: dict[str, Any], minutes: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider, cloudfront = made_in(minutes, monkeypatch)
    _, state = provider.create(VPC_ORIGIN, origin)
    assert (cloudfront.now, state["etag"]) == (minutes * MINUTE, "Deployed")


def test_without_timeouts_the_provider_gives_up_after_15_minutes(
    origin: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    provider, cloudfront = made_in(DOCUMENTED_MINUTES + 1, monkeypatch)
    asked = {name: value for name, value in origin.items() if name != "timeouts"}
    with pytest.raises(PluginError, match="still not deployed after 15 minutes") as raised:
        provider.create(VPC_ORIGIN, asked)
    assert not isinstance(raised.value, PartlyMadeError), "the bridge forgets it"
    assert cloudfront.now <= (DOCUMENTED_MINUTES + 1) * MINUTE


def test_what_timed_out_is_made_again_once_it_is_deleted(
    origin: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    provider, cloudfront = made_in(300, monkeypatch)
    with pytest.raises(PluginError, match="still not deployed"):
        provider.create(VPC_ORIGIN, origin)
    cloudfront.minutes = 1
    with pytest.raises(PluginError, match="EntityAlreadyExists"):
        provider.create(VPC_ORIGIN, origin)
    cloudfront.made.clear()
    provider.create(VPC_ORIGIN, origin)

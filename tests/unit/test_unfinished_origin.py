"""Which VPC origin of an earlier run is imported."""

from __future__ import annotations

from typing import Any, cast
from unittest import mock

import pulumi
import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from components.vpc_origin import name_pattern
from release import unfinished_origin

NAMED = "easi-dev-site-1a2b3c4"


class CloudFront:
    """VPC origins, one a page, and distributions that use some of them."""

    def __init__(self, *names: str, used: tuple[str, ...] = (), status: str = "Deployed") -> None:
        self.origins = [{"Id": f"vo_{index}", "Name": name, "Status": status} for index, name in enumerate(names)]
        self.used = used

    def list_vpc_origins(self, *, Marker: str = "0") -> dict[str, Any]:  # noqa: N803 - boto3's own
        place, last = int(Marker), len(self.origins) - 1
        page: dict[str, Any] = {"Items": self.origins[place : place + 1]} if self.origins else {}
        return {"VpcOriginList": page | ({"NextMarker": str(place + 1)} if place < last else {})}

    def get_paginator(self, _name: str) -> Any:
        api = [{"Id": "api", "VpcOriginConfig": {"VpcOriginId": origin}} for origin in self.used]
        items = [{"Origins": {"Items": [{"Id": "site"}, *api]}}]
        return mock.Mock(paginate=lambda: [{"DistributionList": {"Items": items}}, {"DistributionList": {}}])


@pytest.fixture(autouse=True)
def stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi, "get_project", lambda: "easi")
    monkeypatch.setattr(pulumi, "get_stack", lambda: "dev")
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)


def find(cloudfront: CloudFront) -> str | None:
    session = mock.Mock(client=lambda _service: cloudfront)
    return unfinished_origin.find(name_pattern("site"), lambda: cast("Any", session))


@pytest.mark.parametrize(
    ("cloudfront", "expected"),
    [
        (CloudFront(), None),
        (CloudFront(NAMED), "vo_0"),
        (CloudFront("of-others", NAMED), "vo_1"),
        (CloudFront(NAMED, used=("vo_0",)), None),
        (CloudFront(NAMED, "easi-dev-site-0000000", used=("vo_0",)), "vo_1"),
        (CloudFront(NAMED, "easi-dev-site-0000000"), None),
        (CloudFront("easi-dev-site-two-1a2b3c4", "easi-impl-site-1a2b3c4", "easi-dev-site-1a2b3c4x"), None),
    ],
)
def test_the_only_one_that_no_distribution_uses(cloudfront: CloudFront, expected: str | None) -> None:
    assert find(cloudfront) == expected


def test_one_that_is_not_ready_stops_an_update_and_no_preview(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = CloudFront(NAMED, status="Deploying")
    with pytest.raises(pulumi.RunError, match=r"vo_0 .* is Deploying: expected Deployed\n  wait until it is"):
        find(slow)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    assert find(slow) == "vo_0"


def test_credentials_that_may_not_look_find_none_and_no_answer_stops() -> None:
    def raising(error: Exception) -> Any:
        return mock.Mock(side_effect=error)

    denied = ClientError({"Error": {"Code": "AccessDenied"}}, "ListVpcOrigins")
    assert unfinished_origin.find(name_pattern("site"), raising(denied)) is None
    with pytest.raises(pulumi.RunError, match="does not say which VPC origins"):
        unfinished_origin.find(name_pattern("site"), raising(NoCredentialsError()))

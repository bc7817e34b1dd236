"""Which zones a new network is made in."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

from components import aws_location


@pytest.mark.parametrize(
    ("ids", "zones", "expected"),
    [
        ("usw2-az2 usw2-az1 usw2-az3", 2, "ab"),
        ("use1-az3 use1-az1 use1-az2", 2, "bc"),
        ("use1-az1 use1-az3 use1-az2 use1-az4", 3, "acd"),
        ("usw1-az2 usw1-az1 usw1-az3", 2, "bc"),
        ("apne1-az4 apne1-az3 apne1-az1", 2, "ac"),
        ("cac1-az1 cac1-az3 cac1-az2", 2, "ac"),
        ("use1-az3 use1-az1 use1-az2", 3, "refused"),
        ("use1-az3", 0, ""),
    ],
)
def test_no_zone_without_vpc_origins_whatever_its_name_is(
    monkeypatch: pytest.MonkeyPatch, ids: str, zones: int, expected: str
) -> None:
    def available(*, exclude_zone_ids: tuple[str, ...] = (), **_: Any) -> SimpleNamespace:
        named = zip("abcdef", ids.split(), strict=False)
        return SimpleNamespace(names=[letter for letter, zone in named if zone not in exclude_zone_ids])

    monkeypatch.setattr("components.aws_location.aws.get_availability_zones", available)
    monkeypatch.setattr("components.aws_location.aws.get_partition", lambda: SimpleNamespace(partition="aws"))
    monkeypatch.setattr("components.aws_location.aws.get_region", lambda: SimpleNamespace(region="us-east-1"))
    if expected == "refused":
        with pytest.raises(pulumi.RunError, match="of CloudFront, b, c, and the setting zones is 3"):
            aws_location.find(zones)
    else:
        assert "".join(aws_location.find(zones).zones) == expected

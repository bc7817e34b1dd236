"""Where this run takes place: what AWS says of the credentials, the region and its zones."""

from __future__ import annotations

import dataclasses

import pulumi
import pulumi_aws as aws

from components import regions
from components.subnets import MIN_ZONES


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place:
    """An AWS partition and region."""

    partition: str
    """`aws`, `aws-us-gov`, `aws-cn`."""
    region: str
    zones: tuple[str, ...]
    """Names of availability zones, in their order."""


def find(zones: int = MIN_ZONES) -> Place:
    """The place of the stack's `aws:region` and credentials, with that many of its zones; 0 asks for none.

    Raises pulumi.RunError where AWS does not answer, or the region has fewer zones.
    """
    try:
        partition, region = aws.get_partition().partition, aws.get_region().region
        # Not the local and wavelength zones that an account may have joined: no load balancer and few services there.
        only = [aws.GetAvailabilityZonesFilterArgs(name="zone-type", values=["availability-zone"])]
        without = regions.ZONES_WITHOUT_VPC_ORIGINS
        found = aws.get_availability_zones(state="available", filters=only, exclude_zone_ids=without) if zones else None
        names = sorted(found.names) if found else []
    except Exception as error:  # the SDK raises nothing more specific for a function that fails
        raise pulumi.RunError(
            f"AWS does not answer: {error}\n"
            "  expected credentials for the account of this stack, which may use its aws:region\n"
            "  to check:  aws sts get-caller-identity"
        ) from error
    if len(names) < zones:
        raise pulumi.RunError(
            f"{region} has, of zones with VPC origins of CloudFront, {', '.join(names) or 'none'}, and easi:zones is "
            f"{zones}\n"
            "  expected as many or more: choose another aws:region, or fewer zones"
        )
    return Place(partition=partition, region=region, zones=tuple(names[:zones]))

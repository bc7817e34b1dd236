"""Where this run takes place: what AWS says of the credentials, the region and its zones."""

from __future__ import annotations

import dataclasses

import pulumi
import pulumi_aws as aws

from components.subnets import ZONES


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place:
    """An AWS partition and region."""

    partition: str
    """`aws`, `aws-us-gov`, `aws-cn`."""
    region: str
    zones: tuple[str, ...]


def find() -> Place:
    """The place of the stack's `aws:region` and credentials. Raises pulumi.RunError where AWS does not answer."""
    try:
        return Place(
            partition=aws.get_partition().partition,
            region=aws.get_region().region,
            zones=tuple(aws.get_availability_zones(state="available").names[:ZONES]),
        )
    except Exception as error:  # the SDK raises nothing more specific for a function that fails
        raise pulumi.RunError(
            f"AWS does not answer: {error}\n"
            "  expected credentials for the account of this stack, and aws:region in its settings\n"
            "  to check:  aws sts get-caller-identity"
        ) from error

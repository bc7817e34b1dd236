"""A VPC origin that an earlier run of the program made, and did not wait for to its end.

AWS has it and the state does not: the bridge of the AWS provider keeps nothing of such a resource whose creation ended
in an error (pkg/pf/tfbridge/provider_create.go, pulumi-terraform-bridge), and an engine that was killed could not. AWS
refuses another one of its name, so the program imports it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import boto3
import pulumi
from botocore.exceptions import BotoCoreError, ClientError

from release.session import is_denied

if TYPE_CHECKING:
    from types_boto3_cloudfront.client import CloudFrontClient
    from types_boto3_cloudfront.type_defs import ListVpcOriginsRequestTypeDef, VpcOriginSummaryTypeDef


def find(name_pattern: str, sign_in: Callable[[], boto3.Session]) -> str | None:
    """The id of the only VPC origin with such a name that no distribution uses; None if there is none, or several.

    The state may have it all the same, before its distribution is made: Pulumi then has nothing to import. None, too,
    where these credentials may not look. Raises pulumi.RunError where AWS does not answer, and in an update for one
    that is not ready to be used.
    """
    try:
        cloudfront = sign_in().client("cloudfront")
        origins = [origin for origin in _origins(cloudfront) if re.fullmatch(name_pattern, origin["Name"])]
        in_use = _in_use(cloudfront) if origins else frozenset()
    except (BotoCoreError, ClientError) as error:
        if is_denied(error):
            return None
        raise pulumi.RunError(f"AWS does not say which VPC origins of CloudFront there are: {error}") from error
    unused = [origin for origin in origins if origin["Id"] not in in_use]
    if len(unused) != 1:
        return None
    (origin,) = unused
    if origin["Status"] != "Deployed" and not pulumi.runtime.is_dry_run():
        raise pulumi.RunError(
            f"the VPC origin {origin['Id']} ({origin['Name']}), which an earlier run made, is {origin['Status']}: "
            "expected Deployed\n"
            "  wait until it is, and run again:  "
            f"aws cloudfront get-vpc-origin --id {origin['Id']} --query VpcOrigin.Status"
        )
    return str(origin["Id"])


def _origins(cloudfront: CloudFrontClient) -> Iterator[VpcOriginSummaryTypeDef]:
    request: ListVpcOriginsRequestTypeDef = {}
    while True:
        page = cloudfront.list_vpc_origins(**request)["VpcOriginList"]
        yield from page.get("Items", ())
        if not page.get("NextMarker"):
            return
        request = {"Marker": page["NextMarker"]}


def _in_use(cloudfront: CloudFrontClient) -> frozenset[str]:
    """The ids of VPC origins that distributions of this account have."""
    pages = cloudfront.get_paginator("list_distributions").paginate()
    distributions = [one for page in pages for one in page["DistributionList"].get("Items", ())]
    origins = [origin for one in distributions for origin in one["Origins"]["Items"]]
    return frozenset(origin["VpcOriginConfig"]["VpcOriginId"] for origin in origins if "VpcOriginConfig" in origin)

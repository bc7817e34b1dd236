"""Gap: a distribution locally has no TLS and cannot reach a load balancer through a VPC origin.

The edge is taken to be where TLS ends, so that `redirect-to-https` and `https-only` serve; a request that says
`x-forwarded-proto: http` is still treated as plain HTTP. An origin with a VPC origin is served by the load balancer
that the VPC origin names, over HTTP on the port that it gives. A distribution answers to its id as well as to its
domain's name.
"""

from __future__ import annotations

from typing import Any

from ministack.core.arn import parse_arn
from ministack.core.responses import request_scope
from ministack.services import cloudfront

from local.emulator.gaps import regions


def close() -> None:
    cloudfront.find_distribution_for_label = find_for_label
    cloudfront.handle_viewer_request = _over_tls(cloudfront.handle_viewer_request)
    cloudfront._dataplane_origin = _with_vpc_origin(cloudfront._dataplane_origin)
    cloudfront._registered_alb = _named_by_vpc_origin(cloudfront._registered_alb)
    cloudfront._fetch_from_alb_origin = _in_own_region(cloudfront._fetch_from_alb_origin)


def find_for_label(label: str) -> Any:
    """The distribution of `<label>.cloudfront.localhost`: its domain's label, or its id, which people know better."""
    for record in cloudfront._distributions.values():
        if label in {record["Id"].lower(), record["DomainName"].lower().partition(".")[0]}:
            return record
    return None


def _over_tls(serve: Any) -> Any:
    async def handle_viewer_request(distribution: Any, *request: Any) -> Any:
        method, path, raw_path, query, headers, *rest = request
        fields = {"x-forwarded-proto": "https", **headers}
        return await serve(distribution, method, path, raw_path, query, fields, *rest)

    return handle_viewer_request


def _with_vpc_origin(parse: Any) -> Any:
    def dataplane_origin(element: Any) -> Any:
        origin = parse(element)
        reference = cloudfront._find(element, "VpcOriginConfig")
        if reference is not None:
            record = cloudfront._vpc_origins.get(cloudfront._text(reference, "VpcOriginId"))
            if record is not None:
                endpoint = record["VpcOriginEndpointConfig"]
                origin.update(
                    load_balancer_arn=endpoint["Arn"],
                    http_port=int(endpoint["HTTPPort"]),
                    https_port=int(endpoint["HTTPSPort"]),
                    protocol_policy=endpoint["OriginProtocolPolicy"],
                    read_timeout=int(cloudfront._text(reference, "OriginReadTimeout") or "30"),
                )
        return origin

    return dataplane_origin


def _named_by_vpc_origin(find: Any) -> Any:
    def registered_alb(origin: dict[str, Any]) -> Any:
        arn = origin.get("load_balancer_arn")
        return regions.find_by_arn(arn) if arn else find(origin)

    return registered_alb


def _in_own_region(fetch: Any) -> Any:
    async def fetch_from_alb_origin(balancer: dict[str, Any], *args: Any) -> Any:
        arn = parse_arn(balancer["LoadBalancerArn"])
        with request_scope(arn.account_id, arn.region):
            return await fetch(balancer, *args)

    return fetch_from_alb_origin

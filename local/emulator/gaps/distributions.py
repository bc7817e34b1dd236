"""Gap: a distribution locally has no TLS and cannot reach a load balancer through a VPC origin.

The edge is taken to be where TLS ends, so that `redirect-to-https` and `https-only` serve; a request that says
`x-forwarded-proto: http` is still treated as plain HTTP. An origin with a VPC origin is served by the load balancer
that the VPC origin names, over HTTP on the port that it gives. A distribution answers to its id as well as to its
domain's name.
"""

from __future__ import annotations

from typing import Any

from ministack.services import alb, cloudfront

from local.emulator.gaps import around, instead_of, regions


@instead_of(cloudfront, "find_distribution_for_label")
def find_for_label(label: str) -> Any:
    """The distribution of `<label>.cloudfront.localhost`: its domain's label, or its id, which people know better."""
    for record in cloudfront._distributions.values():
        if label in {record["Id"].lower(), record["DomainName"].lower().partition(".")[0]}:
            return record
    return None


@around(cloudfront, "handle_viewer_request")
async def handle_viewer_request(serve: Any, distribution: Any, *request: Any) -> Any:
    method, path, raw_path, query, headers, *rest = request
    fields = {"x-forwarded-proto": "https", **headers}
    return await serve(distribution, method, path, raw_path, query, fields, *rest)


@around(cloudfront, "_dataplane_origin")
def dataplane_origin(parse: Any, element: Any) -> Any:
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


@around(cloudfront, "_registered_alb")
def registered_alb(find: Any, origin: dict[str, Any]) -> Any:
    arn = origin.get("load_balancer_arn")
    return regions.stored(alb._lbs, arn) if arn else find(origin)


@around(cloudfront, "_fetch_from_alb_origin")
async def fetch_from_alb_origin(fetch: Any, balancer: dict[str, Any], *args: Any) -> Any:
    with regions.scope_of(balancer["LoadBalancerArn"]):
        return await fetch(balancer, *args)

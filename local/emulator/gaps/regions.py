"""Gap: a request to a load balancer carries no region, and load balancers outside the default one are not found."""

from __future__ import annotations

from typing import Any

from ministack.core.arn import parse_arn
from ministack.core.responses import request_scope
from ministack.services import alb


def close() -> None:
    alb.find_lb_for_host = find_for_host
    alb._find_lb_by_name = find_by_name
    alb.dispatch_request = _in_own_region(alb.dispatch_request)


def find_for_host(host: str) -> Any:
    name = host.partition(":")[0].lower()
    local = name.removesuffix(".alb.localhost")
    for _, balancer in alb._lbs.all_items():
        if name == balancer["DNSName"].lower() or (local != name and local == balancer["LoadBalancerName"].lower()):
            return balancer
    return None


def find_by_name(name: str) -> Any:
    """The load balancer of a `/_alb/<name>/` path."""
    matching = (item for _, item in alb._lbs.all_items() if item["LoadBalancerName"].lower() == name.lower())
    return next(matching, None)


def find_by_arn(arn: str) -> Any:
    parsed = parse_arn(arn)
    return alb._lbs.get_scoped(parsed.account_id, parsed.region, arn)


def _in_own_region(dispatch: Any) -> Any:
    async def dispatch_request(balancer: dict[str, Any], *args: Any, **options: Any) -> Any:
        arn = parse_arn(balancer["LoadBalancerArn"])
        with request_scope(arn.account_id, arn.region):
            return await dispatch(balancer, *args, **options)

    return dispatch_request

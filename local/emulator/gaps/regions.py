"""Gap: a request to a load balancer carries no region, and load balancers outside the default one are not found."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from ministack.core.arn import parse_arn
from ministack.core.responses import request_scope
from ministack.services import alb

from local.emulator.gaps import around, instead_of


@instead_of(alb, "find_lb_for_host")
def find_for_host(host: str) -> Any:
    name = host.partition(":")[0].lower()
    local = name.removesuffix(".alb.localhost")
    for _, balancer in alb._lbs.all_items():
        if name == balancer["DNSName"].lower() or (local != name and local == balancer["LoadBalancerName"].lower()):
            return balancer
    return None


@instead_of(alb, "_find_lb_by_name")
def find_by_name(name: str) -> Any:
    """The load balancer of a `/_alb/<name>/` path."""
    matching = (item for _, item in alb._lbs.all_items() if item["LoadBalancerName"].lower() == name.lower())
    return next(matching, None)


def stored(store: Any, arn: str, key: str | None = None) -> Any:
    """What the emulator keeps under an ARN, or under a key in the account and region of it; None if there is none."""
    place = parse_arn(arn)
    return store.get_scoped(place.account_id, place.region, key or arn)


def scope_of(arn: str) -> AbstractContextManager[Any]:
    """In it, the emulator acts in the account and region of an ARN."""
    place = parse_arn(arn)
    scope: AbstractContextManager[Any] = request_scope(place.account_id, place.region)
    return scope


@around(alb, "dispatch_request")
async def dispatch_request(dispatch: Any, balancer: dict[str, Any], *args: Any, **options: Any) -> Any:
    with scope_of(balancer["LoadBalancerArn"]):
        return await dispatch(balancer, *args, **options)

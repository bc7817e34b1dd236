"""Gap: any source passes a security group, and CloudFront's own group does not exist.

Here a load balancer answers those that a rule of its groups lets in, on the listener's port; and it reaches tasks (with
health checks, too) if its groups let it out to them and theirs let it in. What is given no group has its network's
default one, which lets in itself alone.

- Requests through a VPC origin come from the group `CloudFront-VPCOrigins-Service-SG`, which CloudFront makes in the
  network together with its first VPC origin there, and have no address of the network ("Restrict access with VPC
  origins", Amazon CloudFront Developer Guide). It bears the tag that CloudFront's service-linked role demands
  (AWSCloudFrontVPCOriginServiceRolePolicy, AWS Managed Policy Reference); its description is documented nowhere. It
  goes with the last origin of the network, unless a rule still names it: then it stays, and so does the network.
- Requests to a load balancer's address come from outside: an internal one gets none of them.

Where a connection would time out on AWS, here the answer 504 comes at once.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from ministack.services import alb, cloudfront, ec2, ecs

from local.emulator.gaps import around, regions
from local.emulator.gaps.regions import stored

CLOUDFRONT = "CloudFront-VPCOrigins-Service-SG"
CLOUDFRONT_TAG = {"Key": "aws.cloudfront.vpcorigin", "Value": "enabled"}
OUTSIDE = "203.0.113.1"
"""An address of the internet: one of those that RFC 5737 keeps for documentation."""
IN, OUT = "IpPermissions", "IpPermissionsEgress"


@dataclass(frozen=True, kw_only=True)
class Peer:
    """The other end of a connection."""

    groups: Collection[str] = ()
    address: str | None = None
    """None where it is not known: then only 0.0.0.0/0 is about it."""


_caller: ContextVar[Peer | None] = ContextVar("caller", default=None)
"""Who sends a request to a load balancer; None is somebody outside."""


def reaches(target_group: str, port: int) -> bool:
    """Whether the load balancer of a target group gets through to the tasks of its service."""
    balancer, service = _balancer_of(target_group), _service_of(target_group)
    if balancer is None or service is None:
        return True  # a target that is no task: whose groups decide is not known
    arn = balancer["LoadBalancerArn"]
    network = service.get("networkConfiguration", {}).get("awsvpcConfiguration", {})
    own = Peer(groups=_groups_of(balancer), address=_address(arn, balancer["Subnets"]))
    subnets = network.get("subnets") or []
    groups = network.get("securityGroups") or _named("default", _vpc_of(arn, subnets))
    tasks = Peer(groups=groups, address=_address(arn, subnets))
    return _lets(arn, own.groups, OUT, port, tasks) and _lets(arn, tasks.groups, IN, port, own)


def _lets(arn: str, groups: Collection[str], way: str, port: int, peer: Peer) -> bool:
    """Whether one rule of one of the groups, in the region of `arn`, lets a connection with `peer` through."""
    known_groups = [group for group in (stored(ec2._security_groups, arn, name) for name in groups) if group]
    if way == IN and any(group["GroupName"] == "default" and group["GroupId"] in peer.groups for group in known_groups):
        return True
    return any(_is_for(rule, port) and _is_about(rule, peer) for group in known_groups for rule in group[way])


def _is_for(rule: dict[str, Any], port: int) -> bool:
    if rule["IpProtocol"] == "-1":
        return True
    return rule["IpProtocol"] in {"tcp", "6"} and rule.get("FromPort", -1) <= port <= rule.get("ToPort", -1)


def _is_about(rule: dict[str, Any], peer: Peer) -> bool:
    if any(pair.get("GroupId") in peer.groups for pair in rule.get("UserIdGroupPairs") or ()):
        return True
    ranges = [ipaddress.ip_network(item["CidrIp"], strict=False) for item in rule.get("IpRanges") or ()]
    if peer.address is None:
        return any(block.prefixlen == 0 for block in ranges)
    return any(ipaddress.ip_address(peer.address) in block for block in ranges)


@around(alb, "dispatch_request")
async def dispatch_request(dispatch: Any, balancer: dict[str, Any], *request: Any, **options: Any) -> Any:
    port = request[5] if len(request) > 5 else options.get("port", 80)
    if why := _refusal(balancer, port, _caller.get()):
        body = f"{balancer['LoadBalancerName']} {why}. On AWS, the connection would time out.\n"
        return 504, {"Content-Type": "text/plain"}, body.encode()
    return await dispatch(balancer, *request, **options)


@around(cloudfront, "_fetch_from_alb_origin")
async def fetch_from_alb_origin(fetch: Any, balancer: dict[str, Any], origin: dict[str, Any], *args: Any) -> Any:
    if not origin.get("load_balancer_arn"):
        return await fetch(balancer, origin, *args)  # by its public address, from outside
    caller = Peer(groups=_named(CLOUDFRONT, network_of(balancer)), address=OUTSIDE)
    _host, port, _tls = cloudfront._origin_connect_target(origin, args[5])
    if why := _refusal(balancer, port, caller):
        raise cloudfront.OriginTimeout(f"{balancer['LoadBalancerName']} {why}")
    token = _caller.set(caller)
    try:
        return await fetch(balancer, origin, *args)
    finally:
        _caller.reset(token)


def _refusal(balancer: dict[str, Any], port: int, caller: Peer | None) -> str:
    """Why a load balancer does not let somebody in; empty if it does."""
    if caller is None and balancer.get("Scheme") == "internal":
        return "is internal, and this request comes from outside its network"
    arn, groups = balancer["LoadBalancerArn"], _groups_of(balancer)
    ports = [item["Port"] for _, item in alb._listeners.all_items() if item["LoadBalancerArn"] == arn]
    if ports and port not in ports:
        port = ports[0]  # the listener that the emulator takes then
    if _lets(arn, groups, IN, port, caller or Peer(address=OUTSIDE)):
        return ""
    source = "CloudFront" if caller else "anybody outside"
    return f"lets {source} in on port {port} by no rule of its security groups ({', '.join(groups) or 'it has none'})"


@around(cloudfront, "_create_vpc_origin")
def create_vpc_origin(create: Any, body: Any) -> Any:
    status, headers, payload = create(body)
    if status == 202:
        arn, vpc = _place(cloudfront._vpc_origins[headers["Location"].rpartition("/")[2]])
        if vpc and not _named(CLOUDFRONT, vpc):
            _make_group(arn, vpc)
    return status, headers, payload


@around(cloudfront, "_delete_vpc_origin")
def delete_vpc_origin(delete: Any, identity: str, headers: Any) -> Any:
    origin = cloudfront._vpc_origins.get(identity)
    answer = delete(identity, headers)
    if origin is not None and answer[0] == 202:
        arn, vpc = _place(origin)
        others = [other for other in cloudfront._vpc_origins.values() if _place(other)[1] == vpc]
        for group in () if others else _named(CLOUDFRONT, vpc):
            with regions.scope_of(arn):
                ec2._ACTION_MAP["DeleteSecurityGroup"]({"GroupId": [group]})
    return answer


def _make_group(arn: str, vpc: str) -> None:
    with regions.scope_of(arn):
        ec2._ACTION_MAP["CreateSecurityGroup"](
            {"GroupName": [CLOUDFRONT], "GroupDescription": ["CloudFront VPC origins"], "VpcId": [vpc]}
        )
        for group in _named(CLOUDFRONT, vpc):
            ec2._tags[group] = [CLOUDFRONT_TAG]


def refers(group: dict[str, Any], name: str) -> bool:
    """Whether a rule of a group names another one."""
    pairs = [pair for way in (IN, OUT) for rule in group[way] for pair in rule.get("UserIdGroupPairs") or ()]
    return group["GroupId"] != name and any(pair.get("GroupId") == name for pair in pairs)


def _place(origin: dict[str, Any]) -> tuple[str, str]:
    """The ARN of a VPC origin's load balancer, and its network; empty where that is not known."""
    arn = str(origin["VpcOriginEndpointConfig"]["Arn"])
    balancer = stored(alb._lbs, arn)
    return arn, network_of(balancer) if balancer else ""


def _groups_of(balancer: dict[str, Any]) -> Sequence[str]:
    groups: Sequence[str] = balancer["SecurityGroups"]
    return groups or _named("default", network_of(balancer))


def network_of(balancer: dict[str, Any]) -> str:
    """That of its subnets: the emulator itself notes the default one, as a request does not name any."""
    return _vpc_of(balancer["LoadBalancerArn"], balancer["Subnets"]) or str(balancer["VpcId"])


def _named(name: str, vpc: str) -> list[str]:
    """The groups of a network that bear a name: one, or none."""
    groups = (group for _, group in ec2._security_groups.all_items())
    return [group["GroupId"] for group in groups if group["VpcId"] == vpc and group["GroupName"] == name]


def _vpc_of(arn: str, subnets: Sequence[str]) -> str:
    """The network of the first subnet that is known; empty if none is."""
    known_subnets = (stored(ec2._subnets, arn, subnet) for subnet in subnets)
    return next((str(subnet["VpcId"]) for subnet in known_subnets if subnet), "")


def _address(arn: str, subnets: Sequence[str]) -> str | None:
    """An address in the first subnet that is known: one that AWS does not keep for itself."""
    known_subnets = (stored(ec2._subnets, arn, subnet) for subnet in subnets)
    block = next((str(subnet["CidrBlock"]) for subnet in known_subnets if subnet), None)
    return str(ipaddress.ip_network(block)[4]) if block else None


def _balancer_of(target_group: str) -> dict[str, Any] | None:
    """The load balancer with a listener or a rule that forwards to a target group."""
    for _, rule in alb._rules.all_items():
        if target_group in _forwards(rule.get("Actions") or ()):
            return _owner(rule["ListenerArn"])
    for _, listener in alb._listeners.all_items():
        if target_group in _forwards(listener.get("DefaultActions") or ()):
            return _owner(listener["ListenerArn"])
    return None


def _owner(listener: str) -> dict[str, Any] | None:
    record = stored(alb._listeners, listener)
    balancer: dict[str, Any] | None = stored(alb._lbs, listener, record["LoadBalancerArn"]) if record else None
    return balancer


def _forwards(actions: Sequence[dict[str, Any]]) -> Iterator[str]:
    for action in actions:
        yield str(action.get("TargetGroupArn") or "")
        weighted = (action.get("ForwardConfig") or {}).get("TargetGroups") or ()
        yield from (str(item.get("TargetGroupArn") or "") for item in weighted)


def _service_of(target_group: str) -> dict[str, Any] | None:
    services: Iterator[dict[str, Any]] = (service for _, service in ecs._services.all_items())
    return next((service for service in services if _sends_to(service, target_group)), None)


def _sends_to(service: dict[str, Any], target_group: str) -> bool:
    balancers = service.get("loadBalancers") or ()
    return service.get("status") != "INACTIVE" and any(item.get("targetGroupArn") == target_group for item in balancers)

"""Load balancers."""

# The methods are those of Kind, which documents them; the tables are constants.
# ruff: noqa: D102, RUF012

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ..kind import Kind, camel, pascal, pick, words
from ..naming import Name
from ..session import Aws, GoneError
from ..wire import Props

_BALANCER_ATTRIBUTES = {
    "clientKeepAlive": "client_keep_alive.seconds",
    "desyncMitigationMode": "routing.http.desync_mitigation_mode",
    "dropInvalidHeaderFields": "routing.http.drop_invalid_header_fields.enabled",
    "enableCrossZoneLoadBalancing": "load_balancing.cross_zone.enabled",
    "enableDeletionProtection": "deletion_protection.enabled",
    "enableHttp2": "routing.http2.enabled",
    "enableWafFailOpen": "waf.fail_open.enabled",
    "enableXffClientPort": "routing.http.xff_client_port.enabled",
    "idleTimeout": "idle_timeout.timeout_seconds",
    "preserveHostHeader": "routing.http.preserve_host_header.enabled",
    "xffHeaderProcessingMode": "routing.http.xff_header_processing.mode",
}
_TARGET_ATTRIBUTES = {
    "deregistrationDelay": "deregistration_delay.timeout_seconds",
    "loadBalancingAlgorithmType": "load_balancing.algorithm.type",
    "slowStart": "slow_start.duration_seconds",
}


def _attributes(table: dict[str, str], new: Props, changed: Collection[str]) -> list[dict[str, str]]:
    return [
        {"Key": key, "Value": str(new[name]).lower() if isinstance(new[name], bool) else str(new[name])}
        for name, key in table.items()
        if name in changed and new.get(name) is not None
    ]


def _only(found: list[Props]) -> Props:
    if not found:
        raise GoneError
    return found[0]


class LoadBalancer(Kind):
    """A load balancer."""

    resource = "aws:lb/loadBalancer:LoadBalancer"
    replaces = words("name namePrefix internal loadBalancerType customerOwnedIpv4Pool")
    name = Name(limit=32)
    unordered = words("subnets securityGroups subnetMappings")
    defaults = {
        "enableDeletionProtection": False,
        "enableHttp2": True,
        "idleTimeout": 60,
        "internal": False,
        "ipAddressType": "ipv4",
        "loadBalancerType": "application",
        "dropInvalidHeaderFields": False,
    }
    tagged = ("elbv2", "arn")
    finish = True

    def create(self, aws: Aws, new: Props) -> str:
        wanted = pick(new, "name securityGroups ipAddressType", loadBalancerType="Type") | _places(new)
        wanted["Scheme"] = "internal" if new.get("internal") else "internet-facing"
        return str(aws.client("elbv2").create_load_balancer(**wanted)["LoadBalancers"][0]["LoadBalancerArn"])

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        found = _only(aws.client("elbv2").describe_load_balancers(LoadBalancerArns=[identity])["LoadBalancers"])
        return {
            "arn": identity,
            "arnSuffix": identity.split(":loadbalancer/", 1)[-1],
            "name": found["LoadBalancerName"],
            "dnsName": found["DNSName"],
            "zoneId": found.get("CanonicalHostedZoneId", ""),
            "vpcId": found.get("VpcId", ""),
            "internal": found.get("Scheme") == "internal",
        }

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        elb = aws.client("elbv2")
        attributes = _attributes(_BALANCER_ATTRIBUTES, new, changed)
        logs = new.get("accessLogs") or {}
        if "accessLogs" in changed:
            enabled = bool(logs.get("enabled"))
            attributes.append({"Key": "access_logs.s3.enabled", "Value": str(enabled).lower()})
            if enabled:
                attributes.append({"Key": "access_logs.s3.bucket", "Value": logs["bucket"]})
                attributes.append({"Key": "access_logs.s3.prefix", "Value": logs.get("prefix") or ""})
        if attributes:
            elb.modify_load_balancer_attributes(LoadBalancerArn=identity, Attributes=attributes)
        if old and "securityGroups" in changed:
            elb.set_security_groups(LoadBalancerArn=identity, SecurityGroups=new.get("securityGroups") or [])
        if old and {"subnets", "subnetMappings"} & set(changed):
            elb.set_subnets(LoadBalancerArn=identity, **_places(new))
        if old and "ipAddressType" in changed:
            elb.set_ip_address_type(LoadBalancerArn=identity, IpAddressType=new.get("ipAddressType", "ipv4"))

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        aws.client("elbv2").delete_load_balancer(LoadBalancerArn=identity)


def _places(new: Props) -> Props:
    wanted = pick(new, "subnets")
    if new.get("subnetMappings"):
        wanted["SubnetMappings"] = [
            pick(place, "subnetId allocationId", privateIpv4Address="PrivateIPv4Address", ipv6Address="IPv6Address")
            for place in new["subnetMappings"]
        ]
    return wanted


class TargetGroup(Kind):
    """Where a load balancer sends requests, and how it knows that the targets are well."""

    resource = "aws:lb/targetGroup:TargetGroup"
    replaces = words("name namePrefix port protocol protocolVersion targetType vpcId ipAddressType targetControlPort")
    name = Name(limit=32)
    defaults = {"deregistrationDelay": 300, "slowStart": 0, "targetType": "instance"}
    tagged = ("elbv2", "arn")
    finish = True

    def create(self, aws: Aws, new: Props) -> str:
        wanted = pick(new, "name port protocol protocolVersion vpcId targetType ipAddressType") | _health(new)
        return str(aws.client("elbv2").create_target_group(**wanted)["TargetGroups"][0]["TargetGroupArn"])

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        found = _only(aws.client("elbv2").describe_target_groups(TargetGroupArns=[identity])["TargetGroups"])
        return {
            "arn": identity,
            "arnSuffix": identity.rsplit(":", 1)[-1],
            "name": found["TargetGroupName"],
            "loadBalancerArns": found.get("LoadBalancerArns", []),
        }

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        attributes = _attributes(_TARGET_ATTRIBUTES, new, changed)
        if "stickiness" in changed:
            stickiness = new.get("stickiness") or {"enabled": False, "type": "lb_cookie"}
            enabled = str(stickiness.get("enabled", True)).lower()
            attributes += [{"Key": "stickiness.enabled", "Value": enabled}]
            attributes += [{"Key": "stickiness.type", "Value": stickiness["type"]}]
        if attributes:
            aws.client("elbv2").modify_target_group_attributes(TargetGroupArn=identity, Attributes=attributes)
        if old and "healthCheck" in changed:
            aws.client("elbv2").modify_target_group(TargetGroupArn=identity, **_health(new))

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        aws.client("elbv2").delete_target_group(TargetGroupArn=identity)


def _health(new: Props) -> Props:
    check = new.get("healthCheck") or {}
    wanted = pick(
        check,
        "",
        enabled="HealthCheckEnabled",
        interval="HealthCheckIntervalSeconds",
        path="HealthCheckPath",
        port="HealthCheckPort",
        protocol="HealthCheckProtocol",
        timeout="HealthCheckTimeoutSeconds",
        healthyThreshold="HealthyThresholdCount",
        unhealthyThreshold="UnhealthyThresholdCount",
    )
    if check.get("matcher"):
        grpc = str(new.get("protocolVersion")) == "GRPC"
        wanted["Matcher"] = {"GrpcCode" if grpc else "HttpCode": check["matcher"]}
    return wanted


def _actions(actions: list[Props]) -> list[Props]:
    return [_action(action, order) for order, action in enumerate(actions, 1)]


def _action(action: Props, order: int) -> Props:
    wanted: Props = {"Type": action["type"], "Order": action.get("order", order)}
    if action.get("targetGroupArn"):
        wanted["TargetGroupArn"] = action["targetGroupArn"]
    for name, target in {"fixedResponse": "FixedResponseConfig", "redirect": "RedirectConfig"}.items():
        if action.get(name):
            wanted[target] = pascal(action[name])
    forward = action.get("forward")
    if forward:
        groups = [
            {"TargetGroupArn": group["arn"], "Weight": group.get("weight", 1)} for group in forward["targetGroups"]
        ]
        wanted["ForwardConfig"] = {"TargetGroups": groups}
        if forward.get("stickiness"):
            stickiness = {"Enabled": forward["stickiness"].get("enabled", False)}
            stickiness["DurationSeconds"] = forward["stickiness"]["duration"]
            wanted["ForwardConfig"]["TargetGroupStickinessConfig"] = stickiness
    return wanted


class Listener(Kind):
    """A port of a load balancer."""

    resource = "aws:lb/listener:Listener"
    replaces = words("loadBalancerArn")
    tagged = ("elbv2", "arn")

    def create(self, aws: Aws, new: Props) -> str:
        made = aws.client("elbv2").create_listener(LoadBalancerArn=new["loadBalancerArn"], **self._wanted(new))
        return str(made["Listeners"][0]["ListenerArn"])

    def _wanted(self, new: Props) -> Props:
        wanted = pick(new, "port sslPolicy") | {"DefaultActions": _actions(new["defaultActions"])}
        wanted["Protocol"] = new.get("protocol") or ("HTTPS" if new.get("port") == 443 else "HTTP")
        if new.get("certificateArn"):
            wanted["Certificates"] = [{"CertificateArn": new["certificateArn"]}]
        return wanted

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        found = _only(aws.client("elbv2").describe_listeners(ListenerArns=[identity])["Listeners"])
        live = {"arn": identity, "loadBalancerArn": found["LoadBalancerArn"]}
        return live | {key: value for key, value in camel(found).items() if key in ("port", "protocol", "sslPolicy")}

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        aws.client("elbv2").modify_listener(ListenerArn=identity, **self._wanted(new))

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        aws.client("elbv2").delete_listener(ListenerArn=identity)


class ListenerRule(Kind):
    """Which requests go where."""

    resource = "aws:lb/listenerRule:ListenerRule"
    replaces = words("listenerArn")
    unordered = words("conditions")
    tagged = ("elbv2", "arn")

    def create(self, aws: Aws, new: Props) -> str:
        elb = aws.client("elbv2")
        priority = new.get("priority")
        if priority is None:
            rules = elb.describe_rules(ListenerArn=new["listenerArn"])["Rules"]
            priority = 1 + max((int(rule["Priority"]) for rule in rules if rule["Priority"].isdigit()), default=0)
        made = elb.create_rule(ListenerArn=new["listenerArn"], Priority=priority, **self._wanted(new))
        return str(made["Rules"][0]["RuleArn"])

    def _wanted(self, new: Props) -> Props:
        return {"Actions": _actions(new["actions"]), "Conditions": [_condition(item) for item in new["conditions"]]}

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        found = _only(aws.client("elbv2").describe_rules(RuleArns=[identity])["Rules"])
        return {"arn": identity, "priority": int(found["Priority"])}

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        elb = aws.client("elbv2")
        elb.modify_rule(RuleArn=identity, **self._wanted(new))
        if "priority" in changed and new.get("priority"):
            elb.set_rule_priorities(RulePriorities=[{"RuleArn": identity, "Priority": new["priority"]}])

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        aws.client("elbv2").delete_rule(RuleArn=identity)


def _condition(condition: Props) -> Props:
    fields = {
        "hostHeader": "host-header",
        "httpHeader": "http-header",
        "httpRequestMethod": "http-request-method",
        "pathPattern": "path-pattern",
        "sourceIp": "source-ip",
    }
    for name, field in fields.items():
        if condition.get(name):
            config: dict[str, Any] = pascal(condition[name])
            if "HttpHeaderName" in config:
                config["HttpHeaderName"] = condition[name]["httpHeaderName"]
            return {"Field": field, f"{name[:1].upper()}{name[1:]}Config": config}
    return {"Field": "query-string", "QueryStringConfig": {"Values": pascal(condition.get("queryStrings") or [])}}

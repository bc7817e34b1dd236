"""Load balancers."""

from __future__ import annotations

import re
from collections.abc import Collection

from local.plugin.wire import Props

from ..kind import Change, Kind, Name, words
from ..session import Aws
from ..spelling import as_text

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
_LOG_ATTRIBUTES = {
    "enabled": "access_logs.s3.enabled",
    "bucket": "access_logs.s3.bucket",
    "prefix": "access_logs.s3.prefix",
}
_TARGET_ATTRIBUTES = {
    "deregistrationDelay": "deregistration_delay.timeout_seconds",
    "loadBalancingAlgorithmType": "load_balancing.algorithm.type",
    "proxyProtocolV2": "proxy_protocol_v2.enabled",
    "slowStart": "slow_start.duration_seconds",
}
_STICKINESS_ATTRIBUTES = {"enabled": "stickiness.enabled", "type": "stickiness.type"}


def _attributes(table: dict[str, str], props: Props, names: Collection[str]) -> list[dict[str, str]]:
    attributes = {key: props[name] for name, key in table.items() if name in names and props.get(name) is not None}
    return [{"Key": key, "Value": as_text(value)} for key, value in attributes.items()]


class LoadBalancer(Kind):
    resource = "aws:lb/loadBalancer:LoadBalancer"
    service, make, identity = "elbv2", "create_load_balancer", "LoadBalancers.0.LoadBalancerArn"
    get, answer_path, remove = "describe_load_balancers", "LoadBalancers", "delete_load_balancer"
    keys = {"LoadBalancerArn": "id"}
    spelled = {"loadBalancerType": "Type", "outpostId": ""}
    changes = (
        Change("set_security_groups", "securityGroups"),
        Change("set_subnets", "subnets subnetMappings"),
        Change("set_ip_address_type", "ipAddressType"),
    )
    outputs = {
        "arn": "LoadBalancerArn",
        "name": "LoadBalancerName",
        "dnsName": "DNSName",
        "zoneId": "CanonicalHostedZoneId",
    }
    alike = words("vpcId")
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
    handled = words("internal accessLogs") | set(_BALANCER_ATTRIBUTES)
    tagged = "arn"
    finish = True

    def arguments(self, operation: str, props: Props) -> Props:
        scheme = {"scheme": "internal" if props.get("internal") else "internet-facing"}
        return super().arguments(operation, props | scheme)

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        answer, live = self.find(aws, identity, state), super().read(aws, identity, state)
        live["arnSuffix"] = identity.split(":loadbalancer/", 1)[-1]
        return live | {"internal": answer.get("Scheme") == "internal"}

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        attributes = _attributes(_BALANCER_ATTRIBUTES, new, changed)
        if "accessLogs" in changed:
            logs = new.get("accessLogs") or {}
            logs = {"prefix": "", **logs, "enabled": True} if logs.get("enabled") else {"enabled": False}
            attributes += _attributes(_LOG_ATTRIBUTES, logs, logs)
        if attributes:
            aws.client("elbv2").modify_load_balancer_attributes(LoadBalancerArn=identity, Attributes=attributes)
        super().update(aws, identity, new, old, changed)


class TargetGroup(Kind):
    """Where a load balancer sends requests, and how it knows that the targets are well."""

    resource = "aws:lb/targetGroup:TargetGroup"
    service, make, identity = "elbv2", "create_target_group", "TargetGroups.0.TargetGroupArn"
    get, answer_path, remove = "describe_target_groups", "TargetGroups", "delete_target_group"
    keys = {"TargetGroupArn": "id"}
    outputs = {"arn": "TargetGroupArn", "name": "TargetGroupName"}
    alike = words("loadBalancerArns")
    replaces = words("name namePrefix port protocol protocolVersion targetType vpcId ipAddressType targetControlPort")
    name = Name(limit=32)
    defaults = {"deregistrationDelay": 300, "slowStart": 0, "targetType": "instance"}
    handled = words("healthCheck stickiness") | set(_TARGET_ATTRIBUTES)
    tagged = "arn"
    finish = True
    _health: Props = {
        "enabled": "healthCheckEnabled",
        "interval": "healthCheckIntervalSeconds",
        "path": "healthCheckPath",
        "port": "healthCheckPort",
        "protocol": "healthCheckProtocol",
        "timeout": "healthCheckTimeoutSeconds",
        "healthyThreshold": "healthyThresholdCount",
        "unhealthyThreshold": "unhealthyThresholdCount",
    }

    def arguments(self, operation: str, props: Props) -> Props:
        check = props.get("healthCheck") or {}
        health: Props = {target: check.get(name) for name, target in self._health.items()}
        if check.get("matcher"):
            health["matcher"] = {"grpcCode" if props.get("protocolVersion") == "GRPC" else "httpCode": check["matcher"]}
        return super().arguments(operation, props | health)

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        return super().read(aws, identity, state) | {"arnSuffix": identity.rsplit(":", 1)[-1]}

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        attributes = _attributes(_TARGET_ATTRIBUTES, new, changed)
        if "stickiness" in changed:
            stickiness = {"enabled": True} | (new.get("stickiness") or {"enabled": False, "type": "lb_cookie"})
            attributes += _attributes(_STICKINESS_ATTRIBUTES, stickiness, stickiness)
        if attributes:
            aws.client("elbv2").modify_target_group_attributes(TargetGroupArn=identity, Attributes=attributes)
        if old and "healthCheck" in changed:
            arguments = self.arguments("modify_target_group", new) | {"TargetGroupArn": identity}
            aws.client("elbv2").modify_target_group(**arguments)


class _WithActions(Kind):
    """What sends requests on: each action is numbered, and has its settings under another name."""

    service, tagged = "elbv2", "arn"
    _actions: str
    spelled = {
        "fixedResponse": "FixedResponseConfig",
        "redirect": "RedirectConfig",
        "forward": "ForwardConfig",
        "arn": "TargetGroupArn",
        "stickiness": "TargetGroupStickinessConfig",
        "duration": "DurationSeconds",
    }

    def arguments(self, operation: str, props: Props) -> Props:
        actions = [{"order": order} | action for order, action in enumerate(props[self._actions], 1)]
        return super().arguments(operation, props | {self._actions: actions})


class Listener(_WithActions):
    resource = "aws:lb/listener:Listener"
    make, identity, remove = "create_listener", "Listeners.0.ListenerArn", "delete_listener"
    get, answer_path, keys = "describe_listeners", "Listeners", {"ListenerArn": "id"}
    changes = (Change("modify_listener"),)
    outputs = {"arn": "ListenerArn"}
    alike = words("loadBalancerArn port protocol sslPolicy")
    replaces = words("loadBalancerArn")
    handled = words("certificateArn")
    _actions = "defaultActions"

    def arguments(self, operation: str, props: Props) -> Props:
        more: Props = {"protocol": props.get("protocol") or ("HTTPS" if props.get("port") == 443 else "HTTP")}
        if props.get("certificateArn"):
            more["certificates"] = [{"certificateArn": props["certificateArn"]}]
        return super().arguments(operation, props | more)


class ListenerRule(_WithActions):
    resource = "aws:lb/listenerRule:ListenerRule"
    make, identity, remove = "create_rule", "Rules.0.RuleArn", "delete_rule"
    get, answer_path, keys = "describe_rules", "Rules", {"RuleArn": "id"}
    changes = (Change("modify_rule"),)
    handled = words("priority")
    replaces = words("listenerArn")
    unordered = words("conditions conditions.pathPattern.values conditions.hostHeader.values")
    _actions = "actions"

    def arguments(self, operation: str, props: Props) -> Props:
        conditions = [_condition(condition) for condition in props["conditions"]]
        return super().arguments(operation, props | {"conditions": conditions})

    def create(self, aws: Aws, new: Props) -> str:
        priority = new.get("priority")
        if priority is None:
            rules = aws.client("elbv2").describe_rules(ListenerArn=new["listenerArn"])["Rules"]
            priority = 1 + max((int(rule["Priority"]) for rule in rules if rule["Priority"].isdigit()), default=0)
        return super().create(aws, new | {"priority": priority})

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        return {"arn": identity, "priority": int(self.find(aws, identity, state)["Priority"])}

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        elb = aws.client("elbv2")
        elb.modify_rule(**self.arguments("modify_rule", new), RuleArn=identity)
        if "priority" in changed and new.get("priority"):
            elb.set_rule_priorities(RulePriorities=[{"RuleArn": identity, "Priority": new["priority"]}])


def _condition(condition: Props) -> Props:
    """The kind of a condition is which of its properties is set; AWS wants it named."""
    ((name, value),) = [(name, value) for name, value in condition.items() if value]
    if name == "queryStrings":
        return {"field": "query-string", "queryStringConfig": {"values": value}}
    return {"field": re.sub("([A-Z])", r"-\1", name).lower(), f"{name}Config": value}

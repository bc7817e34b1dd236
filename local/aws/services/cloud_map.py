"""Names by which services find each other. The emulator keeps them; tasks are not registered, and no name resolves."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from typing import Any

from local.plugin.provider import PluginError
from local.plugin.wire import Props

from ..kind import Kind, words
from ..session import Aws, tries
from ..spelling import members, spell_members

WAIT_S = 30


def _await(aws: Aws, operation: str) -> Props:
    """What an operation made, once it has ended."""
    for _ in tries(WAIT_S):
        answer = aws.client("servicediscovery").get_operation(OperationId=operation)["Operation"]
        if answer["Status"] == "SUCCESS":
            targets: Props = answer["Targets"]
            return targets
        if answer["Status"] == "FAIL":
            break
    raise PluginError(f"Cloud Map: {answer['Status']}: {answer.get('ErrorMessage', f'not done in {WAIT_S} s')}")


class _Namespace(Kind):
    service, get, answer_path, remove = "servicediscovery", "get_namespace", "Namespace", "delete_namespace"
    keys = {"Id": "id"}
    handled = words("description")
    tagged = "arn"

    def create(self, aws: Aws, new: Props) -> str:
        arguments = self.arguments(self.make, new) | {"CreatorRequestId": str(uuid.uuid4())}
        return str(_await(aws, self.call(aws, self.make, arguments)["OperationId"])["NAMESPACE"])

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        operation = self.make.replace("create", "update")
        change = {"Id": identity, "Namespace": {"Description": new.get("description") or ""}}
        _await(aws, self.call(aws, operation, change | {"UpdaterRequestId": str(uuid.uuid4())})["OperationId"])

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        _await(aws, self.call(aws, self.remove, {"Id": identity})["OperationId"])


class HttpNamespace(_Namespace):
    resource = "aws:servicediscovery/httpNamespace:HttpNamespace"
    make = "create_http_namespace"
    outputs = {"httpName": "Properties.HttpProperties.HttpName"}
    alike = words("arn name")
    handled = frozenset[str]()
    replaces = words("name description")


class PrivateDnsNamespace(_Namespace):
    resource = "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace"
    make = "create_private_dns_namespace"
    outputs = {"hostedZone": "Properties.DnsProperties.HostedZoneId"}
    alike = words("arn name")
    replaces = words("name vpc")


class DiscoveredService(Kind):
    """A service of Cloud Map; an ECS service registers its tasks there."""

    resource = "aws:servicediscovery/service:Service"
    service, make, identity, remove = "servicediscovery", "create_service", "Service.Id", "delete_service"
    get, answer_path, keys = "get_service", "Service", {"Id": "id"}
    alike = words("arn name namespaceId type")
    handled = words("description dnsConfig healthCheckConfig")
    honoured = words("forceDestroy")
    replaces = words(
        "name namespaceId type dnsConfig.namespaceId dnsConfig.routingPolicy dnsConfig.dnsRecords.type "
        "healthCheckConfig.type healthCheckCustomConfig"
    )
    tagged = "arn"
    defaults = {"forceDestroy": False}

    def replaced_by(self, old: Props, new: Props) -> frozenset[str]:
        """A health check that comes or goes does so with its type."""
        both = old.get("healthCheckConfig") and new.get("healthCheckConfig")
        return self.replaces if both else self.replaces | {"healthCheckConfig"}

    def create(self, aws: Aws, new: Props) -> str:
        # AWS takes the namespace from the DNS configuration, too; the emulator does not.
        namespace = (new.get("dnsConfig") or {}).get("namespaceId")
        arguments = ({"NamespaceId": namespace} if namespace else {}) | self.arguments(self.make, new)
        answer = self.call(aws, self.make, arguments | {"CreatorRequestId": str(uuid.uuid4())})
        return str(answer["Service"]["Id"])

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        change: dict[str, Any] = {"description": new.get("description") or ""}
        change |= {name: new[name] for name in ("dnsConfig", "healthCheckConfig") if new.get(name)}
        if "dnsConfig" in change:
            change["dnsConfig"] = {"dnsRecords": change["dnsConfig"]["dnsRecords"]}
        shapes = members("servicediscovery", "update_service")["Service"].members
        self.call(aws, "update_service", {"Id": identity, "Service": spell_members(shapes, change, {})})

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        if state.get("forceDestroy"):
            client = aws.client("servicediscovery")
            for instance in client.list_instances(ServiceId=identity)["Instances"]:
                _await(aws, client.deregister_instance(ServiceId=identity, InstanceId=instance["Id"])["OperationId"])
        super().delete(aws, identity, state)

"""Clusters and services."""

# The methods are those of Kind, which documents them; the tables are constants.
# ruff: noqa: D102, RUF012

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any

from ..kind import Kind, respell, words
from ..naming import Name
from ..session import Aws, GoneError, PluginError
from ..wire import Props

DRAIN_DEADLINE_S = 120
DRAIN_INTERVAL_S = 0.5
CLUSTER = {"s3BucketEncryptionEnabled": "s3EncryptionEnabled"}
CONNECT = {"clientAlias": "clientAliases", "issuerCertAuthority": "issuerCertificateAuthority"}
"""Names that ECS writes in its own way."""
DESCRIBED_AT_ONCE = 100
"""Tasks that one call describes."""


class Cluster(Kind):
    """A cluster."""

    resource = "aws:ecs/cluster:Cluster"
    replaces = words("name")
    name = Name()
    unordered = words("settings")
    tagged = ("ecs", "arn")

    def create(self, aws: Aws, new: Props) -> str:
        more = {key: new[key] for key in ("settings", "configuration", "serviceConnectDefaults") if new.get(key)}
        made = aws.client("ecs").create_cluster(clusterName=new["name"], **respell(more, CLUSTER))
        return str(made["cluster"]["clusterArn"])

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        found = aws.client("ecs").describe_clusters(clusters=[identity], include=["SETTINGS"])["clusters"]
        if not found or found[0].get("status") == "INACTIVE":
            raise GoneError
        settings = {"settings": found[0]["settings"]} if found[0].get("settings") else {}
        return {"arn": found[0]["clusterArn"], "name": found[0]["clusterName"]} | settings

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        more = {key: new.get(key) or [] for key in ("settings",) if key in changed}
        more |= {
            key: new[key] for key in ("configuration", "serviceConnectDefaults") if key in changed and new.get(key)
        }
        aws.client("ecs").update_cluster(cluster=identity, **respell(more, CLUSTER))

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        aws.client("ecs").delete_cluster(cluster=identity)


class ClusterCapacityProviders(Kind):
    """Where the tasks of a cluster may run."""

    resource = "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders"
    replaces = words("clusterName")
    unordered = words("capacityProviders defaultCapacityProviderStrategies")

    def create(self, aws: Aws, new: Props) -> str:
        aws.client("ecs").put_cluster_capacity_providers(
            cluster=new["clusterName"],
            capacityProviders=new.get("capacityProviders") or [],
            defaultCapacityProviderStrategy=new.get("defaultCapacityProviderStrategies") or [],
        )
        return str(new["clusterName"])

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        found = aws.client("ecs").describe_clusters(clusters=[identity])["clusters"]
        if not found or found[0].get("status") == "INACTIVE":
            raise GoneError
        return {"clusterName": identity, "capacityProviders": found[0].get("capacityProviders", [])}

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        self.create(aws, new)

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        self.create(aws, {"clusterName": identity})


class Service(Kind):
    """A service. Another process moves it between revisions: only what changed is ever sent."""

    resource = "aws:ecs/service:Service"
    replaces = words("cluster name launchType schedulingStrategy deploymentController iamRole")
    name = Name()
    unordered = words(
        "networkConfiguration.subnets networkConfiguration.securityGroups loadBalancers alarms.alarmNames "
        "capacityProviderStrategies placementConstraints volumeConfiguration"
    )
    defaults = {
        "desiredCount": 0,
        "deploymentMaximumPercent": 200,
        "deploymentMinimumHealthyPercent": 100,
        "enableEcsManagedTags": False,
        "enableExecuteCommand": False,
        "schedulingStrategy": "REPLICA",
        "waitForSteadyState": False,
    }
    tagged = ("ecs", "arn")
    _simple = (
        "taskDefinition desiredCount platformVersion healthCheckGracePeriodSeconds enableExecuteCommand "
        "propagateTags serviceConnectConfiguration availabilityZoneRebalancing loadBalancers forceNewDeployment"
    )
    _deployment = words(
        "alarms deploymentCircuitBreaker deploymentMaximumPercent deploymentMinimumHealthyPercent "
        "deploymentConfiguration"
    )

    def replaced_by(self, old: Props, new: Props) -> frozenset[str]:
        """Capacity providers are changed in place by a forced deployment alone."""
        return self.replaces if new.get("forceNewDeployment") else self.replaces | {"capacityProviderStrategies"}

    def create(self, aws: Aws, new: Props) -> str:
        wanted = self._wanted(new, set(new) - {"forceNewDeployment"})
        wanted |= {
            key: new[key] for key in ("launchType", "schedulingStrategy", "deploymentController") if new.get(key)
        }
        wanted.setdefault("desiredCount", 0)
        _require_parts(aws, new, new)
        made = aws.client("ecs").create_service(
            serviceName=new["name"], cluster=new.get("cluster", "default"), **wanted
        )
        return str(made["service"]["serviceArn"])

    def _wanted(self, new: Props, changed: Collection[str]) -> Props:
        wanted: Props = {key: new[key] for key in self._simple.split() if key in changed and new.get(key) is not None}
        if "enableEcsManagedTags" in changed:
            wanted["enableECSManagedTags"] = new.get("enableEcsManagedTags", False)
        network = new.get("networkConfiguration")
        if "networkConfiguration" in changed and network:
            public = "ENABLED" if network.get("assignPublicIp") else "DISABLED"
            wanted["networkConfiguration"] = {"awsvpcConfiguration": network | {"assignPublicIp": public}}
        if self._deployment & set(changed):
            wanted["deploymentConfiguration"] = _deployment(new)
        for key, target in {
            "capacityProviderStrategies": "capacityProviderStrategy",
            "orderedPlacementStrategies": "placementStrategy",
            "placementConstraints": "placementConstraints",
        }.items():
            if key in changed:
                wanted[target] = new.get(key) or []
        if "serviceRegistries" in changed:
            wanted["serviceRegistries"] = [new["serviceRegistries"]] if new.get("serviceRegistries") else []
        if wanted.get("serviceConnectConfiguration"):
            wanted["serviceConnectConfiguration"] = _connect(wanted["serviceConnectConfiguration"])
        return wanted

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        cluster = state.get("cluster") or identity.split("/")[-2]
        found = aws.client("ecs").describe_services(cluster=cluster, services=[identity])["services"]
        if not found or found[0].get("status") == "INACTIVE":
            raise GoneError
        service = found[0]
        arn, name = service["serviceArn"], service["serviceName"]
        names = ("desiredCount", "taskDefinition", "platformVersion", "healthCheckGracePeriodSeconds", "launchType")
        live = {"arn": arn, "name": name, "cluster": service["clusterArn"]}
        if state.get("cluster", "").rsplit("/", 1)[-1] == live["cluster"].rsplit("/", 1)[-1]:
            del live["cluster"]
        return live | {key: service[key] for key in names if service.get(key) is not None}

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        wanted = self._wanted(new, changed)
        _require_parts(aws, new, wanted)
        if wanted:
            aws.client("ecs").update_service(cluster=new.get("cluster", "default"), service=identity, **wanted)

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        ecs, cluster = aws.client("ecs"), state.get("cluster", "default")
        tasks = _tasks(ecs, cluster, state["name"])
        if state.get("schedulingStrategy") != "DAEMON":
            ecs.update_service(cluster=cluster, service=identity, desiredCount=0)
        ecs.delete_service(cluster=cluster, service=identity, force=True)
        deadline = time.monotonic() + DRAIN_DEADLINE_S
        while left := [task for task in _described(ecs, cluster, tasks) if task["lastStatus"] != "STOPPED"]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(left)} tasks still run {DRAIN_DEADLINE_S} s after the service was deleted")
            time.sleep(DRAIN_INTERVAL_S)


def _tasks(ecs: Any, cluster: str, service: str) -> list[str]:
    """Tasks of a service that run, and those that are told to stop."""
    pages = ecs.get_paginator("list_tasks")
    wanted = [
        {"cluster": cluster, "serviceName": service, "desiredStatus": status} for status in ("RUNNING", "STOPPED")
    ]
    return [arn for which in wanted for page in pages.paginate(**which) for arn in page["taskArns"]]


def _described(ecs: Any, cluster: str, tasks: list[str]) -> list[Props]:
    found: list[Props] = []
    for first in range(0, len(tasks), DESCRIBED_AT_ONCE):
        found += ecs.describe_tasks(cluster=cluster, tasks=tasks[first : first + DESCRIBED_AT_ONCE])["tasks"]
    return found


def _connect(configuration: Props) -> Props:
    spelled: Props = respell(configuration, CONNECT)
    for service in spelled.get("services") or []:
        for alias in service.get("clientAliases") or []:
            if alias.get("testTrafficRules"):
                alias["testTrafficRules"] = alias["testTrafficRules"][0]
    return spelled


def _require_parts(aws: Aws, new: Props, wanted: Props) -> None:
    """Refuse a cluster or a task definition that is not there: the emulator takes any name."""
    cluster = new.get("cluster", "default")
    found = aws.client("ecs").describe_clusters(clusters=[cluster])["clusters"]
    if not found or found[0].get("status") == "INACTIVE":
        raise PluginError(f"ClusterNotFoundException: there is no ECS cluster {cluster}")
    revision = wanted.get("taskDefinition")
    if revision:
        known = aws.client("ecs").describe_task_definition(taskDefinition=revision)["taskDefinition"]
        if known.get("status") == "INACTIVE":
            raise PluginError(f"ClientException: the task definition {revision} is INACTIVE")


def _deployment(new: Props) -> Props:
    names = {"deploymentMaximumPercent": "maximumPercent", "deploymentMinimumHealthyPercent": "minimumHealthyPercent"}
    wanted: Props = {target: new[key] for key, target in names.items() if new.get(key) is not None}
    same: dict[str, Any] = {key: new[key] for key in ("deploymentCircuitBreaker", "alarms") if new.get(key)}
    strategy: Props = _with_minutes(new.get("deploymentConfiguration") or {})
    return wanted | same | strategy


def _with_minutes(value: Any) -> Any:
    """Pulumi has texts where ECS has numbers of minutes."""
    if isinstance(value, dict):
        return {key: int(item) if key.endswith("InMinutes") else _with_minutes(item) for key, item in value.items()}
    return [_with_minutes(item) for item in value] if isinstance(value, list) else value

"""Clusters and services."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from local.plugin.provider import PluginError
from local.plugin.wire import Props

from ..kind import Change, Kind, Name, words
from ..session import Aws, GoneError, tries

DRAIN_DEADLINE_S = 120
DESCRIBED_AT_ONCE = 100
"""Tasks that one call describes."""


class Cluster(Kind):
    resource = "aws:ecs/cluster:Cluster"
    service, make, identity, get = "ecs", "create_cluster", "cluster.clusterArn", "describe_clusters"
    answer_path, remove, keys = "clusters", "delete_cluster", {"cluster": "id"}
    spelled = {"name": "clusterName", "s3BucketEncryptionEnabled": "s3EncryptionEnabled"}
    changes = (
        Change("update_cluster", "settings"),
        Change("update_cluster", "configuration"),
        Change("update_cluster", "serviceConnectDefaults"),
    )
    outputs = {"arn": "clusterArn", "name": "clusterName"}
    alike = words("settings")
    replaces = words("name")
    name = Name()
    unordered = words("settings")
    tagged = "arn"

    def where(self, operation: str, identity: str, props: Props) -> Props:
        arguments = super().where(operation, identity, props)
        return arguments | ({"include": ["SETTINGS"]} if operation == self.get else {})


class ClusterCapacityProviders(Kind):
    resource = "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders"
    service, make, identity = "ecs", "put_cluster_capacity_providers", "{clusterName}"
    get, answer_path, keys = "describe_clusters", "clusters", {"cluster": "clusterName"}
    put = True
    alike = words("clusterName capacityProviders")
    replaces = words("clusterName")
    unordered = words("capacityProviders defaultCapacityProviderStrategies")

    def arguments(self, operation: str, props: Props) -> Props:
        return super().arguments(operation, {"capacityProviders": [], "defaultCapacityProviderStrategies": []} | props)

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        self.create(aws, {"clusterName": identity})


class Service(Kind):
    """A service. Another process moves it between revisions: only what changed is ever sent."""

    resource = "aws:ecs/service:Service"
    service, make, identity, get = "ecs", "create_service", "service.serviceArn", "describe_services"
    answer_path, keys, changes = "services", {"service": "id"}, (Change("update_service"),)
    outputs = {"arn": "serviceArn", "name": "serviceName"}
    alike = words("desiredCount taskDefinition platformVersion healthCheckGracePeriodSeconds launchType")
    spelled = {
        "name": "serviceName",
        "sizeInGb": "sizeInGiB",
        "orderedPlacementStrategies": "placementStrategy",
        "issuerCertAuthority": "issuerCertificateAuthority",
    }
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
    _deployment = {
        "deploymentMaximumPercent": "maximumPercent",
        "deploymentMinimumHealthyPercent": "minimumHealthyPercent",
        "deploymentCircuitBreaker": "deploymentCircuitBreaker",
        "alarms": "alarms",
    }
    _lists = words(
        "capacityProviderStrategies orderedPlacementStrategies placementConstraints serviceRegistries loadBalancers"
    )
    handled = words("forceNewDeployment") | set(_deployment)
    honoured = words("forceDelete")
    recorded = words("waitForSteadyState")
    tagged = "arn"

    def replaced_by(self, old: Props, new: Props) -> frozenset[str]:
        """Capacity providers are changed in place by a forced deployment alone."""
        return self.replaces if new.get("forceNewDeployment") else self.replaces | {"capacityProviderStrategies"}

    def arguments(self, operation: str, props: Props) -> Props:
        """Properties as ECS nests them."""
        network = props.get("networkConfiguration")
        if network:
            public = "ENABLED" if network.get("assignPublicIp") else "DISABLED"
            props = props | {"networkConfiguration": {"awsvpcConfiguration": network | {"assignPublicIp": public}}}
        deployment = {target: props[name] for name, target in self._deployment.items() if props.get(name) is not None}
        deployment |= props.get("deploymentConfiguration") or {}
        return super().arguments(operation, props | {"deploymentConfiguration": deployment or None})

    def create(self, aws: Aws, new: Props) -> str:
        _require_parts(aws, new, new)
        return super().create(aws, {"desiredCount": 0, "cluster": "default"} | new)

    def find(self, aws: Aws, identity: str, state: Props) -> Any:
        cluster = state.get("cluster") or identity.split("/")[-2]
        services = aws.client("ecs").describe_services(cluster=cluster, services=[identity])["services"]
        if not services or services[0].get("status") == "INACTIVE":
            raise GoneError
        return services[0]

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        cluster, live = self.find(aws, identity, state)["clusterArn"], super().read(aws, identity, state)
        same = state.get("cluster", "").rsplit("/", 1)[-1] == cluster.rsplit("/", 1)[-1]
        return live if same else live | {"cluster": cluster}

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        names = set(changed)
        if names & {*self._deployment, "deploymentConfiguration"}:
            names |= {*self._deployment, "deploymentConfiguration"}
        emptied: Props = {name: [] for name in self._lists if name in names}
        properties = emptied | {name: new[name] for name in names if new.get(name) is not None}
        arguments = self.arguments("update_service", properties)
        _require_parts(aws, new, properties)
        if arguments:
            aws.client("ecs").update_service(
                **arguments | {"cluster": new.get("cluster", "default"), "service": identity}
            )

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        ecs, cluster = aws.client("ecs"), state.get("cluster", "default")
        tasks = _tasks(ecs, cluster, state["name"])
        if state.get("schedulingStrategy") != "DAEMON":
            ecs.update_service(cluster=cluster, service=identity, desiredCount=0)
        ecs.delete_service(cluster=cluster, service=identity, force=True)
        for _ in tries(DRAIN_DEADLINE_S):
            left = [task for task in _described(ecs, cluster, tasks) if task["lastStatus"] != "STOPPED"]
            if not left:
                return
        raise TimeoutError(f"{len(left)} tasks still run {DRAIN_DEADLINE_S} s after the service was deleted")


def _tasks(ecs: Any, cluster: str, service: str) -> list[str]:
    """Tasks of a service that run, and those that are told to stop."""
    pages = ecs.get_paginator("list_tasks")
    queries = [
        {"cluster": cluster, "serviceName": service, "desiredStatus": status} for status in ("RUNNING", "STOPPED")
    ]
    return [arn for which in queries for page in pages.paginate(**which) for arn in page["taskArns"]]


def _described(ecs: Any, cluster: str, tasks: list[str]) -> list[Props]:
    tasks_described: list[Props] = []
    for first in range(0, len(tasks), DESCRIBED_AT_ONCE):
        tasks_described += ecs.describe_tasks(cluster=cluster, tasks=tasks[first : first + DESCRIBED_AT_ONCE])["tasks"]
    return tasks_described


def _require_parts(aws: Aws, new: Props, arguments: Props) -> None:
    """Refuse a cluster or a task definition that is not there: the emulator takes any name."""
    cluster = new.get("cluster", "default")
    clusters = aws.client("ecs").describe_clusters(clusters=[cluster])["clusters"]
    if not clusters or clusters[0].get("status") == "INACTIVE":
        raise PluginError(f"ClusterNotFoundException: there is no ECS cluster {cluster}")
    revision = arguments.get("taskDefinition")
    if revision:
        definition = aws.client("ecs").describe_task_definition(taskDefinition=revision)["taskDefinition"]
        if definition.get("status") == "INACTIVE":
            raise PluginError(f"ClientException: the task definition {revision} is INACTIVE")

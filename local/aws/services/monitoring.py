"""Logs, what is counted in them, where they are delivered; alarms and dashboards."""

from __future__ import annotations

from typing import Any, ClassVar

from local.plugin.wire import Props

from ..kind import Change, Kind, Name, words
from ..session import Aws, one


class LogGroup(Kind):
    resource = "aws:cloudwatch/logGroup:LogGroup"
    service, make, identity, remove = "logs", "create_log_group", "{name}", "delete_log_group"
    get, keys = "describe_log_groups", {"logGroupName": "id"}
    spelled = {"name": "logGroupName"}
    changes = (
        Change("put_retention_policy", "retentionInDays", without="delete_retention_policy"),
        Change("associate_kms_key", "kmsKeyId", without="disassociate_kms_key"),
    )
    replaces = words("name namePrefix logGroupClass")
    name = Name(limit=512)
    defaults = {"retentionInDays": 0, "skipDestroy": False, "logGroupClass": "STANDARD"}
    honoured = words("skipDestroy")
    tagged = "arn"
    finish = True

    def find(self, aws: Aws, identity: str, state: Props) -> Any:
        groups = aws.client("logs").describe_log_groups(logGroupNamePrefix=identity)["logGroups"]
        return one(groups, logGroupName=identity)

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        group = self.find(aws, identity, state)
        arn = group["arn"].removesuffix(":*")
        return {"name": identity, "arn": arn, "retentionInDays": group.get("retentionInDays", 0)}


class LogMetricFilter(Kind):
    """What is counted in a log. The emulator keeps it and counts nothing."""

    resource = "aws:cloudwatch/logMetricFilter:LogMetricFilter"
    service, make, identity, remove = "logs", "put_metric_filter", "{name}", "delete_metric_filter"
    keys = {"filterName": "name", "logGroupName": "logGroupName"}
    spelled = {"pattern": "filterPattern"}
    put = True
    handled = words("metricTransformation")
    replaces = words("name logGroupName")
    name = Name(limit=512)
    defaults = {"applyOnTransformedLogs": False}

    def arguments(self, operation: str, props: Props) -> Props:
        counted = props["metricTransformation"]
        plain = {name: counted[name] for name in ("dimensions", "unit") if counted.get(name)}
        if counted.get("defaultValue") is not None:
            plain["defaultValue"] = float(counted["defaultValue"])
        metric = {f"metric{name.title()}": counted[name] for name in ("name", "namespace", "value")}
        others = {name: value for name, value in props.items() if name != "metricTransformation"}
        return super().arguments(operation, others) | {"metricTransformations": [metric | plain]}

    def find(self, aws: Aws, identity: str, state: Props) -> Any:
        query = {"logGroupName": state["logGroupName"], "filterNamePrefix": identity}
        return one(aws.client("logs").describe_metric_filters(**query)["metricFilters"], filterName=identity)

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        metric_filter = self.find(aws, identity, state)
        return {
            "name": identity,
            "logGroupName": metric_filter["logGroupName"],
            "pattern": metric_filter["filterPattern"],
        }


class Dashboard(Kind):
    resource = "aws:cloudwatch/dashboard:Dashboard"
    service, make, identity, remove = "cloudwatch", "put_dashboard", "{dashboardName}", "delete_dashboards"
    get, keys = "get_dashboard", {"DashboardName": "dashboardName"}
    put = True
    alike = words("dashboardArn dashboardName dashboardBody")
    replaces = words("dashboardName")


class MetricAlarm(Kind):
    """A threshold that pages someone. The emulator keeps it, without metric math, and evaluates nothing."""

    resource = "aws:cloudwatch/metricAlarm:MetricAlarm"
    service, make, identity, remove = "cloudwatch", "put_metric_alarm", "{name}", "delete_alarms"
    get, answer_path, keys = "describe_alarms", "MetricAlarms", {"AlarmName": "id"}
    spelled = {"name": "AlarmName", "metricQueries": "Metrics", "metric": "MetricStat"}
    put = True
    outputs = {"name": "AlarmName", "arn": "arn:{partition}:cloudwatch:{region}:{account}:alarm:{id}"}
    replaces = words("name")
    name = Name()
    unordered = words("alarmActions okActions insufficientDataActions metricQueries")
    defaults = {"actionsEnabled": True, "treatMissingData": "missing"}
    tagged = "arn"

    def arguments(self, operation: str, props: Props) -> Props:
        queries = [_query(query) for query in props.get("metricQueries") or []]
        return super().arguments(operation, props | ({"metricQueries": queries} if queries else {}))


def _query(query: Props) -> Props:
    """The metric of a query stands beside its statistic in Pulumi, and below it in AWS."""
    metric = query.get("metric")
    if not metric:
        return query
    statistic = {name: metric.get(name) for name in ("period", "stat", "unit")}
    named = {name: metric.get(name) for name in ("namespace", "metricName", "dimensions")}
    return query | {"metric": statistic | {"metric": named}}


class _OfDelivery(Kind):
    """A part of the delivery of another service's logs, which the emulator keeps and does not carry out."""

    service, put, tagged = "logs", True, "arn"
    noun: ClassVar[str]

    def __init_subclass__(cls) -> None:
        cls.make, cls.get, cls.remove = (f"{verb}_{cls.noun}" for verb in ("put", "get", "delete"))
        first, *others = cls.noun.split("_")
        cls.answer_path = first + "".join(word.capitalize() for word in others)
        cls.identity, cls.keys, cls.name = "{name}", {"name": "id"}, Name(limit=60)


class LogDeliverySource(_OfDelivery):
    resource = "aws:cloudwatch/logDeliverySource:LogDeliverySource"
    noun = "delivery_source"
    alike = words("name arn logType service")
    replaces = words("logType name resourceArn")


class LogDeliveryDestination(_OfDelivery):
    resource = "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination"
    noun = "delivery_destination"
    alike = words("name arn deliveryDestinationType outputFormat")
    replaces = words("name outputFormat")


class LogDelivery(Kind):
    resource = "aws:cloudwatch/logDelivery:LogDelivery"
    service, make, identity, remove = "logs", "create_delivery", "delivery.id", "delete_delivery"
    get, answer_path, keys = "get_delivery", "delivery", {"id": "id"}
    changes = (Change("update_delivery_configuration", "fieldDelimiter recordFields s3DeliveryConfigurations"),)
    alike = words("arn deliverySourceName")
    replaces = words("deliveryDestinationArn deliverySourceName")
    tagged = "arn"

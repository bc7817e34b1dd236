"""Logs and alarms."""

# The methods are those of Kind, which documents them; the tables are constants.
# ruff: noqa: D102, RUF012

from __future__ import annotations

from collections.abc import Collection

from ..kind import Kind, pick, words
from ..naming import Name
from ..session import Aws, GoneError
from ..wire import Props


class LogGroup(Kind):
    """Where logs are kept, and for how long."""

    resource = "aws:cloudwatch/logGroup:LogGroup"
    replaces = words("name namePrefix logGroupClass")
    name = Name(limit=512)
    defaults = {"retentionInDays": 0, "skipDestroy": False, "logGroupClass": "STANDARD"}
    tagged = ("logs", "arn")
    finish = True

    def create(self, aws: Aws, new: Props) -> str:
        more = {name: new[name] for name in ("kmsKeyId", "logGroupClass") if new.get(name)}
        aws.client("logs").create_log_group(logGroupName=new["name"], **more)
        return str(new["name"])

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        found = aws.client("logs").describe_log_groups(logGroupNamePrefix=identity)["logGroups"]
        group = next((item for item in found if item["logGroupName"] == identity), None)
        if group is None:
            raise GoneError
        arn = group["arn"].removesuffix(":*")
        return {"name": identity, "arn": arn, "retentionInDays": group.get("retentionInDays", 0)}

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        logs = aws.client("logs")
        if "retentionInDays" in changed:
            if new.get("retentionInDays"):
                logs.put_retention_policy(logGroupName=identity, retentionInDays=new["retentionInDays"])
            else:
                logs.delete_retention_policy(logGroupName=identity)
        if old and "kmsKeyId" in changed:
            if new.get("kmsKeyId"):
                logs.associate_kms_key(logGroupName=identity, kmsKeyId=new["kmsKeyId"])
            else:
                logs.disassociate_kms_key(logGroupName=identity)

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        if not state.get("skipDestroy"):
            aws.client("logs").delete_log_group(logGroupName=identity)


class MetricAlarm(Kind):
    """A threshold that pages someone. The emulator keeps it and evaluates nothing."""

    resource = "aws:cloudwatch/metricAlarm:MetricAlarm"
    replaces = words("name")
    name = Name()
    unordered = words("alarmActions okActions insufficientDataActions metricQueries")
    defaults = {"actionsEnabled": True, "treatMissingData": "missing"}
    tagged = ("cloudwatch", "arn")

    def create(self, aws: Aws, new: Props) -> str:
        wanted = pick(
            new,
            "actionsEnabled alarmActions alarmDescription comparisonOperator datapointsToAlarm evaluationPeriods "
            "extendedStatistic insufficientDataActions metricName namespace period statistic threshold "
            "thresholdMetricId treatMissingData unit",
            name="AlarmName",
            okActions="OKActions",
        )
        if new.get("dimensions"):
            wanted["Dimensions"] = [{"Name": key, "Value": value} for key, value in sorted(new["dimensions"].items())]
        if new.get("metricQueries"):
            wanted["Metrics"] = [_query(query) for query in new["metricQueries"]]
        aws.client("cloudwatch").put_metric_alarm(**wanted)
        return str(new["name"])

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        found = aws.client("cloudwatch").describe_alarms(AlarmNames=[identity])["MetricAlarms"]
        if not found:
            raise GoneError
        return {"name": identity, "arn": aws.arn("cloudwatch", f"alarm:{identity}")}

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        self.create(aws, new)

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        aws.client("cloudwatch").delete_alarms(AlarmNames=[identity])


def _query(query: Props) -> Props:
    wanted = pick(query, "id accountId expression label period returnData")
    metric = query.get("metric")
    if metric:
        dimensions = [{"Name": key, "Value": value} for key, value in sorted((metric.get("dimensions") or {}).items())]
        stat = pick(metric, "period stat unit")
        wanted["MetricStat"] = stat | {"Metric": pick(metric, "namespace metricName") | {"Dimensions": dimensions}}
    return wanted

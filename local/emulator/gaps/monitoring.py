"""Gaps: what is said of alarms and logs."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from ministack.core.responses import json_response
from ministack.services import cloudwatch
from ministack.services import cloudwatch_logs as logs

from local.emulator.gaps import around


def as_xml(name: str, value: Any) -> str:
    """The content of one field in the Query protocol's XML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        kept = {key: item for key, item in value.items() if item is not None and not key.startswith("_")}
        return "".join(f"<{key}>{as_xml(key, item)}</{key}>" for key, item in kept.items())
    if isinstance(value, list | tuple):
        return "".join(f"<member>{as_xml(name, item)}</member>" for item in value)
    if name.endswith("Timestamp") and isinstance(value, int | float):
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(value))
    return escape(str(value))


@around(cloudwatch, "_describe_alarms")
def describe_alarms(describe: Any, params: Any, data: Any, is_cbor: bool, is_json: bool = False) -> Any:
    """Gap: DescribeAlarms over the Query protocol leaves out half of an alarm's fields.

    The SDK for Python does not speak it any more, but Terraform-based providers do: they would see a difference in
    every preview.
    """
    if is_cbor or is_json:
        return describe(params, data, is_cbor, is_json)
    query: dict[str, Any] = {name: _members(params, name) for name in ("AlarmNames", "AlarmTypes")}
    for name in ("AlarmNamePrefix", "StateValue", "NextToken", "MaxRecords"):
        query[name] = cloudwatch._p(params, name) or None
    status, _, body = describe(params, query, False, True)
    if status != 200:
        return describe(params, data, False, False)  # the same error, in this protocol
    result = as_xml("", json.loads(body))
    return cloudwatch._xml(200, "DescribeAlarmsResponse", f"<DescribeAlarmsResult>{result}</DescribeAlarmsResult>")


def _members(params: Any, name: str) -> list[str]:
    values = (cloudwatch._p(params, f"{name}.member.{index}") for index in range(1, 101))
    return [value for value in values if value]


@around(logs, "_filter_log_events")
def filter_log_events(find: Any, data: dict[str, Any]) -> Any:
    """Gap: FilterLogEvents ignores `logStreamNamePrefix` and answers with the lines of every stream.

    Whoever asks for what a failed task wrote last would be shown another task's words.
    """
    prefix = data.get("logStreamNamePrefix")
    group = logs._log_groups.get(logs._resolve_log_group_name(data))
    if not prefix or data.get("logStreamNames") or group is None:
        return find(data)
    names = [name for name in group["streams"] if name.startswith(prefix)]
    if not names:
        return json_response({"events": [], "searchedLogStreams": []})
    return find({**data, "logStreamNames": names})

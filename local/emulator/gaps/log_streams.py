"""Gap: FilterLogEvents ignores `logStreamNamePrefix` and answers with the lines of every stream.

Whoever asks for what a failed task wrote last would be shown another task's words.
"""

from __future__ import annotations

from typing import Any

from ministack.core.responses import json_response
from ministack.services import cloudwatch_logs as logs


def close() -> None:
    logs._filter_log_events = _by_prefix(logs._filter_log_events)


def _by_prefix(find: Any) -> Any:
    def filter_log_events(data: dict[str, Any]) -> Any:
        prefix = data.get("logStreamNamePrefix")
        group = logs._log_groups.get(logs._resolve_log_group_name(data))
        if not prefix or data.get("logStreamNames") or group is None:
            return find(data)
        names = [name for name in group["streams"] if name.startswith(prefix)]
        if not names:
            return json_response({"events": [], "searchedLogStreams": []})
        return find({**data, "logStreamNames": names})

    return filter_log_events

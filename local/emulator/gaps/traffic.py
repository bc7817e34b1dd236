"""Gap: a load balancer sends requests to any registered target, and a target may go away under a request.

Here healthy targets are asked, or unhealthy ones if a group has no others. Each request is counted until its answer has
been sent on, so that a task can be stopped after its last one.
"""

from __future__ import annotations

from typing import Any

from ministack.core.responses import StreamingResponse
from ministack.services import alb

from local.emulator.gaps import around, security_groups, target_health


@around(alb, "_forward_to_tg")
async def forward_to_tg(original: Any, group: str, *request: Any) -> Any:
    record = alb._tgs.get(group)
    if record is None or record.get("TargetType") not in {"ip", "instance"}:
        return await original(group, *request)
    target = target_health.take(group)
    if target is None:
        return _page("503 Service Temporarily Unavailable")
    method, path, headers, body, query, raw_query, raw_path = (*request, None, None)[:7]
    handed_on = False
    try:
        if not security_groups.reaches(group, target.port):
            return _page("504 Gateway Time-out")
        address = {"Id": target.address, "Port": target.port}
        status, fields, answer = await alb._proxy_http_target(
            address, record, method, raw_path or path, headers, body, query, raw_query
        )
        if isinstance(answer, StreamingResponse):
            answer, handed_on = _counted(answer, target), True
        return status, fields, answer
    finally:
        if not handed_on:
            target_health.give_back(target)


def _page(title: str) -> tuple[int, dict[str, str], bytes]:
    """What a load balancer answers by itself."""
    text = f"<html>\r\n<head><title>{title}</title></head>\r\n</html>\r\n"
    return int(title.partition(" ")[0]), {"Content-Type": "text/html"}, text.encode()


def _counted(answer: StreamingResponse, target: target_health.Target) -> StreamingResponse:
    send_on = answer.runner

    async def runner(send: Any, receive: Any) -> None:
        try:
            await send_on(send, receive)
        finally:
            target_health.give_back(target)

    return StreamingResponse(runner)

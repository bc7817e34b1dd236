"""Gap: a distribution asks its origin again after an error; CloudFront caches it, whatever the cache policy says.

For 10 seconds, or for the minimum that the distribution gives for the status ("Control how long CloudFront caches
errors" and "How CloudFront processes HTTP 4xx and 5xx status codes from your origin", Amazon CloudFront Developer
Guide). The key is the path: no policy here puts query strings, headers or cookies into it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ministack.services import cloudfront

from local.emulator.gaps import around

DEFAULT_S = 10.0
ALWAYS = {404, 410, 414, 500, 501, 502, 503, 504}
"""Statuses that are cached without a word of the origin; 400, 403, 405, 412 and 415 only if it says for how long."""
HEEDED = {404, 410, 414, 501}
"""Of these, an origin can forbid that its answer is cached; for any other it cannot."""
_FORBIDS = ("no-store", "no-cache", "private")


_errors: dict[tuple[str, str], tuple[float, Any]] = {}
"""By distribution and path: until when an answer is given again, and the answer."""


def seconds(status: int, fields: Mapping[str, str], minimums: Mapping[int, float]) -> float:
    """For how long an answer is cached as an error."""
    cache_control = next((value for name, value in fields.items() if name.lower() == "cache-control"), "").lower()
    if status not in ALWAYS or (status in HEEDED and any(word in cache_control for word in _FORBIDS)):
        return 0
    return minimums.get(status, DEFAULT_S)


@around(cloudfront, "handle_viewer_request")
async def handle_viewer_request(serve: Any, distribution: Any, *request: Any) -> Any:
    method, path, *_ = request
    key = (distribution["Id"], path)
    if method not in {"GET", "HEAD"}:
        return await serve(distribution, *request)
    until, answer = _errors.pop(key, (0.0, None))
    if time.monotonic() < until:
        _errors[key] = (until, answer)
        return answer
    status, fields, body = await serve(distribution, *request)
    keep_s = seconds(status, fields, _minimums(distribution)) if isinstance(body, bytes) else 0
    if keep_s:
        cached = {**fields, "X-Cache": "Error from cloudfront"}
        _errors[key] = (time.monotonic() + keep_s, (status, cached, body))
    return status, fields, body


def _minimums(distribution: Mapping[str, Any]) -> dict[int, float]:
    """By status, the distribution's `ErrorCachingMinTTL`."""
    responses = cloudfront._find(cloudfront._dist_config_el(distribution), "CustomErrorResponses")
    items = cloudfront._find(responses, "Items") if responses is not None else None
    texts = [
        (cloudfront._text(item, "ErrorCode"), cloudfront._text(item, "ErrorCachingMinTTL")) for item in items or ()
    ]
    return {int(status): float(minimum) for status, minimum in texts if minimum}

"""Gap: a distribution serves whatever its web ACL says; AWS WAF looks at each request first.

Rules count in the order of their priority, and the first that matches ends it, else the default action does ("Using
protection packs (web ACLs) with rules and rule groups", AWS WAF Developer Guide). A blocked request is answered 403 by
CloudFront itself. Of statements, one that compares a header as a whole is known here; any other matches nothing.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from ministack.services import cloudfront, waf

from local.emulator.gaps import around

BLOCKED = "Request blocked."


def lets_in(web_acl: Mapping[str, Any], headers: Mapping[str, str]) -> bool:
    """Whether a request with these headers, their names in lower case, passes."""
    for rule in sorted(web_acl["Rules"], key=lambda rule: int(rule["Priority"])):
        if _matches(rule["Statement"], headers):
            return "Block" not in rule.get("Action", {})
    return "Block" not in web_acl["DefaultAction"]


def _matches(statement: Mapping[str, Any], headers: Mapping[str, str]) -> bool:
    match = statement.get("ByteMatchStatement")
    if match is None or match["PositionalConstraint"] != "EXACTLY" or "SingleHeader" not in match["FieldToMatch"]:
        return False
    value = headers.get(match["FieldToMatch"]["SingleHeader"]["Name"].lower(), "")
    return base64.b64decode(match["SearchString"]).decode() == value


@around(cloudfront, "handle_viewer_request")
async def handle_viewer_request(serve: Any, distribution: Any, method: str, path: str, *rest: Any) -> Any:
    """A distribution that its web ACL protects."""
    arn = cloudfront._text(cloudfront._dist_config_el(distribution), "WebACLId")
    web_acl = next((web_acl for web_acl in _web_acls() if web_acl["ARN"] == arn), None) if arn else None
    _, _, headers, *_ = rest
    if web_acl is not None and not lets_in(web_acl, headers):
        return cloudfront._cf_error_response(403, BLOCKED, cloudfront._ERROR_X_CACHE)
    return await serve(distribution, method, path, *rest)


def _web_acls() -> list[Any]:
    web_acls: list[Any] = list(waf._values_for_scope(waf._web_acls, "CLOUDFRONT"))
    return web_acls

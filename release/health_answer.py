"""What an answer of a health check says, and whether it proves a version. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from functions import strict_json
from functions.strict_json import DamagedError
from release import http

SHOWN_CHARACTERS = 80
FAILING = ("fail", "error", "down")
"""Values of a status that say that the service is not healthy, in any case of letters. Others, such as `starting`, may
pass later. https://datatracker.ietf.org/doc/html/draft-inadarei-api-health-check-06#section-3.1"""


@dataclass(frozen=True, kw_only=True)
class AnswerForm:
    """How a service writes its answer. Raises ValueError naming the field that is wrong.

    Members are named by their path, with a point for each level: `build.version` is in the object `build`.
    """

    status_member: str = "status"
    """Empty: the answer has none, and the version is all that is compared."""
    version_member: str = "version"
    timestamp_member: str = "timestamp"
    """Judged only where `HealthCheck.require_live_timestamp` asks for it."""
    passing: tuple[str, ...] = ("pass",)
    """Values of the status that pass."""
    status_code_only: bool = False
    """Status 200 is enough, whatever the answer says. It is weaker: which version answered is not compared."""

    def __post_init__(self) -> None:
        for name in ("status_member", "version_member", "timestamp_member"):
            path = getattr(self, name)
            if not all(path.split(".")) and (path or name != "status_member"):
                raise ValueError(f"{name} must be the path of a member, such as build.version, not {path!r}")
        if not self.passing or not all(self.passing):
            raise ValueError(f"passing must be one value of the status or more, none of them empty, not {self.passing}")

    @staticmethod
    def of(health: Mapping[str, Any]) -> AnswerForm:
        """As the inputs of a release have it; those of earlier programs say nothing of it."""
        default = AnswerForm()
        return AnswerForm(
            status_member=health.get("statusMember", default.status_member),
            version_member=health.get("versionMember", default.version_member),
            timestamp_member=health.get("timestampMember", default.timestamp_member),
            passing=tuple(health.get("pass", default.passing)),
            status_code_only=health.get("statusCodeOnly", default.status_code_only),
        )

    def version(self, body: Mapping[str, Any]) -> str | None:
        """The version that the answer names, where it names one."""
        value, _ = _member(body, self.version_member)
        return value if isinstance(value, str) else None


def miss(
    form: AnswerForm, response: http.Response, *, version: str, now: datetime, max_skew_s: float | None
) -> str | None:
    """Why this answer does not prove the version, None if it does. `max_skew_s`: None judges no timestamp."""
    if reason := _status_miss(response) or _cache_miss(response):
        return reason
    if form.status_code_only:
        return None
    return _type_miss(response) or _body_miss(form, response.body, version, now, max_skew_s)


def disproves(form: AnswerForm, response: http.Response, version: str) -> bool:
    """Whether an answer says that whoever gave it gets visitors and is another version, or calls itself failing."""
    if form.status_code_only or _status_miss(response) or _cache_miss(response):
        return False
    body = json_object(response.body) or {}
    status = _member(body, form.status_member)[0] if form.status_member else None
    return form.version(body) not in (None, version) or (isinstance(status, str) and status.lower() in FAILING)


def json_object(body: bytes) -> dict[str, Any] | None:
    """The object that a body is; None for anything else."""
    try:
        document = strict_json.decode(body)
    except DamagedError:
        return None
    return document if isinstance(document, dict) else None


def shown(value: object) -> str:
    """A value of an answer in a line. What would not be seen is quoted, and a number is said to be one."""
    if isinstance(value, str):
        text = value.encode("unicode_escape").decode()
        text = text if text.strip() == text and text else f'"{text}"'
    else:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        text = f"the number {value}" if is_number else json.dumps(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def _status_miss(response: http.Response) -> str | None:
    if refused := http.firewalled(response):
        return f"answered {refused}"
    if response.status == 200:
        return None
    location = f" to {shown(response.headers['location'])}" if "location" in response.headers else ""
    through = f" through the proxy {response.proxy}" if response.proxy else ""
    query = " (it is asked with ?probe=…, which it has to answer as without)" if response.status in (400, 404) else ""
    return f"answered {response.status}{location}{through}, expected 200{query}"


def _cache_miss(response: http.Response) -> str | None:
    for name in ("Age", "X-Cache"):
        value = response.headers.get(name.lower())
        if value is not None and (name == "Age" or "hit" in value.lower()):
            return f"came from a cache ({name}: {shown(value)})"
    return None


def _type_miss(response: http.Response) -> str | None:
    content_type = response.headers.get("content-type", "")
    name = content_type.split(";")[0].strip().lower()
    # application/health+json is one, too: RFC 6839, section 3.1.
    if name == "application/json" or (name.startswith("application/") and name.endswith("+json")):
        return None
    return f"answered {shown(content_type) if content_type else 'no content type'}, expected application/json"


def _body_miss(form: AnswerForm, text: bytes, version: str, now: datetime, max_skew_s: float | None) -> str | None:
    body = json_object(text)
    if body is None:
        return f"answered no JSON object: {shown(text.decode(errors='replace'))}"
    reason = None
    if form.status_member:
        reason = _other(body, form.status_member, form.passing, " or ".join(form.passing))
    reason = reason or _other(body, form.version_member, (version,), version)
    return reason if reason or max_skew_s is None else _timestamp_miss(form, body, now, max_skew_s)


def _other(body: Mapping[str, Any], path: str, expected: tuple[str, ...], named: str) -> str | None:
    """Why a member is none of the expected texts; None if it is."""
    value, lacks = _member(body, path)
    if lacks:
        return f"{lacks}, expected {named}"
    return None if isinstance(value, str) and value in expected else f"{path} is {shown(value)}, expected {named}"


def _timestamp_miss(form: AnswerForm, body: Mapping[str, Any], now: datetime, max_skew_s: float) -> str | None:
    path = form.timestamp_member
    timestamp, lacks = _member(body, path)
    if lacks:
        return f"{lacks}, expected the seconds since 1970"
    try:
        seconds = int(str(timestamp))
        skew_s = abs(now.timestamp() - seconds)
    except (ValueError, OverflowError):
        return f"{path} is {shown(timestamp)}, expected the seconds since 1970"
    if skew_s > max_skew_s:
        return f"{path} {seconds} is {skew_s:.0f} s from now, expected at most {max_skew_s:g} s"
    return None


def _member(body: Mapping[str, Any], path: str) -> tuple[Any, str]:
    """The member at a path, and why there is none; empty where there is one."""
    value: Any = body
    at = ""
    for name in path.split("."):
        if not isinstance(value, Mapping):
            return None, f"{path} is missing: {at} is {shown(value)}"
        at = f"{at}.{name}".removeprefix(".")
        if name not in value:
            return None, f"{path} is missing" if at == path else f"{path} is missing: there is no {at}"
        value = value[name]
    return value, ""

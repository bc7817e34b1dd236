"""What a request asks of which AWS service, and how that service says no."""

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass

SCOPE = re.compile(r"Credential=[^/]+/\d{8}/[^/]+/(?P<service>[^/]+)/aws4_request")
S3_OBJECTS = {"GET": "GetObject", "PUT": "PutObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request."""

    service: str
    operation: str
    key: str
    method: str
    path: str

    def throttling(self) -> tuple[int, str]:
        """Status and code with which this service throttles."""
        return {
            "s3": (503, "SlowDown"),
            "lambda": (429, "TooManyRequestsException"),
            "ecs": (400, "ThrottlingException"),
            "cloudfront": (400, "Throttling"),
        }.get(self.service, (400, "ThrottlingException"))

    @property
    def _json(self) -> bool:
        return self.service in {"ecs", "lambda", "logs", "ecr", "secretsmanager", "ssm"}

    def error_headers(self, code: str) -> tuple[tuple[str, str], ...]:
        """Where REST services with JSON name the error."""
        kind = "application/x-amz-json-1.1" if self._json else "application/xml"
        return (("Content-Type", kind), ("x-amzn-RequestId", "injected"), ("x-amzn-errortype", code))

    def error_body(self, code: str, message: str) -> bytes:
        """The error document of the service's protocol."""
        if self.service == "cdn":
            return message.encode()
        if self._json:
            return json.dumps({"__type": code, "message": message, "Type": "Service"}).encode()
        error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
        if self.service == "s3":
            return f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
        return f"<ErrorResponse>{error}<RequestId>injected</RequestId></ErrorResponse>".encode()


def read_call(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Call:
    """What the request is."""
    lower = {name.lower(): value for name, value in headers.items()}
    signed = SCOPE.search(lower.get("authorization", ""))
    target, _, query = path.partition("?")
    if signed is None:
        return Call(service="cdn", operation=method, key=urllib.parse.unquote(target), method=method, path=path)
    service, key = signed["service"], urllib.parse.unquote(target)
    if service == "s3":
        _, _, key = key.lstrip("/").partition("/")
        operation = _of_s3(method, key, query, lower)
    else:
        operation = _of(service, method, target, lower, body)
    return Call(service=service, operation=operation, key=key, method=method, path=path)


def _of_s3(method: str, key: str, query: str, headers: Mapping[str, str]) -> str:
    if not key:
        return "ListObjects" if "list-type" in query or "prefix" in query else f"{method} bucket"
    if "x-amz-copy-source" in headers:
        return "CopyObject"
    return "DeleteObjects" if "delete" in query else S3_OBJECTS.get(method, method)


def _of(service: str, method: str, target: str, headers: Mapping[str, str], body: bytes) -> str:
    if target_header := headers.get("x-amz-target"):
        return target_header.rpartition(".")[2]
    if service == "lambda" and target.endswith("/invocations"):
        return f"Invoke.{_command(body)}"
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return urllib.parse.parse_qs(body.decode(errors="replace")).get("Action", [method])[0]
    if service == "cloudfront" and "/invalidation" in target:
        return "CreateInvalidation" if method == "POST" else "GetInvalidation"
    return f"{method} {target}"


def _command(body: bytes) -> str:
    """The command of the deploy function; `rehearse` is a task that runs no command of its own."""
    try:
        event = json.loads(body)
    except ValueError:
        return "?"
    if not isinstance(event, dict):
        return "?"
    command = str(event.get("command"))
    return "rehearse" if command == "run_task" and not event.get("containerCommand") else command

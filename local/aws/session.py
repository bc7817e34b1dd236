"""Clients for the local AWS, and its errors as one line each."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.exceptions
from botocore.config import Config

from local.plugin.provider import PluginError
from local.plugin.servicer import fault

GONE = re.compile(r"NotFound|NoSuch|NonExistent|DoesNotExist|ServiceNotActive|^404$|ResourceNotFoundException")
INTERVAL_S = 0.2
EMULATOR = "no local AWS answers at {endpoint}; run `make up`, or `python -m local status` to see what is wrong"


class GoneError(Exception):
    """The resource does not exist any more."""


class Aws:
    """The local AWS in one region: clients, and what the account is called."""

    def __init__(self, region: str, endpoint: str, default_tags: dict[str, str] | None = None) -> None:
        self.region = region
        self.endpoint = endpoint
        self.default_tags = default_tags or {}
        self.partition = _partition(region)
        self._clients: dict[str, Any] = {}
        self._account = ""
        self._lock = threading.RLock()

    @property
    def account(self) -> str:
        with self._lock:
            if not self._account:
                self._account = self.client("sts").get_caller_identity()["Account"]
            return self._account

    def client(self, service: str) -> Any:
        """A boto3 client; made once, shared by threads."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = boto3.client(
                    service,
                    region_name=self.region,
                    endpoint_url=self.endpoint,
                    aws_access_key_id=os.environ.get("AWS_ACCESS_KEY_ID", "test"),
                    aws_secret_access_key=os.environ.get("AWS_SECRET_ACCESS_KEY", "test"),
                    aws_session_token=os.environ.get("AWS_SESSION_TOKEN"),
                    config=Config(
                        retries={"max_attempts": 2, "mode": "standard"},
                        connect_timeout=5,
                        s3={"addressing_style": "path"},
                        max_pool_connections=32,
                        parameter_validation=True,
                    ),
                )
            return self._clients[service]

    def arn(self, service: str, resource: str, *, region: str | None = None, account: str | None = None) -> str:
        region = self.region if region is None else region
        account = self.account if account is None else account
        return f"arn:{self.partition}:{service}:{region}:{account}:{resource}"


def one(items: Iterable[Any], **members: Any) -> Any:
    """The first item with these members. Raises GoneError where there is none."""
    for item in items:
        if members.items() <= item.items():
            return item
    raise GoneError


def tries(deadline_s: float) -> Iterator[None]:
    """One try after another, with a pause between two, as long as there is time."""
    deadline = time.monotonic() + deadline_s
    yield
    while time.monotonic() <= deadline:
        time.sleep(INTERVAL_S)
        yield


def _partition(region: str) -> str:
    return {"us-gov": "aws-us-gov", "cn-nor": "aws-cn"}.get(region[:6], "aws")


def is_gone(error: Exception) -> bool:
    if isinstance(error, botocore.exceptions.ClientError):
        return bool(GONE.search(error.response.get("Error", {}).get("Code", "")))
    return isinstance(error, GoneError)


def explain(error: Exception, endpoint: str) -> str:
    """An error of boto3 as one line."""
    if isinstance(error, botocore.exceptions.ClientError):
        details = error.response.get("Error", {})
        return f"{error.operation_name}: {details.get('Code', 'error')}: {_line(str(details.get('Message', '')))}"
    if isinstance(error, (botocore.exceptions.EndpointConnectionError, botocore.exceptions.ConnectTimeoutError)):
        return EMULATOR.format(endpoint=endpoint)
    if isinstance(error, (botocore.exceptions.ConnectionClosedError, botocore.exceptions.ReadTimeoutError)):
        return f"the local AWS at {endpoint} broke off: {_line(str(error))}; see `python -m local logs emulator`"
    if isinstance(error, (PluginError, TimeoutError, botocore.exceptions.BotoCoreError)):
        return _line(str(error))
    return fault("AWS", error)


def _line(text: str) -> str:
    return " ".join(text.split())


def require_endpoint() -> str:
    """The emulator's address; never AWS itself."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
    host = urlsplit(endpoint).hostname or ""
    if not endpoint:
        raise PluginError(
            "AWS_ENDPOINT_URL is not set: this is the local AWS plugin, and it does not talk to AWS. "
            'Use `eval "$(python -m local env)"`, or take .local/bin off PATH to deploy to AWS'
        )
    if host.endswith(("amazonaws.com", "amazonaws.com.cn")):
        raise PluginError(f"AWS_ENDPOINT_URL is {endpoint}: this is the local AWS plugin, and it does not talk to AWS")
    return endpoint

"""What all tests of an emulator need: a port for it, and clients of it."""

from __future__ import annotations

import http.client
import socket
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.exceptions import ClientError

REGION = "us-west-2"
DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"}
"""What services call it."""
Call = tuple[str, str, dict[str, Any]]
"""Client, method and arguments."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def client(endpoint: str, service: str, **changes: Any) -> Any:
    """A client of boto3: of the account's root, whom no policy binds, unless `changes` has other credentials."""
    standard = {"region_name": REGION, "aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(service, endpoint_url=endpoint, **(standard | changes))


def denies(client_: Any, method: str, arguments: Mapping[str, Any]) -> bool:
    """Whether IAM denies a call. What fails for another reason was allowed: IAM is asked first."""
    try:
        getattr(client_, method)(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"] in DENIED
    return False


def described(call: Any) -> str:
    """For the ids of tests: a call without its arguments."""
    return f"{call[0]}.{call[1]}" if isinstance(call, tuple) else str(call)


def session_of(credentials: Mapping[str, str]) -> dict[str, Any]:
    """For `client`: what STS answers when a role is assumed."""
    return {
        "aws_access_key_id": credentials["AccessKeyId"],
        "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials["SessionToken"],
    }


def get(port: int, path: str, host: str, **headers: str) -> tuple[int, bytes]:
    """Status and body at a port of this machine. `*.localhost` is this machine, which Python does not know."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path, headers={"Host": host, **headers})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def ask(method: str, url: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers at an address."""
    request = urllib.request.Request(
        url, data=body, method=method, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read(), dict(error.headers)


def distribution(cloudfront: Any, name: str, bucket: str, **changes: Any) -> dict[str, Any]:
    """A distribution before a private bucket."""
    access = cloudfront.create_origin_access_control(
        OriginAccessControlConfig={
            "Name": name,
            "SigningProtocol": "sigv4",
            "SigningBehavior": "always",
            "OriginAccessControlOriginType": "s3",
        }
    )["OriginAccessControl"]["Id"]
    origin = {
        "Id": "s3",
        "DomainName": f"{bucket}.s3.{REGION}.amazonaws.com",
        "S3OriginConfig": {"OriginAccessIdentity": ""},
        "OriginAccessControlId": access,
    }
    behavior = {
        "TargetOriginId": "s3",
        "ViewerProtocolPolicy": "allow-all",
        "ForwardedValues": {"QueryString": False, "Cookies": {"Forward": "none"}},
        "MinTTL": 0,
    }
    made: dict[str, Any] = cloudfront.create_distribution(
        DistributionConfig={
            "CallerReference": name,
            "Comment": "",
            "Enabled": True,
            "Origins": {"Quantity": 1, "Items": [origin]},
            "DefaultCacheBehavior": behavior,
            **changes,
        }
    )["Distribution"]
    return made

"""Clients of AWS for one environment, with the same credentials that the AWS provider uses."""

from __future__ import annotations

import dataclasses
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from release.request import Connection
from release.static.store import CONCURRENCY

READS = Config(retries={"mode": "standard", "total_max_attempts": 5}, max_pool_connections=CONCURRENCY)
"""For calls that may be repeated: reads, and writes of the same bytes to the same key."""
ONCE = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=70)
"""For calls that the caller repeats itself, knowing what that does. The deploy function answers within 60 s."""


class WrongAccountError(Exception):
    """The credentials are of another account than the environment, or there are none."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Clients:
    """What a release talks to."""

    s3: Any
    cloudfront: Any
    ecr: Any
    function: Any
    """AWS Lambda."""


def connect(connection: Connection, *, account: str, region: str) -> Clients:
    """Clients for `account` and `region`.

    Raises WrongAccountError where the credentials are of another account: a release must not prove one environment
    and change another.
    """
    try:
        session = boto3.Session(profile_name=connection.profile, region_name=region)
        for role in connection.assume_roles:
            session = _assume(session, dict(role), region)
        caller = session.client("sts", config=READS).get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise WrongAccountError(
            f"AWS does not say whose credentials these are ({error}): expected some of account {account}. "
            "Sign in, or set AWS_PROFILE or aws:profile"
        ) from error
    if caller["Account"] != account:
        raise WrongAccountError(
            f"these credentials are of account {caller['Account']} ({caller['Arn']}), and the service is in {account}: "
            "sign in to that account, or select the stack of this one"
        )
    return Clients(
        s3=session.client("s3", config=READS),
        cloudfront=session.client("cloudfront", config=READS),
        ecr=session.client("ecr", config=READS),
        function=session.client("lambda", config=ONCE),
    )


def _assume(session: boto3.Session, role: dict[str, str], region: str) -> boto3.Session:
    arguments = {"RoleArn": role["roleArn"], "RoleSessionName": role.get("sessionName") or "easi-release"}
    if role.get("externalId"):
        arguments["ExternalId"] = role["externalId"]
    credentials = session.client("sts", config=READS).assume_role(**arguments)["Credentials"]
    return boto3.Session(
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
        region_name=region,
    )

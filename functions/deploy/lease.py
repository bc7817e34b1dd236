"""Whether whoever sends a command may change the service now: one release at a time holds the lease.

The lease is an object in the records bucket that its holder writes anew every few seconds. Its age is S3's own: the
time of the answer and the time of the object are of the same clock, so that the function's does not matter.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import ClientError

from functions.aws_errors import code, is_missing
from functions.deploy.clients import Aws
from functions.deploy.errors import RefusedError, UnavailableError

KEY = "lease.json"
TTL_S = 30.0
"""Seconds after the last renewal for which a lease holds. The releasing side has the same number."""


def check(aws: Aws, identity: str) -> None:
    """Raise RefusedError unless the lease of this id is there and was renewed within `TTL_S`."""
    where = f"s3://{aws.records_bucket}/{KEY}"
    try:
        answer = aws.s3.get_object(Bucket=aws.records_bucket, Key=KEY)
    except ClientError as error:
        # Without s3:ListBucket, which this function has no other use for, S3 answers 403 for what is not there:
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
        if is_missing(error) or code(error) in {"AccessDenied", "403"}:
            raise RefusedError(
                f"nobody holds the lease: {where} is not there or not readable ({code(error)}). "
                "Expected the lease of the release that sends this: release again"
            ) from error
        raise
    why = refusal(identity, _holder(answer["Body"].read()), _age_s(answer))
    if why:
        raise RefusedError(f"{why}. Nothing was changed; see what runs, then release again")


def refusal(identity: str, holder: Mapping[str, Any], age_s: float) -> str | None:
    """Why the lease is not this caller's; None if it is. Pure."""
    if holder.get("id") != identity:
        return (
            f"the lease is held by {holder.get('who', 'unknown')} since {holder.get('since', 'unknown')}, "
            f"releasing {holder.get('version', 'unknown')}"
        )
    if age_s > TTL_S:
        return f"the lease was last renewed {age_s:.0f} s ago and expired after {TTL_S:.0f} s"
    return None


def _age_s(answer: Mapping[str, Any]) -> float:
    modified: datetime = answer["LastModified"]
    stamped = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    if not stamped:
        raise UnavailableError("S3's answer has no Date, so that the age of the lease is not known")
    return (parsedate_to_datetime(stamped) - modified).total_seconds()


def _holder(body: bytes) -> Mapping[str, Any]:
    """What is no lease is nobody's."""
    try:
        holder = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return holder if isinstance(holder, dict) else {}

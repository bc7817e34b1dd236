"""Whole objects of S3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from botocore.exceptions import BotoCoreError
from urllib3.exceptions import HTTPError

ATTEMPTS: Final = 3
"""How often a body that breaks off is asked for. boto3 repeats a call whose answer fails, but bodies come after that:
https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html is a call that has succeeded by then."""


def read(s3: Any, bucket: str, key: str) -> tuple[Mapping[str, Any], bytes]:
    """An object's answer and its content. Raises what the client raises, also after a body broke off three times."""
    for attempt in range(1, ATTEMPTS + 1):
        answer: Mapping[str, Any] = s3.get_object(Bucket=bucket, Key=key)
        try:
            return answer, answer["Body"].read()
        except (BotoCoreError, HTTPError, OSError):  # botocore does not translate all of urllib3's
            if attempt == ATTEMPTS:
                raise
    raise AssertionError("unreachable")

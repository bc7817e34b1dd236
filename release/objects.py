"""Whole objects of S3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from botocore.exceptions import IncompleteReadError, ResponseStreamingError
from urllib3.exceptions import HTTPError

ATTEMPTS: Final = 3
"""How often a body that breaks off is asked for. boto3 repeats a call whose answer fails, but bodies come after that:
https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html is a call that has succeeded by then."""


def read(s3: Any, bucket: str, key: str) -> tuple[Mapping[str, Any], bytes]:
    """An object's answer and its content. Raises what the client raises, also after a body broke off three times."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            answer: Mapping[str, Any] = s3.get_object(Bucket=bucket, Key=key)
            return answer, answer["Body"].read()
        except (ResponseStreamingError, IncompleteReadError, HTTPError):
            # The last one is urllib3's: botocore does not translate it where the body of an error breaks off.
            if attempt == ATTEMPTS:
                raise
    raise AssertionError("unreachable")

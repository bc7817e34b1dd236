"""Whole objects of S3, and conditions on them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from botocore.exceptions import ClientError, IncompleteReadError, ResponseStreamingError
from urllib3.exceptions import HTTPError

ATTEMPTS: Final = 3
"""How often a body that breaks off is asked for. boto3 repeats a call whose answer fails, but bodies come after that:
https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html is a call that has succeeded by then."""


T = TypeVar("T")
CONFLICTS: Final = frozenset({"ConditionalRequestConflict", "OperationAborted"})
"""409: another request about the key is under way. S3 asks for a repetition ("How to prevent object overwrites with
conditional writes", "How to perform conditional deletes" in its user guide), and boto3 does not repeat it."""
PAUSES_S: Final = (0.2, 0.5, 1.0, 2.0)


def repeated(request: Callable[[], T], *, sleep: Callable[[float], None] = time.sleep) -> T:
    """What a request with a condition answers, once no other one is under way. Raises what the client raises."""
    for pause in PAUSES_S:
        try:
            return request()
        except ClientError as error:
            if error.response["Error"]["Code"] not in CONFLICTS:
                raise
        sleep(pause)
    return request()


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

"""Whole objects of S3, what a release stored in them, and conditions on them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from botocore.exceptions import ClientError, IncompleteReadError, ResponseStreamingError

from functions import strict_json
from functions.aws_errors import code, is_missing
from functions.strict_json import DamagedError

ATTEMPTS: Final = 3
"""How often a body that breaks off is asked for. boto3 repeats a call whose answer fails, but bodies come after that:
https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html is a call that has succeeded by then."""

T = TypeVar("T")
CONFLICTS: Final = frozenset({"ConditionalRequestConflict", "OperationAborted"})
"""409: another request about the key is under way. S3 asks for a repetition ("How to prevent object overwrites with
conditional writes", "How to perform conditional deletes" in its user guide), and boto3 does not repeat it."""
PAUSES_S: Final = (0.2, 0.5, 1.0, 2.0)
_PARALLEL: Final = 8


def repeated(request: Callable[[], T], *, sleep: Callable[[float], None] = time.sleep) -> T:
    """What a request with a condition answers, once no other one is under way. Raises what the client raises."""
    for pause in PAUSES_S:
        try:
            return request()
        except ClientError as error:
            if code(error) not in CONFLICTS:
                raise
        sleep(pause)
    return request()


def condition_failed(error: ClientError) -> bool:
    """Whether the condition of a write or deletion does not hold: 412, or 404 for `IfMatch` without an object."""
    return code(error) == "PreconditionFailed" or is_missing(error)


def read(s3: Any, bucket: str, key: str) -> tuple[Mapping[str, Any], bytes]:
    """An object's answer and its content. Raises what the client raises, also after a body broke off three times."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            answer: Mapping[str, Any] = s3.get_object(Bucket=bucket, Key=key)
            if answer.get("ContentLength", 0) > strict_json.MAX_BYTES:
                raise damaged(bucket, key, f"it has {answer['ContentLength']} bytes")
            return answer, answer["Body"].read()
        except (ResponseStreamingError, IncompleteReadError):
            if attempt == ATTEMPTS:
                raise
    raise AssertionError("unreachable")


def load(
    s3: Any, bucket: str, key: str, kind: type[T], upgrade: Callable[[Any], Any] = lambda data: data
) -> tuple[T, str] | None:
    """What a release stored, and its ETag; None if there is no such object. Raises DamagedError, and as `read` does.

    `upgrade` turns what an earlier program wrote into the form of this one.
    """
    try:
        answer, body = read(s3, bucket, key)
    except ClientError as error:
        if is_missing(error):
            return None
        raise
    try:
        return strict_json.read(kind, upgrade(strict_json.decode(body))), answer.get("ETag", "")
    except DamagedError as error:
        raise damaged(bucket, key, error) from error


def save(s3: Any, bucket: str, key: str, data: Mapping[str, Any], **condition: str) -> str:
    """Store JSON; its ETag. `condition` is `IfMatch` or `IfNoneMatch`. Raises what the client raises."""
    body = json.dumps(data, indent=2).encode()
    answer = repeated(
        lambda: s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json", **condition)
    )
    return str(answer["ETag"])


def write_once(s3: Any, bucket: str, key: str, data: Mapping[str, Any]) -> None:
    """Store JSON that is kept for good, under a key with an id of this process. Raises what the client raises."""
    try:
        save(s3, bucket, key, data, IfNoneMatch="*")
    except ClientError as error:
        # What is there already is this write, whose answer was lost.
        if code(error) != "PreconditionFailed":
            raise


def newest_first(s3: Any, bucket: str, prefix: str) -> list[str]:
    """The keys, or the folders, under a prefix, which begin with a time. One request per thousand."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
    listed: list[str] = []
    for page in pages:
        listed += [item["Prefix"] for item in page.get("CommonPrefixes", ())]
        listed += [item["Key"] for item in page.get("Contents", ())]
    return sorted(listed, reverse=True)


def read_each(read: Callable[[str], T | None], keys: Iterable[str]) -> tuple[T, ...]:
    """What is read of each key, in their order, several at a time; without those of which there is nothing."""
    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="objects") as pool:
        return tuple(item for item in pool.map(read, keys) if item is not None)


def damaged(bucket: str, key: str, why: object) -> DamagedError:
    """The error about an object that no release wrote so, with the command that restores its earlier version."""
    return DamagedError(
        f"s3://{bucket}/{key} is damaged, no release wrote it so: {why}\n"
        f"  to restore its earlier version:  {restore(bucket, key, version=1)}"
    )


def restore(bucket: str, key: str, *, version: int) -> str:
    """The command that makes an earlier version of an object the last one; 0 is the last version that is no deletion.

    "Restoring previous versions", user guide of S3. `--max-keys` keeps the AWS CLI from asking for further pages.
    """
    return (
        f"aws s3api copy-object --bucket {bucket} --key {key} --copy-source "
        f'"{bucket}/{key}?versionId=$(aws s3api list-object-versions --bucket {bucket} --prefix {key} --max-keys 2 '
        f"""--query 'Versions[{version}].VersionId' --output text)\""""
    )

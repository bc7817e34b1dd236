"""Objects whose body breaks off on the way."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, ResponseStreamingError

from release import objects


class S3:
    """Breaks off the first `broken` bodies."""

    def __init__(self, broken: int, missing: bool = False) -> None:
        self.broken, self.missing, self.asked = broken, missing, 0

    def get_object(self, **_: str) -> dict[str, Any]:
        self.asked += 1
        if self.missing:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": ""}}, "GetObject")
        return {"Body": self, "ETag": f'"{self.asked}"'}

    def read(self) -> bytes:
        if self.asked <= self.broken:
            raise ResponseStreamingError(error="Connection reset by peer")
        return b"whole"


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_a_body_that_breaks_off_is_asked_for_again(broken: int) -> None:
    s3 = S3(broken)
    answer, body = objects.read(s3, "bucket", "key")
    assert (body, answer["ETag"], s3.asked) == (b"whole", f'"{broken + 1}"', broken + 1)


def test_a_body_that_always_breaks_off_is_an_error() -> None:
    s3 = S3(99)
    with pytest.raises(ResponseStreamingError):
        objects.read(s3, "bucket", "key")
    assert s3.asked == objects.ATTEMPTS


def test_an_object_that_is_not_there_is_asked_for_once() -> None:
    s3 = S3(0, missing=True)
    with pytest.raises(ClientError):
        objects.read(s3, "bucket", "key")
    assert s3.asked == 1

"""Objects whose body breaks off on the way, and writes that meet another one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ResponseStreamingError

from release import objects, records
from tests.unit.attempts import attempt
from tests.unit.fake_s3 import FakeS3, refusal
from tests.unit.one_of_each import proven


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


class Busy(FakeS3):
    """Another request about each key is under way, for the first `times` ones of ours."""

    def __init__(self, times: int, code: str = "ConditionalRequestConflict") -> None:
        super().__init__()
        self.left = times
        self.code = code
        self.before = self._conflict

    def _conflict(self, operation: str, _key: str) -> None:
        if operation != "get" and self.left:
            self.left -= 1
            raise refusal(self.code)


RECORD = records.Release(**vars(proven("1" * 40)))


def remove_a_mark(bucket: Busy) -> None:
    bucket.objects[records.MARK_KEY] = b"{}"
    records.remove_mark(bucket, "records", bucket.get_object(Bucket="records", Key=records.MARK_KEY)["ETag"])
    assert bucket.objects == {}


@pytest.mark.parametrize("code", ["ConditionalRequestConflict", "OperationAborted"])
@pytest.mark.parametrize(
    "write",
    [
        lambda bucket: records.write_release(bucket, "records", RECORD, records.Stored(release=None, etag=None)),
        lambda bucket: records.begin(bucket, "records", attempt("1" * 40)),
        remove_a_mark,
    ],
)
def test_what_meets_another_request_is_repeated(
    write: Callable[[Busy], None], code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As S3's user guide asks for: it is no answer about the condition."""
    monkeypatch.setattr(objects, "PAUSES_S", (0.0,) * 3)
    busy = Busy(3, code)
    write(busy)
    assert busy.left == 0


def test_what_always_meets_another_request_is_an_error() -> None:
    pauses: list[float] = []
    with pytest.raises(ClientError, match="ConditionalRequestConflict"):
        objects.repeated(lambda: Busy(1).put_object(Bucket="b", Key="k", Body=b""), sleep=pauses.append)
    assert tuple(pauses) == objects.PAUSES_S

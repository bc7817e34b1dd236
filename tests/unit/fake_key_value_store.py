"""The data plane of CloudFront KeyValueStore in memory, with AWS's limits.

"Quotas on key value stores", Amazon CloudFront Developer Guide; UpdateKeys, DescribeKeyValueStore and ListKeys, Amazon
CloudFront API Reference. What UpdateKeys does with a key to delete that is not there is not documented; DeleteKey
refuses it, so this does.
"""

# The arguments have the names that boto3 gives them.
# ruff: noqa: N803

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from local.emulator.gaps import key_value_stores

ARN = "arn:aws:cloudfront::111111111111:key-value-store/1a2b"


class FakeKeyValueStore:
    """A client with one store. `calls` has its requests; `after` is called when one was carried out."""

    def __init__(self, arn: str = ARN, **items: str) -> None:
        self.arn = arn
        self.items: dict[str, str] = dict(items)
        self.calls: list[str] = []
        self.after: Callable[[str], None] = lambda _operation: None
        self.changed = 0

    def describe_key_value_store(self, *, KvsARN: str) -> dict[str, Any]:
        self._begin("describe", KvsARN)
        return {"ETag": f"E{self.changed}", "ItemCount": len(self.items), "Status": "READY"}

    def list_keys(self, *, KvsARN: str, MaxResults: int, NextToken: str = "") -> dict[str, Any]:
        self._begin("list", KvsARN)
        assert 1 <= MaxResults <= 50
        names = sorted(name for name in self.items if name > NextToken)
        page: dict[str, Any] = {"Items": [{"Key": name, "Value": self.items[name]} for name in names[:MaxResults]]}
        return page | ({"NextToken": names[MaxResults - 1]} if len(names) > MaxResults else {})

    def update_keys(
        self, *, KvsARN: str, IfMatch: str, Puts: list[dict[str, str]], Deletes: list[dict[str, str]]
    ) -> dict[str, Any]:
        self._begin("update", KvsARN)
        if IfMatch != f"E{self.changed}":
            raise refusal("ConflictException")
        puts, deletes = {each["Key"]: each["Value"] for each in Puts}, [each["Key"] for each in Deletes]
        refused = key_value_stores.refusal(puts.items(), deletes, self.items)
        if refused:
            raise refusal(*refused)
        if not set(deletes) <= set(self.items):
            raise refusal("ResourceNotFoundException")
        self.items = {name: value for name, value in {**self.items, **puts}.items() if name not in deletes}
        self.changed += 1
        self.after("update")
        return {"ETag": f"E{self.changed}", "ItemCount": len(self.items)}

    def _begin(self, operation: str, arn: str) -> None:
        self.calls.append(operation)
        if arn != self.arn:
            raise refusal("ResourceNotFoundException")


def refusal(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message or code}}, "UpdateKeys")

"""Who may use the state's key and bucket: the statements of their policies, and how they join what is there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

Statement = dict[str, Any]


def of_key(account: str, others: Sequence[str]) -> list[Statement]:
    """The policy of a new key: the account's own policies decide; other accounts may use it, not change it."""
    own = _allow("Account", [account], ["kms:*"], "*")
    actions = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"]
    return [own, *([_allow("OtherAccounts", others, actions, "*")] if others else [])]


def of_bucket(arn: str, others: Sequence[str]) -> list[Statement]:
    """TLS only; and each other account's own policies decide who of it reaches which stack's state."""
    only_tls = {
        "Sid": "OnlyTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    if not others:
        return [only_tls]
    objects = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
    return [
        only_tls,
        _allow("OtherAccountsList", others, ["s3:GetBucketLocation", "s3:ListBucket"], arn),
        _allow("OtherAccountsState", others, objects, f"{arn}/.pulumi/*"),
    ]


def merged(existing: Sequence[Statement], ours: Sequence[Statement]) -> list[Statement]:
    """The statements of a policy with ours in their places, by Sid; who was named in one of them stays in it."""
    result = {statement.get("Sid", index): statement for index, statement in enumerate(existing)}
    for statement in ours:
        before = result.get(statement["Sid"], {}).get("Principal")
        if isinstance(before, Mapping) and isinstance(statement["Principal"], Mapping):
            named = {*_list(before.get("AWS")), *_list(statement["Principal"]["AWS"])}
            result[statement["Sid"]] = {**statement, "Principal": {"AWS": sorted(named)}}
        else:
            result[statement["Sid"]] = statement
    return list(result.values())


def read(text: str) -> list[Statement]:
    """The statements of a policy; a single one may stand without a list."""
    found = json.loads(text)["Statement"]
    return [found] if isinstance(found, dict) else list(found)


def document(statements: Sequence[Statement]) -> str:
    """A policy of these statements."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def _list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


def _allow(sid: str, principals: Sequence[str], actions: Sequence[str], resource: str) -> Statement:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"AWS": list(principals)},
        "Action": list(actions),
        "Resource": resource,
    }

"""Who may use the state's key and bucket: the statements of their policies, and how they join what is there."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from components import state_objects

Statement = dict[str, Any]

EVERY_STACK = "OtherAccountsState"
"""Sid of a statement by which other accounts reach every stack: earlier versions wrote it."""


@dataclasses.dataclass(frozen=True, order=True)
class Shared:
    """A stack that another account deploys."""

    account: str
    project: str
    stack: str
    before: tuple[str, ...] = ()
    """The stack that it promotes from, and those before that, which it reads."""

    def root(self, partition: str) -> str:
        """The account as a principal: its own policies decide who of it."""
        return f"arn:{partition}:iam::{self.account}:root"


def of_key(account: str, others: Sequence[str]) -> list[Statement]:
    """The policy of a new key: the account's own policies decide; other accounts may use it, not change it."""
    own = _allow("Account", [account], ["kms:*"], "*")
    actions = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"]
    return [own, *([_allow("OtherAccounts", others, actions, "*")] if others else [])]


def of_bucket(arn: str, partition: str, shared: Sequence[Shared]) -> list[Statement]:
    """TLS only; and each other account reaches the state of its own stacks. Its own policies decide who of it."""
    only_tls = {
        "Sid": "OnlyTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    if not shared:
        return [only_tls]
    roots = sorted({stack.root(partition) for stack in shared})
    # It shows the names of all stacks. S3 answers a miss with 403 without it, which the engine takes for an error.
    listing = _allow("OtherAccountsList", roots, ["s3:GetBucketLocation", "s3:ListBucket"], arn)
    return [only_tls, listing, *_of_accounts(arn, partition, shared)]


def _of_accounts(arn: str, partition: str, shared: Sequence[Shared]) -> Iterator[Statement]:
    for account in sorted({stack.account for stack in shared}):
        own = [stack for stack in shared if stack.account == account]
        read = {key for stack in own for key in state_objects.read_with(stack.project, stack.stack, stack.before)}
        write = {key for stack in own for key in state_objects.of_stack(stack.project, stack.stack)}
        for sid, action, keys in (
            ("Read", ["s3:GetObject"], read),
            ("Write", ["s3:DeleteObject", "s3:PutObject"], write),
        ):
            resources = [f"{arn}/{key}" for key in sorted(keys)]
            yield _allow(f"{sid}{account}", [own[0].root(partition)], action, resources)


def reaching_every_stack(statements: Sequence[Statement], shared: Sequence[Shared]) -> list[str]:
    """Accounts that an earlier version let reach every stack, and of which it is not said now which are theirs."""
    named = {stack.account for stack in shared}
    old = [statement for statement in statements if statement.get("Sid") == EVERY_STACK]
    accounts = {arn.split(":")[4] for statement in old for arn in _list(statement["Principal"]["AWS"])}
    return sorted(accounts - named)


def merged(existing: Sequence[Statement], new: Sequence[Statement]) -> list[Statement]:
    """The statements of a policy with the new ones in their places, by Sid; who and what one named stays in it."""
    result = {
        statement.get("Sid", index): statement
        for index, statement in enumerate(existing)
        if statement.get("Sid") != EVERY_STACK
    }
    for statement in new:
        before = result.get(statement["Sid"], {})
        if isinstance(before.get("Principal"), Mapping) and isinstance(statement["Principal"], Mapping):
            named = {*_list(before["Principal"].get("AWS")), *_list(statement["Principal"]["AWS"])}
            resources = sorted({*_list(before.get("Resource")), *_list(statement["Resource"])})
            result[statement["Sid"]] = {
                **statement,
                "Principal": {"AWS": sorted(named)},
                "Resource": resources[0] if len(resources) == 1 else resources,
            }
        else:
            result[statement["Sid"]] = statement
    return list(result.values())


def read(text: str) -> list[Statement]:
    """The statements of a policy; a single one may stand without a list."""
    statements = json.loads(text)["Statement"]
    return [statements] if isinstance(statements, dict) else list(statements)


def document(statements: Sequence[Statement]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def _list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


def _allow(sid: str, principals: Sequence[str], actions: Sequence[str], resources: str | list[str]) -> Statement:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"AWS": list(principals)},
        "Action": list(actions),
        "Resource": resources,
    }

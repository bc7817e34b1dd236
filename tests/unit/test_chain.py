"""The environments before one, as their stacks say it, with what people stated: as far as it can be read."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from release import chain, records, statements
from release.chain import Link
from release.records import Stored
from release.statements import Stated, Statement
from settings.errors import ExpectedError
from tests.unit.fake_s3 import FakeS3, refusal
from tests.unit.test_statements import ROLLED_BACK, state

HOLD = state("hold", "10")


def link(name: str, before: str | None = "", *, released: bool = True) -> Link:
    outputs = {"recordsBucket": f"{name}-records"} | ({} if before is None else {"promoteFrom": before})
    return Link(name, ROLLED_BACK if released else None, outputs if released else {})


def read(own: Link, *before: Link, s3: Any = None, record: bool = False) -> tuple[Stated, ...]:
    stacks = {stack.name: stack for stack in before}

    def stack(name: str) -> Link:
        if name not in stacks:
            raise ExpectedError(f"the stack {name} cannot be read")
        return stacks[name]

    buckets = FakeS3(*(f"{name}-records" for name in ("prod", "impl", "dev")), page=1000)
    statements.write(buckets, "dev-records", HOLD)
    return chain.read(own, before[0] if before else None, stack, lambda: s3 or buckets, record=record)


def names(environments: tuple[Stated, ...]) -> list[tuple[str, tuple[Statement, ...], bool]]:
    return [(one.environment, one.statements, bool(one.unread)) for one in environments]


def test_every_environment_before_is_read_back_to_the_first() -> None:
    environments = read(link("prod", "impl"), link("impl", "dev"), link("dev"))
    assert names(environments) == [("prod", (), False), ("impl", (), False), ("dev", (HOLD,), False)]
    assert [one.release for one in environments] == [ROLLED_BACK] * 3


def test_the_first_environment_has_none_before() -> None:
    assert names(read(link("dev"))) == [("dev", (HOLD,), False)]


def test_a_stack_that_does_not_exist_yet_has_stated_nothing() -> None:
    assert names(read(link("prod", released=False), link("impl", released=False))) == [
        ("prod", (), False),
        ("impl", (), False),
    ]


def test_environments_in_a_circle_are_read_once() -> None:
    assert [one.environment for one in read(link("prod", "impl"), link("impl", "dev"), link("dev", "impl"))] == [
        "prod",
        "impl",
        "dev",
    ]


def test_a_stack_that_cannot_be_read_is_unread() -> None:
    *_, dev = read(link("prod", "impl"), link("impl", "dev"))
    assert dev == Stated(environment="dev", release=None, unread="the stack dev cannot be read")


def test_a_stack_that_does_not_say_what_is_before_it_is_unread_with_what_makes_it_known() -> None:
    prod, impl = read(link("prod", "impl"), link("impl", None))
    assert (prod.unread, impl.release) == ("", ROLLED_BACK)
    why = "an earlier program updated impl last, which does not say what it promotes from"
    # What runs: a rollback of impl holds every other version.
    assert impl.unread == f"{why}:  RELEASE_VERSION={ROLLED_BACK.version} pulumi up -s impl"
    unreleased = link("impl", None)._replace(release=None)
    assert read(link("prod", "impl"), unreleased)[1].unread == f"{why}:  pulumi up -s impl"


def test_a_rollback_that_the_state_does_not_have_yet_holds() -> None:
    """The process was killed after it wrote the record, and before Pulumi wrote the state."""
    bucket, before = FakeS3("dev-records", page=1000), dataclasses.replace(ROLLED_BACK, version="9" * 40, previous=())
    records.write_release(bucket, "dev-records", ROLLED_BACK, Stored(release=None, etag=None))
    (dev,) = read(link("dev")._replace(release=before), s3=bucket, record=True)
    assert dev.release == ROLLED_BACK
    assert statements.standing(dev.release, dev.statements) is not None


def test_a_record_that_cannot_be_read_is_unread() -> None:
    bucket = FakeS3("dev-records", page=1000)
    bucket.put_object(Bucket="dev-records", Key="release.json", Body=b"{}")
    (dev,) = read(link("dev"), s3=bucket, record=True)
    assert dev.unread.startswith("the record of dev cannot be read (")
    (preview,) = read(link("dev"), s3=bucket)
    assert (preview.release, preview.unread) == (ROLLED_BACK, "")


def test_a_bucket_that_is_gone_has_no_statements() -> None:
    """An interrupted destroy leaves such a stack, and the update after it has to be let through."""
    gone = Link("dev", ROLLED_BACK, {"recordsBucket": "gone", "promoteFrom": ""})
    assert names(read(gone)) == [("dev", (), False)]


@pytest.mark.parametrize("error", [refusal("AccessDenied", "ListObjectsV2"), NoCredentialsError()])
def test_statements_that_cannot_be_read_are_unread(error: ClientError | NoCredentialsError) -> None:
    class Refusing:
        def get_paginator(self, _operation: str) -> Any:
            raise error

    (dev,) = read(link("dev"), s3=Refusing())
    assert dev.release == ROLLED_BACK
    assert dev.unread.startswith("the statements of dev cannot be read (")
    assert dev.unread.endswith("): sign in with a role that may read them")

"""The rights on docs/publish-a-site-alone.md are those that the commands use: none lacks, and none is needless."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.unit.fake_s3 import FakeS3
from tests.unit.site_world import ONE, THREE, TWO, CloudFront, World

PAGE: Final = Path(__file__).parents[2] / "docs" / "publish-a-site-alone.md"
NAMES: Final = {"site": "example-site", "records": "example-records"}
Right = tuple[str, str]
"""An action and the ARN that it is on."""


def policies() -> list[list[Right]]:
    """What each policy of the page allows; `*` in an ARN is any text."""
    documents = [json.loads(text) for text in re.findall(r'^    (\{"Version".*?\]\})$', PAGE.read_text(), re.M | re.S)]
    return [
        [
            (action, arn)
            for statement in document["Statement"]
            for action in _list(statement["Action"])
            for arn in _list(statement["Resource"])
        ]
        for document in documents
    ]


class Watched:
    """A client of S3 that notes the rights which its calls need (Service Authorization Reference, Amazon S3)."""

    def __init__(self, s3: Any, used: set[Right]) -> None:
        self._s3, self._used = s3, used

    def __getattr__(self, name: str) -> Any:
        if name == "get_paginator":
            return self._paginator
        work = getattr(self._s3, name)
        if "_object" not in name:
            return work

        def call(**arguments: Any) -> Any:
            self._used.update(self._rights(name, arguments))
            return work(**arguments)

        return call

    def _paginator(self, operation: str) -> Any:
        inner = self._s3.get_paginator(operation)
        used = self._used

        class Paginator:
            @staticmethod
            def paginate(**arguments: Any) -> Any:
                assert operation == "list_object_versions"
                used.add(("s3:ListBucketVersions", f"arn:aws:s3:::{NAMES[arguments['Bucket']]}"))
                return inner.paginate(**arguments)

        return Paginator()

    @staticmethod
    def _rights(name: str, arguments: dict[str, Any]) -> Iterator[Right]:
        bucket = f"arn:aws:s3:::{NAMES[arguments['Bucket']]}"
        target = f"{bucket}/{arguments.get('Key', '')}"
        if name == "copy_object":
            source = arguments["CopySource"]
            version = "Version" if "VersionId" in source else ""
            yield f"s3:GetObject{version}", f"arn:aws:s3:::{NAMES[source['Bucket']]}/{source['Key']}"
            yield "s3:PutObject", target
        elif name == "delete_objects":
            for each in arguments["Delete"]["Objects"]:
                yield f"s3:DeleteObject{'Version' if 'VersionId' in each else ''}", f"{bucket}/{each['Key']}"
        elif name == "list_objects_v2":
            yield "s3:ListBucket", bucket
        else:
            action = {"head_object": "GetObject", "get_object": "GetObject", "put_object": "PutObject"}[name]
            yield f"s3:{action}{'Version' if 'VersionId' in arguments else ''}", target


class WatchedCloudFront(CloudFront):
    def __init__(self, used: set[Right]) -> None:
        super().__init__()
        self._used = used
        self._asked = 0

    def create_invalidation(self, **arguments: Any) -> dict[str, Any]:
        self._note("CreateInvalidation")
        return {"Invalidation": {**super().create_invalidation(**arguments)["Invalidation"], "Status": "InProgress"}}

    def get_invalidation(self, **_: Any) -> dict[str, Any]:
        self._note("GetInvalidation")
        return {"Invalidation": {"Id": "I1", "Status": "Completed"}}

    def _note(self, action: str) -> None:
        self._used.add((f"cloudfront:{action}", "arn:aws:cloudfront::111111111111:distribution/E2EXAMPLE"))


@pytest.fixture
def used() -> set[Right]:
    return set()


@pytest.fixture
def world(tmp_path: Path, capsys: pytest.CaptureFixture[str], used: set[Right]) -> World:
    s3: Any = Watched(FakeS3("site", "records", page=1000), used)
    return World(tmp_path, capsys, s3=s3, cloudfront=WatchedCloudFront(used))


def allows(policy: list[Right], right: Right) -> bool:
    return any(right[0] == action and fnmatch.fnmatchcase(right[1], arn) for action, arn in policy)


def walk(world: World) -> None:
    """All that happens to a site: published, changed, restored, repaired, forgotten."""
    world.publish(ONE, "--distribution", "E1", **{"old.html": "old", "assets/a-Ab12Xy_9.js": "a"})
    world.publish(TWO)
    # Somebody deletes one asset and changes another.
    world.site.pop("assets/a-Ab12Xy_9.js")
    world.site["assets/app-Ab12Xy_9.js"] = b"ppa"
    assert world.run("restore", ONE) == 0
    assert world.run("status") == 0
    for version in (TWO, THREE, "4" * 40):
        world.publish(version, "--keep", "1", **{f"assets/{version[0]}-Ab12Xy_9.js": version})


def test_publishing_needs_these_rights_and_no_others(world: World, used: set[Right]) -> None:
    publish, _ = policies()
    walk(world)
    assert sorted(right for right in used if not allows(publish, right)) == []
    assert [right for right in publish if not any(allows([right], one) for one in used)] == []


def test_a_purge_needs_two_more(world: World, used: set[Right]) -> None:
    publish, purge = policies()
    world.publish(ONE, **{"old.html": "old"})
    used.clear()
    assert world.run("purge", "old.html", "--distribution", "E1") == 0
    assert sorted(right for right in used if not allows(publish + purge, right)) == []
    assert [right for right in purge if not any(allows([right], one) for one in used)] == []


def _list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]

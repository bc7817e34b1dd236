"""How inputs are compared, and what becomes of function packages on the way."""

from __future__ import annotations

import json
import os
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from local.aws.archive import UnreadableError, zip_bytes
from local.aws.kind import camel
from local.aws.provider import AwsProvider
from local.plugin.compare import Difference, differences, same
from local.plugin.wire import ARCHIVE, ASSET, SECRET, SIGNATURE, UNKNOWN, read_struct, write_struct


def paths(old: dict[str, Any], new: dict[str, Any], unordered: str = "") -> dict[str, str]:
    return {found.path: found.kind for found in differences(old, new, frozenset(unordered.split()))}


def test_differences_are_found_where_they_are() -> None:
    old = {"a": 1, "b": {"c": [1, 2]}, "tags": {"x-y": "1"}}
    assert paths(old, {"a": 1, "b": {"c": [1, 3]}, "tags": {"x-y": "2"}}) == {
        "b.c[1]": "update",
        'tags["x-y"]': "update",
    }
    assert paths(old, {"b": {"c": [1]}, "tags": {"x-y": "1"}, "d": True}) == {
        "a": "delete",
        "b.c[1]": "delete",
        "d": "add",
    }


def test_what_is_empty_and_what_is_not_there_are_the_same() -> None:
    assert paths({"a": [], "b": {}}, {"c": {}}) == {}
    assert paths({}, {"a": [1]}) == {"a": "add"}


def test_a_value_not_known_yet_is_a_difference() -> None:
    assert paths({"a": "x"}, {"a": UNKNOWN}) == {"a": "update"}


def test_order_counts_only_where_it_says_something() -> None:
    old, new = {"subnets": ["a", "b"]}, {"subnets": ["b", "a"]}
    assert paths(old, new, "subnets") == {}
    assert paths(old, new) == {"subnets[0]": "update", "subnets[1]": "update"}
    assert paths({"subnets": ["a"]}, new, "subnets") == {"subnets[1]": "add"}


def test_documents_are_compared_by_meaning() -> None:
    one = {"Version": "2012-10-17", "Statement": [{"Action": ["s3:GetObject"], "Resource": ["b", "a"]}]}
    other = {"Statement": {"Action": "s3:GetObject", "Resource": ["a", "b"]}, "Version": "2012-10-17"}
    assert same(json.dumps(one, indent=2), json.dumps(other))
    other["Statement"] = {"Action": "s3:PutObject", "Resource": ["a", "b"]}
    assert not same(json.dumps(one), json.dumps(other))


def test_the_order_of_containers_counts() -> None:
    assert not same('[{"name": "a"}, {"name": "b"}]', '[{"name": "b"}, {"name": "a"}]')


def test_booleans_are_not_numbers() -> None:
    assert not same(True, 1)
    assert same(1, 1.0)


def test_an_archive_differs_by_content_not_by_place() -> None:
    old = {"code": {SIGNATURE: ARCHIVE, "path": "/one", "hash": "1"}}
    assert paths(old, {"code": {SIGNATURE: ARCHIVE, "path": "/two", "hash": "1"}}) == {}
    assert paths(old, {"code": {SIGNATURE: ARCHIVE, "path": "/one", "hash": "2"}}) == {"code": "update"}


def test_the_pattern_of_a_difference_has_no_indexes() -> None:
    assert Difference("rules[0].id", "update").pattern == "rules.id"


def test_a_rule_that_changes_the_kind_of_its_source_is_a_new_rule() -> None:
    token = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
    old = {"securityGroupId": "sg-1", "ipProtocol": "tcp", "cidrIpv4": "10.0.0.0/8"}
    assert AwsProvider().diff(token, old, old | {"cidrIpv4": "10.1.0.0/16"}).replaces == []
    group = {"securityGroupId": "sg-1", "ipProtocol": "tcp", "referencedSecurityGroupId": "sg-2"}
    assert AwsProvider().diff(token, old, group).replaces == ["cidrIpv4", "referencedSecurityGroupId"]


def test_capacity_providers_change_in_place_by_a_forced_deployment_alone() -> None:
    old: dict[str, Any] = {"name": "app"}
    new = {"name": "app", "capacityProviderStrategies": [{"capacityProvider": "FARGATE"}]}
    token = "aws:ecs/service:Service"
    assert AwsProvider().diff(token, old, new).replaces == ["capacityProviderStrategies"]
    assert AwsProvider().diff(token, old, new | {"forceNewDeployment": True}).replaces == []


def test_answers_get_pulumis_names() -> None:
    assert camel({"AB": [{"CD": 1}]}) == {"aB": [{"cD": 1}]}


def test_values_travel_unchanged_and_secrets_are_marked() -> None:
    values = {"a": [1, 2.5, True, None, "x"], "b": {"c": UNKNOWN}, "password": "hush", "gone": None}
    struct = write_struct(values, frozenset({"password"}))
    assert struct.fields["password"].struct_value.fields[SIGNATURE].string_value == SECRET
    del values["gone"]
    assert read_struct(struct) == values
    assert isinstance(read_struct(struct)["a"][0], int)


def folder(path: Path) -> dict[str, Any]:
    return {SIGNATURE: ARCHIVE, "path": str(path), "hash": "x"}


def text(content: str) -> dict[str, Any]:
    return {SIGNATURE: ASSET, "text": content, "hash": "x"}


def test_a_package_depends_on_its_files_alone(tmp_path: Path) -> None:
    for name, order in (("one", ["b.py", "a.py"]), ("two", ["a.py", "b.py"])):
        (tmp_path / name / "__pycache__").mkdir(parents=True)
        for file in order:
            (tmp_path / name / file).write_text(file)
    (tmp_path / "one" / "__pycache__" / "a.pyc").write_text("cache")
    os.utime(tmp_path / "two" / "a.py", (0, 0))
    first = zip_bytes(folder(tmp_path / "one"))
    assert first == zip_bytes(folder(tmp_path / "two"))
    assert zipfile.ZipFile(BytesIO(first)).namelist() == ["a.py", "b.py"]
    (tmp_path / "two" / "a.py").write_text("changed")
    assert first != zip_bytes(folder(tmp_path / "two"))


def test_a_package_is_made_of_folders_and_texts(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "b.py").write_text("b")
    assets = {".": folder(tmp_path), "vendor": folder(tmp_path / "lib"), "note.txt": text("a note")}
    package = zipfile.ZipFile(BytesIO(zip_bytes({SIGNATURE: ARCHIVE, "assets": assets})))
    assert package.namelist() == ["lib/b.py", "note.txt", "vendor/b.py"]
    assert package.read("note.txt") == b"a note"


def test_a_package_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="has no files"):
        zip_bytes(folder(tmp_path))

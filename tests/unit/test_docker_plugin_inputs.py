"""What the local Docker plugin decides: which inputs it takes, what counts as a change."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2

from local.docker import context, image
from local.docker.buildkit import Line
from local.docker.provider import IMAGE, DockerProvider, differences
from local.plugin.provider import Checked, PluginError
from local.plugin.servicer import Servicer
from local.plugin.wire import UNKNOWN, write_struct

URN = f"urn:pulumi:dev::easi::easi:image:BackendImage${IMAGE}::backend"


def changes(old: dict[str, Any], new: dict[str, Any]) -> dict[str, str]:
    return {change.path: change.kind for change in differences(old, new)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY app /app\n")
    (tmp_path / "app").write_text("1")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "page.md").write_text("text")
    (tmp_path / ".dockerignore").write_text("# not needed\ndocs\n")
    return tmp_path


def digest(folder: Path, **build: str) -> str:
    return context.digest(context.of({"context": str(folder), **build}))


def _touch(folder: Path) -> None:
    os.utime(folder / "app", (0, 0))


def _ignored(folder: Path) -> None:
    (folder / "docs" / "page.md").write_text("other")


@pytest.mark.parametrize("change", [_touch, _ignored])
def test_context_is_the_same(folder: Path, change: Callable[[Path], None]) -> None:
    before = digest(folder)
    change(folder)
    assert digest(folder) == before


def _content(folder: Path) -> None:
    (folder / "app").write_text("2")


def _mode(folder: Path) -> None:
    (folder / "app").chmod(0o755)


def _name(folder: Path) -> None:
    (folder / "app").rename(folder / "app2")


def _dockerfile(folder: Path) -> None:
    (folder / "Dockerfile").write_text("FROM scratch\n")


def _no_longer_ignored(folder: Path) -> None:
    (folder / ".dockerignore").unlink()


def _link(folder: Path) -> None:
    (folder / "link").symlink_to("app")


@pytest.mark.parametrize("change", [_content, _mode, _name, _dockerfile, _no_longer_ignored, _link])
def test_context_is_another(folder: Path, change: Callable[[Path], None]) -> None:
    (folder / "app").chmod(0o644)
    before = digest(folder)
    change(folder)
    assert digest(folder) != before


def test_moving_bytes_from_one_file_to_the_next_is_another_context(folder: Path) -> None:
    (folder / "a").write_text("12")
    (folder / "b").write_text("3")
    before = digest(folder)
    (folder / "a").write_text("1")
    (folder / "b").write_text("23")
    assert digest(folder) != before


def test_dockerfile_may_lie_outside(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "Dockerfile"
    outside.write_text("FROM scratch\n")
    before = digest(folder, dockerfile=str(outside))
    outside.write_text("FROM scratch\nCOPY app /\n")
    assert digest(folder, dockerfile=str(outside)) != before


def test_missing_context_is_named(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"build\.context .*nowhere is not a folder"):
        context.of({"context": str(tmp_path / "nowhere")})


def test_missing_dockerfile_is_named(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"build\.dockerfile .*Dockerfile is not a file"):
        context.of({"context": str(tmp_path)})


OLD = {
    "imageName": "localhost:4566/app:1",
    "build": {"context": ".", "args": {"A": "1"}, "contextDigest": "aa"},
    "registry": {"server": "localhost:4566", "username": "AWS", "password": "old"},
    "buildOnPreview": False,
    "skipPush": False,
}


def test_another_password_is_no_difference() -> None:
    registry = {"server": "localhost:4566", "username": "me", "password": "new"}
    assert changes(OLD, {**OLD, "registry": registry, "buildOnPreview": True}) == {}


def test_differences_are_named_by_their_path() -> None:
    new = {**OLD, "build": {"context": ".", "args": {"B": "1"}, "contextDigest": "bb"}}
    assert changes(OLD, new) == {
        "build.args.A": "delete",
        "build.args.B": "add",
        "build.contextDigest": "update",
    }


def test_value_that_is_not_known_yet_is_a_difference() -> None:
    assert changes(OLD, {**OLD, "imageName": UNKNOWN}) == {"imageName": "update"}


@pytest.mark.parametrize(
    ("text", "repository", "tag", "registry"),
    [
        ("localhost:4566/app:1", "localhost:4566/app", "1", "localhost:4566"),
        ("localhost:4566/app", "localhost:4566/app", "latest", "localhost:4566"),
        ("registry.example/a/b:v1.2", "registry.example/a/b", "v1.2", "registry.example"),
        ("me/app", "me/app", "latest", "docker.io"),
        ("app:2", "app", "2", "docker.io"),
    ],
)
def test_image_name_is_taken_apart(text: str, repository: str, tag: str, registry: str) -> None:
    name = image.Name.of(text)
    assert (name.repository, name.tag, name.registry) == (repository, tag, registry)


def test_image_cannot_be_built_under_a_digest() -> None:
    with pytest.raises(PluginError, match="has a digest"):
        image.Name.of("localhost:4566/app@sha256:1")


def check(inputs: dict[str, Any]) -> Checked:
    return DockerProvider().check(IMAGE, "backend", {}, inputs, seed=b"")


def test_check_adds_the_contexts_digest(folder: Path) -> None:
    checked = check({"imageName": "localhost:4566/app:1", "build": {"context": str(folder)}})
    assert not checked.problems
    assert checked.inputs["build"]["contextDigest"] == digest(folder)


def test_check_can_wait_for_a_name_that_is_not_known_yet(folder: Path) -> None:
    checked = check({"imageName": UNKNOWN, "build": {"context": str(folder)}})
    assert not checked.problems
    assert checked.inputs["imageName"] == UNKNOWN


@pytest.mark.parametrize(
    ("inputs", "path", "reason"),
    [
        ({}, "imageName", "required, and missing"),
        ({"imageName": 5}, "imageName", "must be a string, not a single value"),
        ({"imageName": "a", "biuld": {}}, "biuld", r"no such property \(did you mean build\?\); allowed are build, "),
        ({"imageName": "a", "build": "."}, "build", "must be an object, not a single value"),
        ({"imageName": "a", "build": {"args": {"A": 1}}}, "build.args.A", "must be a string"),
        ({"imageName": "a", "build": {"builderVersion": "x"}}, "build.builderVersion", "must be one of BuilderV1"),
        ({"imageName": "a", "skipPush": "yes"}, "skipPush", "must be true or false, not 'yes'"),
        ({"imageName": "a", "skipPush": "true"}, "skipPush", "must be true or false, not 'true'"),
    ],
)
def test_wrong_property_is_refused(inputs: dict[str, Any], path: str, reason: str) -> None:
    (problem,) = check(inputs).problems
    assert problem.path == path
    assert re.search(reason, problem.reason)


@pytest.mark.parametrize(("password", "shape"), [(["hunter2"], "a list"), (5, "a single value")])
def test_secret_of_the_wrong_type_is_not_shown(password: object, shape: str) -> None:
    (problem,) = check({"imageName": "a", "registry": {"password": password}}).problems
    assert problem.reason == f"must be a string, not {shape}"


def test_other_resource_types_are_refused() -> None:
    with pytest.raises(PluginError, match="docker:index/container:Container is not available locally"):
        DockerProvider().check("docker:index/container:Container", "c", {}, {}, seed=b"")


def test_engine_is_asked_through_the_protocol(folder: Path) -> None:
    news = write_struct({"imageName": "a", "build": {"context": str(folder)}})
    answer = Servicer(DockerProvider()).Check(provider_pb2.CheckRequest(urn=URN, news=news), MagicMock())
    assert answer.inputs.fields["build"].struct_value.fields["contextDigest"].string_value == digest(folder)


def test_secrets_are_left_to_the_engine() -> None:
    request = provider_pb2.ConfigureRequest(acceptSecrets=True)
    assert Servicer(DockerProvider()).Configure(request, MagicMock()).acceptSecrets is False


def test_what_a_plugin_lacks_is_said_so() -> None:
    context = MagicMock()
    Servicer(DockerProvider()).Invoke(provider_pb2.InvokeRequest(tok="docker:index/getImage:getImage"), context)
    context.abort.assert_called_once_with(grpc.StatusCode.UNIMPLEMENTED, "the local docker plugin has no Invoke")


def test_failed_build_shows_the_end_of_its_output() -> None:
    events = [Line(kind="output", text=f"line {number}") for number in range(40)]
    events.append(Line(kind="error", text="exit code 2"))
    with pytest.raises(PluginError, match=r"app:1 could not be built: exit code 2\nThe end of its output:\n") as error:
        image._follow_build("app:1", events, image.Reporter(status=_drop, info=_drop), threading.Event())
    lines = str(error.value).splitlines()
    assert (lines[2], lines[-1], len(lines)) == ("  line 15", "  line 39", 27)


def test_cancelled_build_ends() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(PluginError, match="cancelled"):
        image._follow_build("app:1", [Line(kind="output", text="x")], image.Reporter(status=_drop, info=_drop), stop)


def _drop(_line: str) -> None:
    """Say nothing."""


def test_a_refresh_leaves_an_image_as_the_state_has_it() -> None:
    request = provider_pb2.ReadRequest(id="shop/backend", urn=URN)
    request.properties.update({"repoDigest": "shop/backend@sha256:1"})
    request.inputs.update({"imageName": "shop/backend"})
    answer = Servicer(DockerProvider()).Read(request, MagicMock())
    assert (answer.id, dict(answer.properties), dict(answer.inputs)) == (
        "shop/backend",
        {"repoDigest": "shop/backend@sha256:1"},
        {"imageName": "shop/backend"},
    )

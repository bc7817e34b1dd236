"""`make up AWS_PLUGIN=official`: where the official AWS plugin comes from, and what changes with it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from local import aws_plugin, environment, project
from local.engine import Engine
from local.layout import ENVIRONMENTS, Layout, LocalError

OFFICIAL = ("aws:skipCredentialsValidation", "aws:skipMetadataApiCheck", "aws:s3UsePathStyle")


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.setenv("PATH", os.defpath)
    layout = Layout(tmp_path)
    (tmp_path / "local").mkdir()
    overlay = "config: {aws:region: us-west-2}\nofficialPlugin: {" + ", ".join(f"{key}: true" for key in OFFICIAL) + "}"
    (tmp_path / "local" / "overlay.yaml").write_text(overlay)
    (tmp_path / "Pulumi.yaml").write_text("name: easi\nruntime: python\n")
    for name in ENVIRONMENTS:
        (tmp_path / f"Pulumi.{name}.yaml").write_text("config: {}\n")
    return layout


def engine(layout: Layout, script: str) -> Engine:
    path = layout.root / "engine"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return Engine(path=path, origin="official", official_host=True)


def installed(layout: Layout) -> Path:
    return layout.home / "plugins" / f"resource-aws-v{aws_plugin.VERSION}" / aws_plugin.NAME


@pytest.mark.parametrize("after_ours", [False, True])
def test_official_plugin_on_path_is_taken_nothing_is_downloaded_and_ours_is_gone(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, after_ours: bool
) -> None:
    """A shell without it on PATH would go on with ours, which reads nothing of what the official one wrote."""
    if after_ours:
        environment.write_programs(layout, engine(layout, "exit 1"))
    folder = layout.root / "tools"
    folder.mkdir()
    (folder / aws_plugin.NAME).touch(mode=0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.defpath}")
    environment.write_programs(layout, engine(layout, "exit 1"), "official")
    assert not installed(layout).exists()


def test_downloaded_official_plugin_stays(layout: Layout) -> None:
    installed(layout).parent.mkdir(parents=True)
    installed(layout).write_bytes(b"\x7fELF\xff")
    environment.write_programs(layout, engine(layout, "exit 0"), "official")
    assert installed(layout).read_bytes() == b"\x7fELF\xff"


def test_official_plugin_is_downloaded_in_place_of_ours(layout: Layout) -> None:
    asked = layout.root / "asked"
    downloading = engine(layout, f'echo "$PULUMI_HOME" "$@" >"{asked}"; mkdir -p "{installed(layout).parent}"')
    environment.write_programs(layout, downloading)
    assert "local.aws" in installed(layout).read_text()
    environment.write_programs(layout, downloading, "official")
    assert asked.read_text() == f"{layout.home} plugin install resource aws {aws_plugin.VERSION}\n"
    assert not installed(layout).exists()  # the engine puts it there
    installed(layout).write_bytes(b"\x7fELF\xff")
    environment.write_programs(layout, downloading)
    assert "local.aws" in installed(layout).read_text()


def test_plugin_that_cannot_be_had_is_one_clear_error(layout: Layout) -> None:
    said = layout.root / "said"
    tries = "warning: Error downloading plugin: Get https://x: no such host\nWill retry in 80ms [1/5]\n" * 5
    said.write_text(f"[resource plugin aws] installing\n{tries}error: failed all 5 attempts\n")
    with pytest.raises(LocalError) as refused:
        environment.write_programs(layout, engine(layout, f'cat "{said}" >&2; exit 255'), "official")
    assert str(refused.value) == (
        f"AWS_PLUGIN=official: pulumi-resource-aws {aws_plugin.VERSION} is not on PATH and cannot be downloaded "
        "(Get https://x: no such host). Put it on PATH, or run `make up` without AWS_PLUGIN"
    )


@pytest.mark.parametrize(("choice", "added"), [("local", set()), ("official", set(OFFICIAL))])
def test_settings_are_the_same_but_for_what_it_needs(
    layout: Layout, choice: aws_plugin.Choice, added: set[str]
) -> None:
    project.set_values(layout, 4566, choice)
    config = yaml.safe_load((layout.project / "Pulumi.dev.yaml").read_text())["config"]
    assert set(config) == {"aws:region", *added}


def test_environments_stay_with_the_plugin_that_made_them(layout: Layout) -> None:
    for choice in ("local", "official"):
        aws_plugin.require_same(layout, choice)
    project.set_values(layout, 4566, "official")
    aws_plugin.require_same(layout, "official")
    with pytest.raises(LocalError) as refused:
        aws_plugin.require_same(layout, "local")
    assert str(refused.value) == (
        "the environments of this clone were made with the official AWS plugin, not the local one.\n"
        "  To go on with them:  make up AWS_PLUGIN=official\n"
        "  To begin anew:  make down"
    )

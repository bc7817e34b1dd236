"""Going back to a version from before a service or a site was added: with settings that do not declare it."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import pytest
import yaml

from ci import main
from cli import diagnosis, history, outcome
from cli.history import History
from cli.observed import Observed
from cli.outcome import Outcome
from release.identity import ServiceIdentity
from release.records import Release
from tests.unit.environments import World, released

ONE: Final[Mapping[str, Any]] = {"services": {"backend": {}}, "sites": {"site": {"folder": "dist"}}}
SEARCH: Final[Mapping[str, Any]] = {"search": {}}
SHOP: Final[Mapping[str, Any]] = {"shop": {"folder": "shop"}}


def commit(
    world: World,
    services: Mapping[str, Any],
    sites: Mapping[str, Any] | None = None,
    stack: Mapping[str, Any] | None = None,
) -> str:
    """A commit: Pulumi.yaml declares what is in `ONE`, and these; Pulumi.prod.yaml has the services `stack`."""
    declared = {
        "services": {"default": {**ONE["services"], **services}},
        "sites": {"default": {**ONE["sites"], **(sites or {})}},
    }
    (world.folder / "Pulumi.yaml").write_text(yaml.safe_dump({"name": "easi", "config": declared}))
    own = {"config": {"easi:services": stack} if stack else {}}
    (world.folder / "Pulumi.prod.yaml").write_text(yaml.safe_dump(own))
    return kept(world)


def kept(world: World) -> str:
    for words in (["add", "Pulumi.yaml", "Pulumi.prod.yaml"], ["commit", "--quiet", "--allow-empty", "-m", "settings"]):
        subprocess.run(["git", "-C", world.folder, *words], check=True)
    return world.sha("HEAD")


def proven(*versions: str, added: str, sites: tuple[str, ...] = ()) -> Release:
    """The record after `versions`, the oldest first; the last of them has a service or sites more."""
    release = released(*versions)
    service = ServiceIdentity(image="registry/repository@sha256:1", task_definition="arn:aws:ecs:task:1")
    return dataclasses.replace(
        release,
        services={**release.services, **({added: service} if added else {})},
        sites={**release.sites, **dict.fromkeys(sites, "sha256:2")},
    )


def rollback(world: World, release: Release, version: str) -> int:
    world.add("prod", release)
    return main(["rollback", "-s", "prod", "--version", version])


def test_the_newest_settings_that_declare_no_more_are_taken(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    old, newer = commit(world, {}), commit(world, {})
    added = commit(world, SEARCH, SHOP)

    code = rollback(world, proven(old, newer, added, added="search", sites=("shop",)), old)

    said = capsys.readouterr().out
    assert code == 0
    assert world.sha("HEAD") == newer
    assert (
        f"  settings  those of {newer[:12]} are checked out, as those in force declare service search and site shop, "
        "which it never ran with: HEAD is detached\n"
        "  removes   service search and site shop, after the version is proven (docs/roll-back.md says what stays)\n"
    ) in said
    assert f"RELEASE_VERSION={old} pulumi up -s prod" in said


def test_a_version_that_has_it_all_takes_the_settings_in_force(world: World) -> None:
    old, added = commit(world, {}), commit(world, SEARCH)
    after = commit(world, SEARCH)
    release = proven(old, added, after, added="search")
    whole = dataclasses.replace(
        release,
        previous=tuple(
            dataclasses.replace(proof, services=release.services) if proof.version == added else proof
            for proof in release.previous
        ),
    )
    assert rollback(world, whole, added) == 0
    assert world.sha("HEAD") == after


def test_settings_of_a_version_that_was_itself_rolled_back_are_not_taken(world: World) -> None:
    old, bad = commit(world, {}), commit(world, {})
    added = commit(world, SEARCH)

    assert rollback(world, proven(old, bad, old, added, added="search"), old) == 0
    assert world.sha("HEAD") == old


def test_what_the_stack_alone_declares_counts_and_a_site_without_files_does_not(world: World) -> None:
    old, name = commit(world, {}), commit(world, {}, {"name": {}})
    assert rollback(world, released(old, name), old) == 0
    assert world.sha("HEAD") == name

    # In this stack it is not there.
    elsewhere = commit(world, SEARCH, {"name": {}}, {"search": None})
    assert rollback(world, released(old, elsewhere), old) == 0
    assert world.sha("HEAD") == elsewhere

    added = commit(world, {}, {"name": {}}, SEARCH)
    assert rollback(world, proven(old, added, added="search"), old) == 0
    assert world.sha("HEAD") == old


def test_what_a_stack_declares_without_a_namespace_counts(world: World) -> None:
    old = commit(world, {}, {"name": {}})
    (world.folder / "Pulumi.prod.yaml").write_text(yaml.safe_dump({"config": {"services": {**SEARCH}}}))
    added = kept(world)
    assert rollback(world, proven(old, added, added="search"), old) == 0
    assert world.sha("HEAD") == old


def test_settings_of_an_earlier_program_declare_nothing(world: World) -> None:
    (world.folder / "Pulumi.yaml").write_text("name: easi\nconfig: {backendFolder: {default: backend}}\n")
    (world.folder / "Pulumi.prod.yaml").write_text("")
    old = kept(world)
    added = commit(world, SEARCH)

    assert rollback(world, proven(old, added, added="search"), old) == 0
    assert world.sha("HEAD") == old


def test_where_no_settings_fit_nothing_is_checked_out(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    # It was released here with older settings, and its own declare more.
    old = commit(world, SEARCH)
    added = commit(world, SEARCH)

    assert rollback(world, proven("e" * 40, old, added, added="search"), old) == 1
    said = capsys.readouterr().err
    assert (
        f"prod refused {old[:12]}: it never ran here with service search, which the settings in force declare" in said
    )
    assert f"declare, and so do those of {old[:12]}.\n" in said
    assert f"to run it with its own:  git switch --detach {old} && RELEASE_VERSION={old} pulumi up -s prod\n" in said
    assert f"this clone lacks others:  git fetch origin {'e' * 40}\n" in said
    assert world.sha("HEAD") == added


def test_history_and_proof_print_the_command_that_the_gate_accepts(world: World) -> None:
    release = proven("1" * 40, "2" * 40, added="search")
    command = f"python -m ci rollback -s prod --version {'1' * 40} && RELEASE_VERSION={'1' * 40} pulumi up -s prod"

    shown = history.lines(History(environment="prod", release=release), datetime.now(UTC))
    assert f"  {command}" in shown

    failed = Outcome(environment="prod", version="2" * 40, release=release, miss="it answers 500")
    assert any(line.endswith(f"by hand:  {command}") for line in outcome.story(failed))


def test_status_prints_the_command_that_the_gate_accepts() -> None:
    """A release that adds a service failed: its working tree declares what the record has not."""
    observed = Observed(
        environment="prod",
        stack=None,
        record=released("1" * 40),
        services={"backend": None, "search": None},
        sites={"site": None},
        health={},
    )
    to_do = {problem.to_do for problem in diagnosis.diagnose(observed, datetime.now(UTC)).problems}
    assert (
        f"python -m ci rollback -s prod --version {'1' * 40} && RELEASE_VERSION={'1' * 40} pulumi up --refresh -s prod"
    ) in to_do


def in_state(of: str, name: str, *, parent: str = "root", protect: bool = False) -> dict[str, Any]:
    return {"urn": f"urn:pulumi:prod::easi::{of}::{name}", "type": of, "parent": parent, "protect": protect}


def test_protection_does_not_keep_prod_from_going_back(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """`pulumi up` would end with its preview, before anything is changed, as it may not delete the site's bucket."""
    old, added = commit(world, {}), commit(world, SEARCH, SHOP)
    release = proven(old, added, added="search", sites=("shop",))
    world.add("prod", release)
    site, other = (in_state("easi:site:StaticSite", name) for name in ("shop", "site"))
    files = in_state("easi:site:StaticSite$easi:storage:PrivateBucket", "shop", parent=site["urn"])
    bucket = in_state("easi:site:StaticSite$aws:s3/bucket:Bucket", "shop", parent=files["urn"], protect=True)
    stays = in_state("easi:site:StaticSite$aws:s3/bucket:Bucket", "site", parent=other["urn"], protect=True)
    records = in_state("aws:ecr/repository:Repository", "store", protect=True)
    world.stacks["prod"]["export"]["deployment"]["resources"] += [site, other, files, bucket, stays, records]
    world.write()

    assert main(["rollback", "-s", "prod", "--version", old]) == 0

    assert (world.folder / "unprotected").read_text().split() == [bucket["urn"]]
    said = capsys.readouterr().out
    assert "  keeps     the Bucket of site shop: it stays in AWS with what is in it, and is protected no more\n" in said


def test_nothing_is_unprotected_where_nothing_is_removed(world: World) -> None:
    old, new = commit(world, {}), commit(world, {})
    world.add("prod", released(old, new))
    bucket = in_state("easi:site:StaticSite$aws:s3/bucket:Bucket", "site", protect=True)
    world.stacks["prod"]["export"]["deployment"]["resources"].append(bucket)
    world.write()

    assert main(["rollback", "-s", "prod", "--version", old]) == 0
    assert not (world.folder / "unprotected").exists()

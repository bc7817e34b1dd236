"""Failures that are more than one release with a fault: two at once, deployments by hand, no network, settings."""

from __future__ import annotations

import re
import socket
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from local import docker_engine
from local.emulator import process as emulator
from local.layout import Layout
from release import lease
from tests.local.faults.cases import DEPLOY, STATUS
from tests.local.faults.page import Page, Row
from tests.local.faults.process import Ended
from tests.local.faults.proxy import Rule, do
from tests.local.faults.test_cases import assert_next_release_is_proven
from tests.local.faults.world import World

pytestmark = [pytest.mark.moves_on, pytest.mark.timeout(900)]
GROUP = "More than one at once, and the world around"
SETTINGS = "Settings"


def note(page: Page, name: str, about: str, ended: Ended, served: str, group: str = GROUP) -> None:
    row = Row(group=group, name=name, about=about, verdict=ended.outcome, seconds=ended.seconds, served=served)
    page.rows.append(row)


def during(world: World, rule: Rule, inputs: dict[str, Any]) -> Ended:
    """A release with one fault."""
    world.proxy.use([rule])
    ended = world.release(inputs)
    world.proxy.use([])
    return ended


def assert_settled(world: World, version: object) -> None:
    after = world.observe()
    assert after.version == version
    assert after.revision == after.recorded_revision
    assert not after.lease
    assert not after.unsettled


def test_of_two_releases_at_once_one_is_refused(world: World, page: Page) -> None:
    ours, theirs = world.inputs(), world.inputs()
    second: list[Ended] = []
    ended = during(world, Rule(on=DEPLOY, fault=do(lambda: second.append(world.release(theirs))), times=1), ours)
    note(page, "two releases at once", "another release begins while one rolls out", ended, "new, of the first")
    assert ended.outcome == "proven", ended.said
    assert [one.outcome for one in second] == ["refused"], second
    assert "is being released by" in second[0].said
    assert str(ours["version"])[:12] in second[0].said, "it says what is being released"
    assert_settled(world, ours["version"])


@pytest.mark.all_faults
def test_a_deployment_by_hand_meanwhile_is_named_and_not_overwritten(world: World, page: Page) -> None:
    old = world.observe().version
    theirs = world.inputs()["services"]["backend"]["taskDefinition"]

    def move() -> None:
        world.aws("ecs").update_service(cluster=world.cluster, service=world.service, taskDefinition=theirs)

    ended = during(world, Rule(on=STATUS, fault=do(move), times=1, skip=3), world.inputs())
    after = world.observe()
    note(page, "superseded", "somebody deploys by hand while a release rolls out", ended, "theirs, site old")
    assert ended.outcome == "failed", ended.said
    assert theirs.rpartition("/")[2] in ended.said, ended.said
    assert after.revision == theirs, "what they deployed stays"
    assert (after.site, after.record) == (old, old)
    assert after.unsettled
    assert not after.lease
    assert_next_release_is_proven(world)


@pytest.mark.all_faults
def test_a_release_whose_lease_is_lost_changes_nothing_more(world: World, page: Page) -> None:
    old = world.observe().version
    thief = lease.Holder(
        id="0" * 32,
        who="somebody",
        machine="elsewhere/0",
        pid=1,
        version="f" * 40,
        environment="dev",
        since=datetime.now(UTC).isoformat(),
    )

    def steal() -> None:
        world.aws("s3").put_object(Bucket=world.records, Key=lease.KEY, Body=thief.to_json())

    ended = during(world, Rule(on=STATUS, fault=do(steal), times=1, skip=3), world.inputs())
    after = world.observe()
    note(page, "lease lost", "another machine takes the lease over while a release rolls out", ended, "site old")
    assert ended.outcome == "failed", ended.said
    assert "lease" in ended.said
    assert (after.site, after.record) == (old, old)
    assert after.lease, "it is theirs"
    assert_next_release_is_proven(world)


@pytest.mark.all_faults
def test_without_a_network_nothing_begins(world: World, page: Page) -> None:
    old = world.observe().version
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed = probe.getsockname()[1]
    ended = world.end(world.start(world.inputs(), endpoint=f"http://127.0.0.1:{closed}"))
    note(page, "no network", "AWS cannot be reached", ended, "old")
    assert ended.outcome == "refused"
    assert re.search(r"[Cc]ould not connect", ended.said)
    assert_settled(world, old)


@pytest.mark.all_faults
@pytest.mark.parametrize("gone_s", [8, 20])
def test_a_network_that_comes_back_is_waited_for(world: World, page: Page, gone_s: int) -> None:
    inputs = world.inputs()

    def go() -> None:
        world.proxy.__exit__()
        time.sleep(gone_s)
        world.proxy.__enter__()

    ended = during(world, Rule(on=STATUS, fault=do(go), times=1, skip=3), inputs)
    note(page, f"network gone for {gone_s} s", "no connection while the rollout is watched", ended, "new")
    assert ended.outcome == "proven", ended.said
    assert_settled(world, inputs["version"])


@pytest.mark.all_faults
def test_a_network_that_stays_away_leaves_it_to_the_next_run(world: World, page: Page) -> None:
    old = world.observe()
    inputs = world.inputs(rolloutDeadline=20)
    process = world.start(inputs)
    world.proxy.use([Rule(on=STATUS, fault=do(world.proxy.__exit__), times=1, skip=3)])
    try:
        ended = world.end(process, recorded=False)
    finally:
        world.proxy.use([])
        world.proxy.__enter__()
    after = world.observe()
    note(page, "network gone for good", "no connection from the middle of the rollout on", ended, "site old")
    assert ended.outcome == "failed", ended.said
    assert (after.site, after.record) == (old.site, old.record)
    assert_next_release_is_proven(world)


@pytest.mark.all_faults
def test_a_restart_of_the_emulator_is_lived_through(world: World, page: Page) -> None:
    inputs = world.inputs()
    folder = Layout(world.clone.root).emulator
    host = docker_engine.ensure(Layout(world.clone.root), print)

    def restart() -> None:
        emulator.stop(folder, print)
        emulator.start(emulator.EmulatorSettings(folder=folder, docker_host=host), print)

    ended = during(world, Rule(on=STATUS, fault=do(restart), times=1, skip=3), inputs)
    after = world.observe()
    served = "new" if after.version == inputs["version"] else "old"
    note(page, "emulator restarted", "all tasks end, AWS is away for seconds, in mid-rollout", ended, served)
    assert ended.outcome == "proven", ended.said
    assert_settled(world, inputs["version"])


@pytest.mark.all_faults
@pytest.mark.parametrize(
    ("name", "setting", "variables", "says"),
    [
        ("unknown key", ("easi:services.backend.cpuu", "512"), "", "cpuu: no such setting, did you mean cpu?"),
        ("wrong type", ("easi:services.backend.health.passes", "three"), "", "is 'three': expected a whole number"),
        ("bad version", None, "RELEASE_VERSION=main", "RELEASE_VERSION"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    world: World, page: Page, name: str, setting: tuple[str, str] | None, variables: str, says: str
) -> None:
    before = world.observe()
    began = time.monotonic()
    shown = world.clone.shell(f"pulumi config get --path {setting[0]} -s dev || true").stdout.strip() if setting else ""
    try:
        if setting:
            assert world.clone.shell(f"pulumi config set --path {setting[0]} {setting[1]} -s dev").returncode == 0
        done = world.clone.shell(f"{variables} pulumi up -s dev --yes --skip-preview 2>&1")
    finally:
        if setting:
            back = f"set --path {setting[0]} '{shown}'" if shown else f"rm --path {setting[0]}"
            world.clone.shell(f"pulumi config {back} -s dev")
    ended = Ended(
        outcome="refused" if done.returncode else "proven", said=done.stdout, seconds=time.monotonic() - began
    )
    what = f"{setting[0]}={setting[1]}" if setting else variables
    note(page, name, f"`{what}`", ended, "old", SETTINGS)
    assert done.returncode != 0
    assert says in done.stdout
    assert "Traceback" not in done.stdout
    assert world.observe() == before


def test_table_is_written_with_all_groups() -> None:
    page = Page()
    note(page, "a", "b", Ended(outcome="undone", said="", seconds=12.4), "old")
    note(page, "c", "d", Ended(outcome="refused", said="", seconds=1), "old", SETTINGS)
    page.kills["site"] += [("old", 10.0), ("mixed", 30.0), ("new", 11.0)]
    text = page.text()
    assert "| a | b | undone | 12 | not counted | old |" in text
    assert f"## {SETTINGS}" in text
    assert "| site | 3 | 1 old, 1 new, 1 mixed | 11 s, 30 s |" in text

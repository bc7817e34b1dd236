"""Every case of the table: verdict, the words for it, what serves afterwards, and that the next release is proven."""

from __future__ import annotations

import re

import pytest

from tests.local.faults import cases
from tests.local.faults.cases import Case
from tests.local.faults.page import Page, Row
from tests.local.faults.proxy import summary
from tests.local.faults.world import Ended, World

pytestmark = [pytest.mark.moves_on, pytest.mark.timeout(900)]
GROUPS = {
    "Images that do not work": cases.BROKEN_IMAGES,
    "Releases that do not begin": cases.NOT_STARTED,
    "The deploy function and ECS": cases.FUNCTION,
    "S3 and CloudFront": (*cases.STORAGE, *cases.EDGE),
    "The frontend's files": cases.FILES,
}


def parameters() -> list[object]:
    return [
        pytest.param(group, case, id=case.name, marks=() if case.fast else pytest.mark.all_faults)
        for group, found in GROUPS.items()
        for case in found
    ]


def test_every_case_is_in_a_group_and_has_a_name_of_its_own() -> None:
    grouped = [case.name for found in GROUPS.values() for case in found]
    assert grouped == [case.name for case in cases.CASES]
    assert len(set(grouped)) == len(grouped)


@pytest.mark.parametrize(("group", "case"), parameters())
def test_failure_comes_out_right(
    world: World, page: Page, group: str, case: Case, request: pytest.FixtureRequest
) -> None:
    before = world.observe()
    old = before.version
    inputs = world.inputs(case)
    with world.function_settings(through_proxy=bool(case.function_faults), timeout_s=case.function_timeout_s):
        world.proxy.use(case.faults)
        world.visit()
        world.function_proxy.use(case.function_faults)
        ended = world.release(inputs)
        asked = summary([*world.proxy.calls, *world.function_proxy.calls])
        world.proxy.use([])
        world.function_proxy.use([])
    new = str(inputs["version"])
    after = world.observe()
    told = f"{ended.outcome} after {ended.seconds:.0f} s\n{ended.said}\n{asked}\nold {old}, new {new}"
    served = {old: "old", new: "new"}.get(after.version, after.version)
    page.rows.append(
        Row(
            group=group,
            name=case.name,
            about=case.about,
            verdict=ended.outcome,
            seconds=ended.seconds,
            served=served,
        )
    )
    assert ended.outcome == case.expect, told
    assert served == case.serves, told
    assert after.revision == after.recorded_revision, told
    for pattern in case.says:
        assert re.search(pattern, ended.said), f"nothing says {pattern!r}: {told}"
    assert "Traceback" not in ended.said
    assert not after.lease, told
    assert after.unsettled == case.unsettled, told
    assert_short(ended)
    if case.expect != "proven" and request.config.getoption("--all-faults"):
        assert_next_release_is_proven(world)


@pytest.mark.all_faults
def test_a_good_release_is_proven(world: World) -> None:
    assert_next_release_is_proven(world)


def assert_short(ended: Ended) -> None:
    """A tired engineer reads ten lines."""
    error = ended.said.splitlines()[-1] if ended.said else ""
    assert len(error) < 1000, error


def assert_next_release_is_proven(world: World) -> None:
    inputs = world.inputs()
    ended = world.release(inputs)
    after = world.observe()
    assert ended.outcome == "proven", ended.said
    assert after.version == inputs["version"]
    assert not after.lease
    assert not after.unsettled
    assert after.revision == after.recorded_revision

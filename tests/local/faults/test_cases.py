"""Every case of the table: verdict, the words for it, what serves afterwards, and that the next release is proven."""

from __future__ import annotations

import re

import pytest

from tests.local.faults.broken_images import NOT_REHEARSED
from tests.local.faults.case import Case
from tests.local.faults.cases import GROUPS
from tests.local.faults.page import Page, Row
from tests.local.faults.process import Ended
from tests.local.faults.proxy import Rule, do, summary
from tests.local.faults.world import World

pytestmark = [pytest.mark.moves_on, pytest.mark.timeout(900)]
NOTHING_CHANGED = "nothing that serves was changed"
PARAMETERS = [
    pytest.param(group, case, id=case.name, marks=() if case.fast else pytest.mark.all_faults)
    for group, cases in GROUPS.items()
    for case in cases
]


@pytest.mark.parametrize(("group", "case"), PARAMETERS)
def test_failure_comes_out_right(
    world: World, page: Page, group: str, case: Case, request: pytest.FixtureRequest
) -> None:
    old = world.observe().version
    inputs = world.inputs(case)
    new = str(inputs["version"])
    with (
        world.function_settings(through_proxy=bool(case.function_faults), timeout_s=case.function_timeout_s),
        world.tasks(case.tasks),
        world.load(case.right(old, new)) as reports,
    ):
        world.proxy.use(rules(world, case))
        world.visit()
        world.function_proxy.use(case.function_faults)
        ended = world.release(inputs)
        calls = summary([*world.proxy.calls, *world.function_proxy.calls])
        world.proxy.use([])
        world.function_proxy.use([])
    after = world.observe()
    served = {old: "old", new: "new"}.get(after.version, after.version)
    visitors = reports[0]
    page.rows.append(
        Row(
            group=group,
            name=case.name,
            about=case.about,
            verdict=ended.outcome,
            seconds=ended.seconds,
            served=served,
            requests=visitors.requests,
            wrong=visitors.wrong,
        )
    )
    story = f"{ended.outcome} after {ended.seconds:.0f} s\n{ended.said}\n{calls}\nold {old}, new {new}\n{visitors}"
    assert ended.outcome == case.expect, story
    assert served == case.serves, story
    assert visitors.wrong == 0 or case in NOT_REHEARSED, story
    assert (case.expect in {"failed", "refused"}) == (NOTHING_CHANGED in ended.said), story
    assert after.revision == after.recorded_revision, story
    for pattern in case.says:
        assert re.search(pattern, ended.said), f"nothing says {pattern!r}: {story}"
    assert "Traceback" not in ended.said
    assert not after.lease, story
    assert not after.unsettled, story
    assert_short(ended)
    if case.expect != "proven" and request.config.getoption("--all-faults"):
        assert_next_release_is_proven(world)


@pytest.mark.all_faults
def test_a_good_release_is_proven(world: World) -> None:
    assert_next_release_is_proven(world)


def rules(world: World, case: Case) -> list[Rule]:
    """Between the release and AWS: the case's faults, and its scaling."""
    if case.scaled_after is None:
        return [*case.faults]
    return [*case.faults, Rule(on=case.scaled_after, fault=do(lambda: world.scale(2)), times=1, after=True)]


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

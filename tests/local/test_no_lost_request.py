"""A steady load while a version is released and gone back from: every single request is answered."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.load import scenario, vegeta
from tests.local.clone import Clone

RATE = 10
"""Requests per second, of each of four addresses: what the emulator answers also while two cores have much to do."""
AROUND_S = 2.0
"""Seconds of load before and after."""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return vegeta.build(tmp_path_factory.mktemp("vegeta"))


@pytest.fixture
def commit_again(easi: Clone) -> Iterator[None]:
    """The commit that was checked out before; the test itself goes back to the version that was released."""
    head = easi.version
    yield
    easi.git("reset", "--hard", head)


def table(reports: list[vegeta.Report]) -> str:
    return "\n".join(["", vegeta.HEADINGS, *map(str, reports)])


@pytest.mark.moves_on
@pytest.mark.usefixtures("commit_again")
def test_release_and_roll_back_lose_no_request(easi: Clone, program: Path, tmp_path: Path) -> None:
    outputs = easi.outputs(scenario.ENVIRONMENT)
    old, assets = outputs["release"]["version"], scenario.assets(easi, outputs)
    targets = scenario.targets(easi, outputs, next(path for path in assets if path.endswith(".js")))
    new = scenario.commit(easi)
    with vegeta.attack(program, tmp_path, targets, RATE) as reports:
        time.sleep(AROUND_S)
        scenario.release(easi, new)
        between = scenario.assets(easi, outputs)
        kept = {path: easi.get(outputs["url"] + path) for path in assets}
        scenario.release(easi, old)
        time.sleep(AROUND_S)
    easi.lift(scenario.ENVIRONMENT)
    print(table(reports))
    assert between.keys() != assets.keys(), "the new version has the old page's files: nothing is shown about them"
    assert kept == {path: (200, body) for path, body in assets.items()}
    assert all(easi.get(outputs["url"] + path)[0] == 200 for path in between)
    assert all(report.requests > RATE * 2 * AROUND_S for report in reports), table(reports)
    assert [report.wrong for report in reports] == [0] * len(targets), table(reports)


@pytest.mark.moves_on
def test_requests_that_nobody_answers_are_counted(easi: Clone, program: Path, tmp_path: Path) -> None:
    """For a while no task is wanted."""
    outputs = easi.outputs(scenario.ENVIRONMENT)
    targets = scenario.targets(easi, outputs, next(iter(scenario.assets(easi, outputs))))
    service = {"cluster": outputs["cluster"], "service": outputs["services"]["backend"]["service"]}
    ecs = scenario.client(easi, "ecs")
    wanted = ecs.describe_services(cluster=service["cluster"], services=[service["service"]])["services"][0]
    with vegeta.attack(program, tmp_path, targets, RATE) as reports:
        time.sleep(AROUND_S)
        ecs.update_service(**service, desiredCount=0)
        time.sleep(AROUND_S)
        ecs.update_service(**service, desiredCount=wanted["desiredCount"])
        deadline = time.monotonic() + 60
        while easi.get(outputs["healthcheckUrl"])[0] != 200:
            assert time.monotonic() < deadline, "no task answers 60 s after one is wanted again"
            time.sleep(0.5)
    wrong = {report.target.name: report.wrong for report in reports}
    assert wrong["health check, CDN"] > 0
    assert "503" in reports[0].failures[0]
    assert (wrong["page, CDN"], wrong["the old page's script, CDN"]) == (0, 0)

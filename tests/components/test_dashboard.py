"""What the dashboard shows, and where."""

from __future__ import annotations

import json
from typing import Any

from tests.components.alarms_program import anew, usual, watched
from tests.components.recorded import Recorded
from tests.components.service_program import ALARM


def widgets(recorded: Recorded) -> list[dict[str, Any]]:
    body = recorded.one("aws:cloudwatch/dashboard:Dashboard")["dashboardBody"]
    found: list[dict[str, Any]] = json.loads(body)["widgets"]
    return found


def test_dashboard_shows_every_metric_that_is_alarming() -> None:
    recorded = watched()
    shown = set()
    for widget in widgets(recorded):
        for namespace, name, *place, _ in widget["properties"].get("metrics", []):
            shown.add((namespace, name, tuple(sorted(zip(place[::2], place[1::2], strict=True)))))
    alarming = set()
    for resource in recorded.all(ALARM):
        queries = [query["metric"] for query in resource.inputs.get("metricQueries", []) if "metric" in query]
        for metric in queries or [resource.inputs]:
            dimensions = tuple(sorted((metric.get("dimensions") or {}).items()))
            alarming.add((metric["namespace"], metric["metricName"], dimensions))
    assert alarming <= shown
    assert len(alarming) > 10


def test_dashboard_has_each_metric_in_the_region_where_it_is() -> None:
    for widget in widgets(watched()):
        if widget["type"] == "metric":
            cdn = {row[0] == "AWS/CloudFront" for row in widget["properties"]["metrics"]}
            assert widget["properties"]["region"] == ("us-east-1" if cdn == {True} else "us-west-2")


def test_dashboard_begins_with_the_alarms_and_nothing_overlaps() -> None:
    first, *others = widgets(watched())
    assert first["type"] == "alarm"
    assert len(first["properties"]["alarms"]) == 9
    taken: set[tuple[int, int]] = set()
    for widget in (first, *others):
        across = range(widget["x"], widget["x"] + widget["width"])
        down = range(widget["y"], widget["y"] + widget["height"])
        area = {(x, y) for x in across for y in down}
        assert not area & taken, widget["properties"]["title"]
        assert max(across) < 24
        taken |= area


def test_dashboard_is_the_same_text_every_time() -> None:
    bodies = {made().one("aws:cloudwatch/dashboard:Dashboard")["dashboardBody"] for made in (anew, usual)}
    assert len(bodies) == 1
    assert watched().one("aws:cloudwatch/dashboard:Dashboard")["dashboardName"] == "easi-dev-shop"


def test_dashboard_shows_only_what_there_is() -> None:
    text = json.dumps(widgets(watched(routed=False, deployed=False, site=False)))
    assert "ELB" not in text
    assert "CloudFront" not in text
    assert "Lambda" not in text

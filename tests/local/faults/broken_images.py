"""Releases of images that do not work: refused in their rehearsal, or without one undone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.local.faults.case import Case
from tests.local.faults.proxy import On

WORKING = Case(name="image works", about="for comparison: nothing goes wrong", rehearsed=True, expect="proven")


def _refused(mode: str, name: str, about: str, *says: str, **more: Any) -> Case:
    """An image that does not work, which its rehearsal finds."""
    return Case(name=name, about=about, mode=mode, rehearsed=True, expect="refused", says=says, **more)


BROKEN_IMAGES = (
    _refused(
        "crash",
        "image crashes at once",
        "the new image ends with exit code 3 as soon as it starts",
        "container easi-dev: exit code 3",
        fast=True,
    ),
    _refused(
        "panics",
        "image panics",
        "the new image panics with a password, and prints the stacks of 300 goroutines after it",
        "container easi-dev: exit code 2",
        r"panic: cannot reach the database: postgres://easi:\[hidden\]@db\.internal:5432/easi",
        "whole log: aws logs filter-log-events ",
    ),
    _refused(
        "crash-late",
        "image crashes after 4 s",
        "the new image works for 4 s, then ends with exit code 4",
        "container easi-dev: exit code 4",
    ),
    _refused("silent", "image never listens", "the new image runs and opens no port", "connection refused"),
    _refused("broken", "image answers 500", "the new image answers every request with 500", "answered 500"),
    _refused(
        "other",
        "image answers another version",
        "the health check passes, of another version than was released",
        "0123456",
    ),
    _refused(
        "status-fail",
        "image answers status fail",
        "the health check answers 200 with status fail",
        "status is fail, expected pass",
    ),
    _refused(
        "sometimes", "image is right once in three", "two of three answers of the health check are 503", "answered 503"
    ),
)
WITH_TWO_TASKS = (
    _refused(
        "status-fail",
        "image answers status fail, two tasks",
        "the health check answers 200 with status fail; the service has two tasks",
        "status is fail, expected pass",
        tasks=2,
    ),
    _refused(
        "other",
        "image answers another version, scaled",
        "the health check passes, of another version; meanwhile the service is scaled to two tasks",
        "0123456",
        scaled_after=On(service="lambda", operation="Invoke.rehearse"),
    ),
)
NOT_REHEARSED = tuple(
    replace(case, name=f"{case.name}, not rehearsed", rehearsed=False, expect="undone")
    for case in BROKEN_IMAGES
    if case.mode in {"crash", "silent", "other", "sometimes"}
)
"""With `rehearsal.enabled: false`: such a release goes back, and what visitors got until then is counted."""

"""Functions of the CDN under many requests at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from ministack.core import cloudfront_js

from local.emulator import gaps
from local.emulator.gaps import edge_functions

CODE = b"function handler(event) { return event.request; }"


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(cloudfront_js._pool, "call", cloudfront_js._pool.call)
    gaps.close("edge_functions")
    yield
    cloudfront_js.reset()


@pytest.mark.usefixtures("closed")
def test_many_requests_at_once_share_a_few_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []
    start = cloudfront_js.node_pool.subprocess.Popen

    def counted(*arguments: object, **options: object) -> object:
        started.append(threading.get_ident())
        return start(*arguments, **options)

    monkeypatch.setattr(cloudfront_js.node_pool.subprocess, "Popen", counted)
    events = [{"request": {"uri": f"/{number}"}} for number in range(60)]
    with ThreadPoolExecutor(30) as threads:
        answers = list(threads.map(lambda event: cloudfront_js.evaluate(CODE, event), events))
    assert answers == [event["request"] for event in events]
    assert len(started) <= edge_functions.AT_ONCE

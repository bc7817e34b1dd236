"""`python -m local setup`: the tools and the example's dependencies. The virtual environment is there already."""

from __future__ import annotations

from local import engine, environment, frontend
from local.layout import Layout
from local.lock import exclusive
from local.terminal import say


def prepare(layout: Layout) -> None:
    environment.write_programs(layout, engine.ensure(layout, say))
    frontend.install(layout, say)


def run(layout: Layout) -> int:
    with exclusive(layout, "setup"):
        prepare(layout)
    say("setup: ready")
    return 0

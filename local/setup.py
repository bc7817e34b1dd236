"""`python -m local setup`: the tools and the example's dependencies. The virtual environment is there already."""

from __future__ import annotations

import compileall

from local import aws_plugin, engine, environment, frontend
from local.layout import Layout
from local.lock import exclusive
from local.terminal import say


def prepare(layout: Layout, choice: aws_plugin.Choice) -> None:
    environment.write_programs(layout, engine.ensure(layout, say), choice)
    frontend.install(layout, say)
    for package in ("components", "release", "settings"):  # the language host compiles them anew whenever it runs
        compileall.compile_dir(layout.root / package, quiet=2)


def run(layout: Layout) -> int:
    with exclusive(layout, "setup"):
        prepare(layout, aws_plugin.chosen(layout) or "local")
    say("setup: ready")
    return 0

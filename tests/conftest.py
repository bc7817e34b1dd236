"""What holds for all tests."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from local import proxies
from tests.local.parts import PARTS

# A shell starts what runs in the background with SIGINT ignored, and programs inherit that: Ctrl-C, which some tests
# press, would not reach them.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ.update(proxies.without(os.environ))  # servers of tests are on this machine


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of some folders' tests; pytest wants them in a conftest that it reads at its start."""
    group = parser.getgroup("local", "Options of the tests of the local environments, tests/local.")
    group.addoption("--part", choices=PARTS, help="only this part of them")
    group = parser.getgroup("failure suite")
    group.addoption("--all-faults", action="store_true", help="every case and kill point, and write docs/failures.md")
    group.addoption("--faults-in", metavar="CLONE", help="a clone whose dev environment is up, instead of a new one")
    group = parser.getgroup("workflows", "Options of the tests that walk the workflows, tests/local/workflow.")
    group.addoption("--pictures", metavar="FOLDER", help="write pictures of the comment and the summaries there")
    group.addoption("--walk-in", metavar="CLONE", help="a clone whose environments are up, instead of a new one")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a clone that is none before the first test asks for it."""
    given = config.getoption("--faults-in")
    if given and not (Path(given) / ".local" / "emulator" / "state.json").exists():
        raise pytest.UsageError(f"--faults-in {given}: no local environments there. `make up` in that clone first.")

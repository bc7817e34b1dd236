"""A steady load on an environment while nothing happens, while a version is released, and while it is gone back from.

    python -m tests.bench.load [--rate 15] [--in CLONE]

Works in a clone of its own, which it brings up and takes down, or in one whose `dev` is up: a version of its own is
committed there, released and gone back from, and the commit is taken away again. The emulator is one Python process: a
rate that it does not serve while nothing happens says nothing about the other two steps.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.load import scenario, vegeta
from tests.local.clone import Clone, clone_to

IDLE_S = 20.0


@contextmanager
def environments(given: str | None, folder: Path) -> Iterator[Clone]:
    """A clone whose `dev` is up."""
    if given:
        yield Clone(Path(given).resolve())
        return
    clone = clone_to(folder / "easi")
    try:
        up = clone.local("up", "--env", scenario.ENVIRONMENT, timeout_s=1500)
        assert up.returncode == 0, up.stdout[-4000:]
        yield clone
    finally:
        clone.local("down")


def measure(clone: Clone, program: Path, folder: Path, rate: int) -> list[vegeta.Report]:
    """Print a table per step; all reports."""
    outputs = clone.outputs(scenario.ENVIRONMENT)
    old, assets = outputs["release"]["version"], scenario.assets(clone, outputs)
    targets = scenario.targets(clone, outputs, next(path for path in assets if path.endswith(".js")))
    head = clone.version
    new = scenario.commit(clone)
    steps: dict[str, Callable[[], None]] = {
        "nothing happens": lambda: time.sleep(IDLE_S),
        "release": lambda: scenario.release(clone, new),
        "roll back": lambda: scenario.release(clone, old),
    }
    found: list[vegeta.Report] = []
    try:
        for name, step in steps.items():
            began = time.monotonic()
            with vegeta.attack(program, folder, targets, rate) as reports:
                step()
            print(f"\n{name}, {time.monotonic() - began:.0f} s, {rate}/s each\n{vegeta.HEADINGS}")
            print(*reports, sep="\n", flush=True)
            found += reports
    finally:
        clone.git("reset", "--hard", "--quiet", head)
    clone.lift(scenario.ENVIRONMENT)
    return found


def main() -> int:
    """Measure; 1 where a request was not answered with 200."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.load", description=__doc__)
    parser.add_argument("--rate", type=int, default=15, help="requests per second, of each of three addresses")
    parser.add_argument("--in", dest="clone", help="folder of a clone that is up, in place of a new one")
    options = parser.parse_args()
    if options.clone and (why := Clone(Path(options.clone).resolve()).why_not_up):
        parser.error(why)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = vegeta.build(folder)
        with environments(options.clone, folder) as clone:
            reports = measure(clone, program, folder, options.rate)
    return 1 if any(report.wrong for report in reports) else 0


if __name__ == "__main__":
    raise SystemExit(main())

"""All measurements in one run, which writes docs/benchmarks.md, the plot and the table of the README.

    python -m tests.bench [--sizes 200 2000 20000 100000] [--rounds 3] [--no-environments]

The second half needs `dev` in a local AWS: it is brought up in a clone of its own, and taken down again.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench import report, static_site
from tests.bench.outputs import ENVIRONMENT
from tests.bench.static_site import Row
from tests.local.clone import Clone, clone_to

UP_S = 1800
SHELL_S = 3600


def in_environment(clone: Clone) -> Iterator[str]:
    """The measurements that need an environment that is up."""
    for title, module, about in (
        (
            "The deploy function's first answer",
            "function_import",
            "New processes, the function's and a bare one with boto3, in turns. Goal: 1.15x at most.",
        ),
        (
            "Time to the verdict",
            "time_to_verdict",
            "From a rollout's real end to the verdict, beside boto3's `services_stable`. Goal: 5x sooner.",
        ),
        ("A preview", "preview", "`pulumi preview` of dev without a change, and of a program without resources."),
    ):
        done = clone.shell(f'"{clone.python}" -m tests.bench.{module}', timeout_s=SHELL_S)
        yield report.printed(title, about, done.stdout if done.stdout else f"it failed:\n{done.stderr[-1500:]}")
    done = clone.shell(f'"{clone.python}" -m tests.bench.load --in .', timeout_s=SHELL_S)
    about = "A steady rate while nothing happens, during a release, and while it is gone back from. Goal: none lost."
    yield report.printed("Requests during a release", about, done.stdout or f"it failed:\n{done.stderr[-1500:]}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=[200, 2000, 20000, 100000], help="none: no site")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-environments", action="store_true", help="only what needs no local AWS")
    options = parser.parse_args()
    machine = report.facts()
    rows: list[Row] = []
    for rows, starts in static_site.measure_sizes(options.sizes, options.rounds):
        # After each: the largest take an hour on a busy machine, and may be ended.
        report.PLOT.write_text(report.plot(rows), encoding="utf-8")
        report.write_readme(report.readme_section(rows))
        report.write([report.static_section(rows, starts)], machine)
    if not options.no_environments:
        with tempfile.TemporaryDirectory() as name:
            clone = clone_to(Path(name) / "easi")
            try:
                up = clone.local("up", "--env", ENVIRONMENT, timeout_s=UP_S)
                assert up.returncode == 0, up.stdout[-4000:]
                for section in in_environment(clone):
                    report.write([section], machine)
                    print(section, flush=True)
            finally:
                clone.local("down")
    return 1 if static_site.missed(rows) else 0


if __name__ == "__main__":
    raise SystemExit(main())

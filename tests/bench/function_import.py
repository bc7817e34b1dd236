"""How much later the deploy function's first answer comes than that of a bare boto3 client.

    python -m tests.bench.function_import [--runs 21] [--stack dev]

Each run is a new process, ours and the bare one in turn. The function's files are copied without bytecode, and none is
written: a new Lambda sandbox compiles them, too, while the boto3 of Lambda's runtime comes compiled.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench import outputs

SOURCE = Path(__file__).parents[2] / "functions"
GOAL = 1.15

STEPS = {
    "import": ("import boto3", "import functions.deploy.handler"),
    "import and client": (
        "import boto3; boto3.client('ecs')",
        "from functions.deploy import clients, handler; clients.Aws().ecs",
    ),
    "import and one answer": (
        "import boto3, os; boto3.client('ecs').describe_services("
        "cluster=os.environ['CLUSTER'], services=[os.environ['SERVICE']])",
        "from functions.deploy import handler; handler.handle({'command': 'status'}, None)",
    ),
}
"""What a new process does, the bare way and ours."""
_MEASURED = """
import sys, time
wall, processor = time.perf_counter(), time.process_time()
{program}
print(time.perf_counter() - wall, time.process_time() - processor, file=sys.stderr)
"""


@dataclass(frozen=True, kw_only=True)
class Took:
    """Seconds of one process."""

    wall: float
    processor: float


def run_once(program: str, environment: Mapping[str, str], folder: Path) -> Took:
    """Run a program in a new process."""
    command = [sys.executable, "-B", "-c", _MEASURED.format(program=program)]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"`{program}` ended with {done.returncode}: {done.stderr[-2000:]}")
    wall, processor = done.stderr.split()
    return Took(wall=float(wall), processor=float(processor))


def measure(environment: Mapping[str, str], runs: int) -> dict[str, tuple[list[Took], list[Took]]]:
    """By step, `runs` bare processes and as many of ours, in turn, after one of each that does not count."""
    found: dict[str, tuple[list[Took], list[Took]]] = {step: ([], []) for step in STEPS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(SOURCE, folder / SOURCE.name, ignore=shutil.ignore_patterns("__pycache__"))
        for number in range(runs + 1):
            for step, programs in STEPS.items():
                for kept, program in zip(found[step], programs, strict=True):
                    took = run_once(program, environment, folder)
                    if number:
                        kept.append(took)
    return found


def main() -> int:
    """Print medians and their ratios; 1 where one is above the goal."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.function_import", description=__doc__)
    parser.add_argument("--runs", type=int, default=21)
    parser.add_argument("--stack", default=outputs.ENVIRONMENT)
    options = parser.parse_args()
    stack = outputs.of_stack(options.stack)
    environment = {
        **os.environ,
        "CLUSTER": stack["cluster"],
        "SERVICE": stack["services"]["backend"]["service"],
        "RECORDS_BUCKET": stack["recordsBucket"],
    }
    found = measure(environment, options.runs)
    print(f"{f'medians of {options.runs}':24}{'':12}{'bare':>10}{'ours':>10}{'ratio':>8}   (at most {GOAL})")
    worst = 0.0
    for step, (bare, ours) in found.items():
        for clock in ("wall", "processor"):
            base, own = (statistics.median(getattr(took, clock) for took in side) for side in (bare, ours))
            worst = max(worst, own / base)
            print(f"{step:24}{clock:12}{base * 1000:8.0f}ms{own * 1000:8.0f}ms{own / base:8.2f}")
    return 0 if worst <= GOAL else 1


if __name__ == "__main__":
    raise SystemExit(main())

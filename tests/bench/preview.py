"""How long `pulumi preview` takes where nothing changes, and how much of that is the program.

    python -m tests.bench.preview [--runs 5] [--stack dev]

In the folder of a clone whose environments are up, in the local shell. Each run is a preview of the stack and one of a
program without resources, in a stack of its own with the same engine and backend; the difference is the program, its
gate and its providers.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from tests.bench import outputs

NAME = "bench"


def preview(folder: Path, stack: str) -> float:
    """Seconds."""
    began = time.monotonic()
    command = ["pulumi", "preview", "-s", stack, "--non-interactive"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the preview of {stack} ended with {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")
    return time.monotonic() - began


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.preview", description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--stack", default=outputs.ENVIRONMENT)
    options = parser.parse_args()
    outputs.of_stack(options.stack)
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        empty = Path(name)
        settings = f"name: {NAME}\nruntime: {{name: python, options: {{virtualenv: {here / '.venv'}}}}}\n"
        (empty / "Pulumi.yaml").write_text(settings)
        (empty / "__main__.py").write_text("")
        subprocess.run(
            ["pulumi", "stack", "init", NAME], cwd=empty, check=True, capture_output=True, env=dict(os.environ)
        )
        try:
            took = [(preview(here, options.stack), preview(empty, NAME)) for _ in range(options.runs + 1)][1:]
        finally:
            subprocess.run(["pulumi", "stack", "rm", "--yes", NAME], cwd=empty, check=False, capture_output=True)
    ours, bare = (statistics.median(side) for side in zip(*took, strict=True))
    print(f"medians of {options.runs}")
    print(f"preview of {options.stack}, nothing changes   {ours:6.2f} s")
    print(f"preview of a program without resources  {bare:6.2f} s")
    print(f"the program, its gate and its providers {ours - bare:6.2f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""What a static release takes: `python -m release site publish` beside `aws s3 sync` and s5cmd, as whole processes.

    python -m tests.bench.static_site [--sizes 200 2000] [--rounds 3]

Each tool brings the same builds to the same endpoint in memory, which waits 20 ms before each answer: everything
(cold), nothing (unchanged), and a build in which 1 % of the files differ. Of the rounds, in turns, the shortest time
counts: what else the machine does only adds.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench import endpoint, trees
from tests.bench.endpoint import Endpoint
from tests.bench.trees import Kind

ROOT: Final = Path(__file__).parents[2]
LATENCY_MS: Final = 20
AWS_CLI: Final = "awscli==1.46.3"
TOOLS: Final = ROOT / ".local" / "bench"
"""Where the tools are kept between runs."""
CASES: Final = ("cold", "unchanged", "1 % changed")
AIMS: Final[Mapping[tuple[Kind, str], float]] = {
    ("hashed", "cold"): 2.0,
    ("hashed", "unchanged"): 3.0,
    ("hashed", "1 % changed"): 3.0,
    ("pages", "cold"): 2.0,
    ("pages", "unchanged"): 3.0,
    ("pages", "1 % changed"): 3.0,
}
"""How many times as long the AWS CLI takes at least."""
OURS: Final = "site publish"
PEER: Final = "aws s3 sync"

_LAUNCHER: Final = """
import os, sys, time
began = time.monotonic()
_, status, usage = os.wait4(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ), 0)
print()
print(time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""Starts what is measured from a small process: Linux counts to a program's peak what the process that it was started
from had in memory, which is more here than some of the tools take."""


@dataclass(frozen=True, kw_only=True)
class Tool:
    name: str
    command: Sequence[str | Path]
    """`{dist}` is the folder."""
    start: Sequence[str | Path] = ()
    """The same program, asked for nothing: what its start takes."""


@dataclass(frozen=True, kw_only=True)
class Took:
    """One process."""

    seconds: float
    processor_s: float
    memory_mib: float
    """The most that it had at once."""
    requests: int


@dataclass(frozen=True, kw_only=True)
class Row:
    """One case of one tool: the best of its rounds."""

    kind: Kind
    files: int
    case: str
    tool: str
    took: Took
    changed: int = 0
    """Files that differ from the build before."""


def tools() -> list[Tool]:
    """Ours, and the others, installed in TOOLS; s5cmd only where it builds."""
    publish = [sys.executable, "-m", "release", "site", "publish"]
    where = ["--dist", "{dist}", "--bucket", "site", "--records-bucket", "records"]
    found = [
        Tool(name=OURS, command=[*publish, *where], start=[*publish, "--help"]),
        Tool(name=PEER, command=[_aws(), "s3", "sync", "{dist}", "s3://site"], start=[_aws(), "--version"]),
    ]
    program = TOOLS / "s5cmd"
    if not program.exists():
        build = ["go", "build", "-o", str(program), "github.com/peak/s5cmd/v2"]
        environment = dict(os.environ, GOWORK="off", GOFLAGS="-buildvcs=false", CGO_ENABLED="0")
        subprocess.run(build, cwd=Path(__file__).parent / "s5cmd", env=environment, check=False)
    if program.exists():
        found.append(Tool(name="s5cmd sync", command=[program, "sync", "{dist}/", "s3://site/"]))
    return found


def _aws() -> Path:
    folder = TOOLS / "aws"
    if not (folder / "bin" / "aws").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin" / "pip", "install", "--quiet", AWS_CLI], check=True)
    return folder / "bin" / "aws"


def run(command: Sequence[str | Path], at: Endpoint) -> Took:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_DEFAULT_REGION": "us-west-2",
        "AWS_ENDPOINT_URL": at.url,
        "S3_ENDPOINT_URL": at.url,  # s5cmd's
    }
    at.reset()
    launch = [sys.executable, "-I", "-S", "-c", _LAUNCHER, *command]
    done = subprocess.run(launch, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command[0]} ended with {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")
    seconds, processor_s, memory_mib = (float(value) for value in done.stdout.splitlines()[-1].split())
    return Took(seconds=seconds, processor_s=processor_s, memory_mib=memory_mib, requests=sum(at.counts().values()))


def measure(at: Endpoint, kind: Kind, files: int, rounds: int, compared: Sequence[Tool]) -> Iterator[Row]:
    """Each case of each tool, the tools in turns."""
    took: dict[tuple[str, str], list[Took]] = {}
    changed = 0
    for _ in range(rounds):
        for tool in compared:
            with tempfile.TemporaryDirectory() as name:
                dist = Path(name)
                trees.write(dist, kind, files)
                at.reset(objects=True)
                command = [str(part).format(dist=dist) for part in tool.command]
                for case in CASES:
                    if case == "1 % changed":
                        changed = trees.change(dist, kind, files)
                    took.setdefault((case, tool.name), []).append(run(command, at))
    for (case, tool_name), all_of in took.items():
        best = min(all_of, key=lambda one: one.seconds)
        yield Row(kind=kind, files=files, case=case, tool=tool_name, took=best, changed=changed if "%" in case else 0)


def measure_starts(at: Endpoint, rounds: int, compared: Sequence[Tool]) -> dict[str, Took]:
    """What the tools take to start, with everything that they import, and to end."""
    started = [tool for tool in compared if tool.start]
    took = [{tool.name: run(tool.start, at) for tool in started} for _ in range(rounds)]
    return {tool.name: min((one[tool.name] for one in took), key=lambda one: one.seconds) for tool in started}


def measure_sizes(sizes: Sequence[int], rounds: int) -> Iterator[tuple[list[Row], dict[str, Took]]]:
    """What was measured so far, after each build of each size. Sizes of over 5,000 files are measured once."""
    TOOLS.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    with endpoint.running(endpoint.build(TOOLS), latency_ms=LATENCY_MS) as at:
        compared = tools()
        starts = measure_starts(at, max(rounds, 3), compared)
        for files in sizes:
            for kind in trees.KINDS:
                for row in measure(at, kind, files, rounds if files <= 5000 else 1, compared):
                    rows.append(row)
                    print(line(row), flush=True)
                yield list(rows), starts


def line(row: Row) -> str:
    took = row.took
    return (
        f"{row.kind:7}{row.files:8,} {row.case:12} {row.tool:13}{took.seconds:8.2f} s {took.processor_s:7.2f} s "
        f"{took.memory_mib:6.0f} MiB {took.requests:8,} requests"
    )


def peer_ratio(rows: Sequence[Row], row: Row, *, tool: str = PEER) -> float | None:
    """How many times as long `tool` took for the same; None where it was not measured."""
    for other in rows:
        if (other.kind, other.files, other.case, other.tool) == (row.kind, row.files, row.case, tool):
            return other.took.seconds / row.took.seconds
    return None


def missed(rows: Sequence[Row]) -> list[str]:
    """The aims that the rows of 2,000 files miss."""
    found = []
    for row in rows:
        if row.tool != OURS or row.files != 2000:
            continue
        ratio = peer_ratio(rows, row)
        if ratio is not None and ratio < AIMS[row.kind, row.case]:
            found.append(f"{row.kind}, {row.case}: {ratio:.1f}x, aim {AIMS[row.kind, row.case]:g}x")
        most = {"unchanged": 1, "1 % changed": (2 if row.kind == "pages" else 1) * row.changed + 12}.get(row.case)
        if most is not None and row.took.requests > most:
            found.append(f"{row.kind}, {row.case}: {row.took.requests} requests, aim {most}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.static_site", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[200, 2000])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    *_, (rows, starts) = measure_sizes(options.sizes, options.rounds)
    for name, took in starts.items():
        print(f"start of {name}: {took.seconds:.2f} s")
    print("\n".join(missed(rows)))
    return 1 if missed(rows) else 0


if __name__ == "__main__":
    raise SystemExit(main())

"""docs/benchmarks.md: the figures of one run, with the machine's facts; and a plot."""

from __future__ import annotations

import math
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from tests.bench import static_site
from tests.bench.static_site import CASES, OURS, PEER, Row, Took
from tests.bench.trees import KINDS

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "benchmarks.md"
PLOT: Final = ROOT / "docs" / "pictures" / "static-release.svg"
README: Final = ROOT / "README.md"
BEGINS, ENDS = "<!-- benchmarks: written by make bench -->", "<!-- end of benchmarks -->"
STATIC: Final = f"""\
## Static releases

{{measured}}

`python -m release site publish` beside `aws s3 sync` and `s5cmd sync` at their defaults: whole processes, the same
builds, an S3 endpoint in memory that waits {static_site.LATENCY_MS} ms before each answer (`tests/bench/endpoint`).
Hashed: names that change with the content. Pages: names that stay. A ratio is how many times as long the other takes.
The shortest of the rounds counts; 20,000 files and more were measured once.

They do not do the same. A release also stores what it needs to go back, has every file verified by SHA-256, shows
nothing before all of it is there, and switches pages last. The others compare sizes and times, and overwrite.
"""
AIMS: Final = """\
Aims at 2,000 files: cold 2x; unchanged 3x and 1 request; 1 % changed 3x and at most 12 requests beside those for the
files that changed (pages: two for each)."""
INTRODUCTION: Final = """\
# Measurements

`make bench` writes this page, but for its section on failures. Nothing here was measured on AWS. Ratios are what
counts; seconds depend on the machine. [tests/bench](../tests/bench/README.md) says what is measured how.
"""
COLOURS: Final = {OURS: "#2563eb", PEER: "#d97706", "s5cmd sync": "#6b7280"}


def facts() -> str:
    """What machine it was, and how busy it was before."""
    cpuinfo = Path("/proc/cpuinfo")
    models = (
        [text for text in cpuinfo.read_text().splitlines() if text.startswith("model name")] if cpuinfo.exists() else []
    )
    model = models[0].partition(":")[2].strip() if models else platform.processor()
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    rows = {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "commit": _git("rev-parse", "--short=12", "HEAD"),
        "processor": f"{model}, {os.cpu_count()} cores",
        "memory": f"{memory_gib:.0f} GiB",
        "system": platform.platform(),
        "load average before": " ".join(f"{value:.1f}" for value in os.getloadavg()),
        "versions": f"Python {platform.python_version()}, boto3 {version('boto3')}, {_tool_versions()}",
    }
    return "| | |\n| --- | --- |\n" + "\n".join(f"| {name} | {value} |" for name, value in rows.items())


def static_section(rows: Sequence[Row], starts: Mapping[str, Took]) -> str:
    """The table of all sizes, and what was missed."""
    missed = static_site.missed(rows)
    lines = [
        STATIC.replace("{measured}", measured_at()),
        f"![Seconds by number of files](pictures/{PLOT.name})\n",
        _table(rows),
        "",
        _starts(starts),
        "",
        AIMS,
        "Missed: " + "; ".join(missed) + "." if missed else "All are met.",
    ]
    return "\n".join(lines)


def _starts(starts: Mapping[str, Took]) -> str:
    told = ", ".join(f"{name} {took.seconds:.2f} s" for name, took in starts.items())
    return f"Start of the programs alone (interpreter, imports), before the rest: {told}."


def _table(rows: Sequence[Row]) -> str:
    head = (
        "| build | files | case | seconds | aws s3 sync | s5cmd | requests (aws) | processor s (aws) | peak MiB (aws) |"
    )
    lines = [head, "| --- " * 9 + "|"]
    for row in rows:
        if row.tool != OURS:
            continue
        peer = _of(rows, row, PEER)
        cells: list[str] = [row.kind, f"{row.files:,}", row.case, f"{row.took.seconds:.2f}"]
        for tool in (PEER, "s5cmd sync"):
            ratio = static_site.peer_ratio(rows, row, tool=tool)
            cells.append(f"**{ratio:.1f}x**" if ratio and tool == PEER else f"{ratio:.1f}x" if ratio else "")
        for ours, other in (
            (f"{row.took.requests:,}", peer and f"{peer.requests:,}"),
            (f"{row.took.processor_s:.2f}", peer and f"{peer.processor_s:.2f}"),
            (f"{row.took.memory_mib:.0f}", peer and f"{peer.memory_mib:.0f}"),
        ):
            cells.append(f"{ours} ({other})" if other else ours)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _of(rows: Sequence[Row], row: Row, tool: str) -> Took | None:
    key = (row.kind, row.files, row.case, tool)
    return next((one.took for one in rows if (one.kind, one.files, one.case, one.tool) == key), None)


def readme_section(rows: Sequence[Row]) -> str:
    """The first lines: 2,000 files, or what was measured last."""
    files = 2000 if any(row.files == 2000 for row in rows) else rows[-1].files
    lines = [
        f"| {files:,} files | seconds | `aws s3 sync` takes | requests |",
        "| --- " * 4 + "|",
    ]
    for row in rows:
        if row.tool == OURS and row.files == files and (ratio := static_site.peer_ratio(rows, row)):
            lines.append(
                f"| {row.kind}, {row.case} | {row.took.seconds:.2f} | {ratio:.1f}x as long | {row.took.requests:,} |"
            )
    lines += ["", f"![Seconds by number of files](docs/pictures/{PLOT.name})"]
    return "\n".join(lines)


def plot(rows: Sequence[Row]) -> str:
    """Seconds by files, both on logarithmic scales: a panel for each case of each kind of build."""
    sizes = sorted({row.files for row in rows})
    every = [row.took.seconds for row in rows]
    low, high = math.floor(math.log10(min(every))), math.ceil(math.log10(max(every)))
    wide, tall, left, top = 270, 170, 52, 46
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{3 * wide + 20}" height="{2 * tall + 60}"',
        ' font-family="sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for number, (tool, colour) in enumerate(COLOURS.items()):
        x = left + number * 150
        parts.append(
            f'<rect x="{x}" y="10" width="12" height="12" fill="{colour}"/><text x="{x + 17}" y="20">{tool}</text>'
        )
    for panel, (kind, case) in enumerate((kind, case) for kind in KINDS for case in CASES):
        x0, y0 = left + panel % 3 * wide, top + panel // 3 * tall
        width, height = wide - 70, tall - 55
        parts.append(f'<text x="{x0}" y="{y0 - 4}" font-weight="bold">{kind}, {case}</text>')
        for tick in range(low, high + 1):
            y = y0 + height - (tick - low) / (high - low) * height
            parts.append(f'<line x1="{x0}" y1="{y:.1f}" x2="{x0 + width}" y2="{y:.1f}" stroke="#e5e7eb"/>')
            parts.append(f'<text x="{x0 - 5}" y="{y + 4:.1f}" text-anchor="end">{10.0**tick:g} s</text>')
        points: dict[int, float] = {
            files: x0 + (width * number / (len(sizes) - 1) if len(sizes) > 1 else width / 2)
            for number, files in enumerate(sizes)
        }
        for files, at in points.items():
            parts.append(f'<text x="{at:.1f}" y="{y0 + height + 15}" text-anchor="middle">{files:,}</text>')
        for tool, colour in COLOURS.items():
            of_tool = [row for row in rows if (row.kind, row.case, row.tool) == (kind, case, tool)]
            drawn = [
                (points[row.files], y0 + height - (math.log10(row.took.seconds) - low) / (high - low) * height)
                for row in of_tool
            ]
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in drawn)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in drawn]
    return "\n".join([*parts, "</svg>", ""])


def printed(title: str, about: str, text: str) -> str:
    """What a measurement printed, as it is."""
    body = text.strip("\n")
    return f"## {title}\n\n{measured_at()} {about}\n\n```text\n{body}\n```"


def write(sections: Sequence[str], machine: str) -> None:
    """Replaces these sections; those that were not measured this time stay, each says when it was."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    kept = {_title(section): section for section in text.split("\n## ")[1:]}
    kept |= {_title(section): section.removeprefix("## ") for section in (*sections, f"## The machine\n\n{machine}")}
    last = kept.pop("The machine")
    whole = [
        INTRODUCTION.strip(),
        *(kept[title].strip() for title in sorted(kept, key=lambda title: title != "Static releases")),
        last.strip(),
    ]
    PAGE.write_text("\n\n## ".join(whole) + "\n", encoding="utf-8")


def _title(section: str) -> str:
    return section.removeprefix("## ").partition("\n")[0]


def measured_at() -> str:
    """For the first line of a section."""
    load = " ".join(f"{value:.0f}" for value in os.getloadavg())
    return f"Measured {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; load average {load} on {os.cpu_count()} cores."


def write_readme(section: str) -> None:
    """Between the marks of the README."""
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGINS)
    _, _, after = rest.partition(ENDS)
    README.write_text(f"{before}{BEGINS}\n{section}\n{ENDS}{after}", encoding="utf-8")


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def _tool_versions() -> str:
    """The binary of s5cmd does not know its own when it is built from its module."""
    module = (Path(__file__).parent / "s5cmd" / "go.mod").read_text(encoding="utf-8")
    s5cmd = module.partition("github.com/peak/s5cmd/v2 v")[2].split()[0]
    return f"{static_site.AWS_CLI.replace('==', ' ')}, s5cmd {s5cmd}"

"""A steady rate of requests by vegeta, and what became of every one of them.

https://github.com/tsenart/vegeta; the version is pinned in `go.mod` beside this file.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from release import health_answer

HERE = Path(__file__).parent
TIMEOUT_S = 10
"""A request without an answer by then is answered wrongly."""
SHOWN_FAILURES = 5
_END_S = 30.0


@dataclass(frozen=True, kw_only=True)
class Target:
    """One address on this machine, asked for by the name that it has for everybody."""

    name: str
    host: str
    """What the Host header says; the connection goes to `port` of this machine."""
    port: int
    path: str
    versions: tuple[str, ...] = ()
    """Of a health check: the versions whose answer is right, if it passes. Empty: every answer with 200 is right."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What one target answered."""

    target: Target
    requests: int
    wrong: int
    """Requests without a right answer."""
    failures: tuple[str, ...]
    """The first of them: when, in seconds since the attack began, and what came."""
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float

    def __str__(self) -> str:
        """One row of the table that `HEADINGS` heads."""
        latencies = "".join(f"{value:9.0f}" for value in (self.p50_ms, self.p95_ms, self.p99_ms, self.max_ms))
        failures = "".join(f"\n    {failure}" for failure in self.failures)
        return f"{self.target.name:28}{self.requests:9}{self.wrong:6}{latencies}{failures}"


HEADINGS = f"{'':28}{'requests':>9}{'wrong':>6}{'p50':>9}{'p95':>9}{'p99':>9}{'max':>9}  ms"


def build(folder: Path) -> Path:
    """The program, built into `folder` unless it is there; Go's own cache makes a second build quick."""
    program = folder / "vegeta"
    done = subprocess.run(
        ["go", "build", "-o", program, "github.com/tsenart/vegeta/v12"],
        cwd=HERE,
        env=dict(os.environ, GOWORK="off", GOFLAGS=""),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"vegeta could not be built (go build ended with {done.returncode}): {done.stderr[-2000:]}")
    return program


@contextmanager
def attack(program: Path, folder: Path, targets: Sequence[Target], rate: int) -> Iterator[list[Report]]:
    """Ask each target `rate` times a second until the end of the block; the list holds the reports after it."""
    reports: list[Report] = []
    running = []
    try:
        for number, target in enumerate(targets):
            asked = folder / f"{number}.target"
            asked.write_text(f"GET http://127.0.0.1:{target.port}{target.path}\nHost: {target.host}\n")
            command: list[str | Path] = [program, "attack", f"-rate={rate}/1s", "-duration=0", f"-timeout={TIMEOUT_S}s"]
            command += [
                "-redirects=-1",
                "-max-body=1000",
                f"-targets={asked}",
                f"-output={folder / f'{number}.results'}",
            ]
            running.append(subprocess.Popen(command))
        yield reports
        ended = [process.poll() for process in running]
        if any(code is not None for code in ended):
            raise RuntimeError(f"vegeta ended by itself ({ended}): the attack was not a steady one")
    finally:
        for process in running:
            process.send_signal(signal.SIGINT)
        for process in running:
            process.wait(_END_S)
    reports += [_report(program, folder / f"{number}.results", target) for number, target in enumerate(targets)]


def _report(program: Path, results: Path, target: Target) -> Report:
    summary: Mapping[str, Any] = json.loads(_vegeta(program, "report", "-type=json", str(results)))
    encoded = _vegeta(program, "encode", "-to=json", str(results))
    answers = [json.loads(line) for line in encoded.split("\n") if line]
    began = min((_moment(answer) for answer in answers), default=datetime.max.replace(tzinfo=UTC))
    latencies = {name: summary["latencies"][name] / 1e6 for name in ("50th", "95th", "99th", "max")}
    misses = [(answer, why) for answer in answers if (why := miss(answer, target.versions))]
    return Report(
        target=target,
        requests=summary["requests"],
        wrong=len(misses),
        failures=tuple(
            f"after {(_moment(answer) - began).total_seconds():.1f} s: {why}" for answer, why in misses[:SHOWN_FAILURES]
        ),
        p50_ms=latencies["50th"],
        p95_ms=latencies["95th"],
        p99_ms=latencies["99th"],
        max_ms=latencies["max"],
    )


def miss(answer: Mapping[str, Any], versions: Sequence[str]) -> str:
    """Why an answer, as vegeta writes it, is not right; empty if it is. `versions` are as of a target. Pure."""
    body = base64.b64decode(answer.get("body") or "")
    shown = body.decode(errors="replace").strip()
    if answer["code"] != 200 or answer["error"]:
        return f"{answer['code'] or 'no answer'} {answer['error'] or shown}"
    said = health_answer.json_object(body) or {}
    is_right = not versions or (said.get("status") == "pass" and said.get("version") in versions)
    return "" if is_right else f"200 {shown}"


def _moment(answer: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(answer["timestamp"])


def _vegeta(program: Path, *arguments: str) -> str:
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=True).stdout

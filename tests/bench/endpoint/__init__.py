"""The S3 endpoint in memory (main.go), as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Endpoint:
    url: str
    pid: int

    def counts(self) -> dict[str, int]:
        """Requests by kind (PUT, COPY, GET, HEAD, LIST, DELETE, MULTI-DELETE) since the last reset."""
        counts: dict[str, int] = self._control("GET", "counts")
        return counts

    def reset(self, *, objects: bool = False) -> None:
        """Counts from 0 again; with `objects` nothing is stored any more."""
        self._control("POST", "reset?objects=1" if objects else "reset")

    def faults(self, *faults: dict[str, Any]) -> None:
        """What the next requests get in place of a right answer (main.go: fault)."""
        self._control("POST", "faults", json.dumps(faults).encode())

    def _control(self, method: str, path: str, body: bytes | None = None) -> Any:
        request = urllib.request.Request(f"{self.url}/-/{path}", method=method, data=body)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)


def build(folder: Path) -> Path:
    """The program, built into `folder`; Go's own cache makes a second build quick."""
    program = folder / "endpoint"
    environment = dict(os.environ, GOWORK="off", GOFLAGS="-buildvcs=false", CGO_ENABLED="0")
    subprocess.run(["go", "build", "-o", program, "."], cwd=HERE, env=environment, check=True)
    return program


@contextmanager
def running(program: Path, *arguments: str | Path, latency_ms: float = 0) -> Iterator[Endpoint]:
    command: Sequence[str | Path] = [program, f"-latency={latency_ms}ms", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Endpoint(process.stdout.readline().strip(), process.pid)
        finally:
            process.terminate()

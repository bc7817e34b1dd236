"""A release in a process of its own, as Pulumi's provider makes it, and how it ended."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.local.clone import ROOT, caller_environment
from tests.local.emulated import REGION

RELEASE_DEADLINE_S = 400.0


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a release's process ended."""

    outcome: str
    """As the attempt was recorded; refused where there was none; killed."""
    said: str
    """All lines, and the error."""
    seconds: float


class Process:
    """A release under way."""

    def __init__(self, inputs: Mapping[str, Any], *, endpoint: str, folder: Path) -> None:
        """Begin it in `folder`, with the inputs of a Release, on the AWS at `endpoint`."""
        self.version = str(inputs["version"])
        self._began, self._said = time.monotonic(), list[str]()
        self._popen = subprocess.Popen(
            [sys.executable, "-m", "tests.local.faults.run_release"],
            cwd=folder,
            env=environment(endpoint),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._popen.stdin
        self._popen.stdin.write(json.dumps(dict(inputs)))
        self._popen.stdin.close()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait(self) -> tuple[int, str, float]:
        """Wait for its end: exit code, all that it said, and seconds since it began."""
        code = self._popen.wait(timeout=RELEASE_DEADLINE_S)
        seconds = time.monotonic() - self._began
        self._reader.join(timeout=5)  # the last line is on its way
        return code, "\n".join(self._said), seconds

    def kill(self) -> None:
        """End it as a machine does that loses power; nothing if it has ended."""
        self._popen.kill()
        self._popen.wait()

    def _read(self) -> None:
        assert self._popen.stdout
        for line in self._popen.stdout:
            try:
                answer = json.loads(line)
                self._said.append(str(answer.get("said") or answer.get("error") or ""))
            except ValueError:
                self._said.append(line.rstrip())


def environment(endpoint: str) -> dict[str, str]:
    """Variables of a process that works on the AWS at `endpoint`, with this working tree's modules."""
    return {
        **caller_environment(),
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "PYTHONPATH": str(ROOT),
    }

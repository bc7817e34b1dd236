"""Pulumi's stacks in the file backend: made, freed from an interrupted update, read."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from functions import strict_json
from functions.strict_json import DamagedError
from local import answer
from local.environment import process_environment
from local.layout import Layout, LocalError, read_json
from local.terminal import Heartbeat, coloured, say
from local.update_log import UpdateLog
from release import processes, stack
from release.stack import StackError
from settings.names import project


@dataclass(frozen=True, kw_only=True)
class Interruption:
    """What an update that was cut short left behind."""

    alive: bool
    """Whether the process that holds the stack's lock runs, or may run: on another machine."""
    pending: int
    """Operations that were under way."""


class Stacks:
    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._environment = process_environment(layout)
        self._project = project(layout.root)
        self._pulumi = str(layout.bin / "pulumi")
        layout.state.mkdir(parents=True, exist_ok=True)

    def checkpoint(self, name: str) -> Path:
        """The file with the stack's state."""
        return self._layout.state / ".pulumi" / "stacks" / self._project / f"{name}.json"

    def exists(self, name: str) -> bool:
        return self.checkpoint(name).exists()

    def make(self, name: str) -> None:
        if not self.exists(name):
            self._quietly("stack", "init", name, "--no-select", "--non-interactive")

    def interruption(self, name: str) -> Interruption | None:
        """What an interrupted update left, or None."""
        locks = sorted(
            (self._layout.state / ".pulumi" / "locks" / "organization" / self._project / name).glob("*.json")
        )
        checkpoint = read_json(self.checkpoint(name)).get("checkpoint") or {}
        pending = len((checkpoint.get("latest") or {}).get("pending_operations") or [])
        if not locks:
            return Interruption(alive=False, pending=pending) if pending else None
        lock = read_json(locks[0])
        pid = int(lock.get("pid", 0))
        alive = pid > 0 and (lock.get("hostname") != socket.gethostname() or processes.runs(pid))
        return Interruption(alive=alive, pending=pending)

    def recover(self, name: str) -> None:
        """Clear what an interrupted update left, as `python -m release recover` does it for any stack.

        Raises LocalError when an update is under way, or may be.
        """
        if self.interruption(name) is None:
            return
        done = subprocess.run(
            [str(self._layout.venv / "bin" / "python"), "-m", "release", "recover", "-s", name],
            env=self._environment,
            cwd=self._layout.root,
            check=False,
        )
        if done.returncode != 0:
            raise LocalError(f"{name}: an earlier update is in the way, see above.")

    def up(self, name: str) -> int:
        """Update the stack, showing what matters of what Pulumi says, and keeping all of it. Its exit code."""
        command = [self._pulumi, "up", "-s", name, "--yes", "--skip-preview", "--suppress-outputs"]
        command += ["--non-interactive", "--suppress-progress", "--color", "always" if coloured() else "never"]
        log, update = self.log(name), UpdateLog()
        log.parent.mkdir(parents=True, exist_ok=True)
        with (
            log.open("w") as kept,
            Heartbeat(f"updating {name}", say, lambda: update.progress),
            subprocess.Popen(
                command,
                env=self._environment,
                cwd=self._layout.root,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                process_group=0,
            ) as pulumi,
        ):
            assert pulumi.stdout is not None  # noqa: S101 - it is a pipe
            try:
                _show(pulumi.stdout, update, kept)
                return pulumi.wait()
            except KeyboardInterrupt:
                pulumi.send_signal(signal.SIGINT)  # once, so that it can finish what is under way
                progress = update.progress
                say(f"stopping: Pulumi finishes what is under way in {name} ({progress}); Ctrl-C again ends it now")
                with _second_interrupt_passed_on(pulumi):
                    _show(pulumi.stdout, update, kept)
                    pulumi.wait()
                raise

    def log(self, name: str) -> Path:
        """Everything that Pulumi said in the last `up` of a stack."""
        return self._layout.local / "logs" / f"up-{name}.log"

    def shown_log(self, name: str) -> str:
        """The same, as it is named to people in the clone's folder."""
        return str(self.log(name).relative_to(self._layout.root))

    def outputs(self, name: str) -> dict[str, Any]:
        """The outputs, as `release` what the stack's Release proved, and as `questions` how its services are asked.

        A canceled update writes no outputs.
        """
        try:
            exported = stack.from_export(name, strict_json.decode(self._quietly("stack", "export", "-s", name)))
            recorded = {"release": stack.output_of(exported.recorded)} if exported.recorded else {}
        except (StackError, DamagedError) as error:
            raise LocalError(str(error)) from error
        return {**exported.outputs, **recorded, "questions": answer.questions_of(exported.inputs)}

    def last_changes(self, name: str) -> dict[str, int]:
        """How many resources the last update created, updated, deleted, left the same."""
        updates = json.loads(self._quietly("stack", "history", "-s", name, "--json", "--page-size", "1"))
        return dict(updates[0].get("resourceChanges") or {}) if updates else {}

    def _quietly(self, *arguments: str) -> str:
        done = subprocess.run(
            [self._pulumi, *arguments],
            env=self._environment,
            cwd=self._layout.root,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-8:]
            raise LocalError(f"pulumi {' '.join(arguments)} ended with {done.returncode}: " + "\n  ".join(said))
        return done.stdout


def _show(lines: Iterable[str], update: UpdateLog, kept: IO[str]) -> None:
    for line in lines:
        kept.write(line)
        kept.flush()
        for shown in update.shown(line):
            say(shown)
    for shown in update.rest():
        say(shown)


@contextmanager
def _second_interrupt_passed_on(process: subprocess.Popen[str]) -> Iterator[None]:
    """While Pulumi finishes after a first Ctrl-C, a further one makes it end at once."""
    before = signal.signal(signal.SIGINT, lambda *_: process.send_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

"""`python -m local status`: what is installed, what runs, which version each environment answers."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from local import docker_engine, engine, go_image, preflight
from local.emulator import process as emulator
from local.layout import ENVIRONMENTS, Layout, LocalError, read_json
from local.stacks import Stacks
from local.terminal import bold, say
from release.version import short

ANSWER_TIMEOUT_S = 5.0


def run(layout: Layout) -> int:
    """`python -m local status`."""
    found = engine.current(layout)
    say(f"engine    {f'pulumi {engine.VERSION} ({found.origin}: {found.path})' if found else 'not there: make setup'}")
    say(f"docker    {_docker(layout)}")
    running = emulator.running(layout.emulator)
    say(f"emulator  {f'{running.endpoint} (process {running.pid})' if running else 'does not run: make up'}")
    builder = go_image.details(layout).get("image")
    if builder:
        say(f"builder   {builder}")
    if found is None or not read_json(layout.local / "values.json"):
        return 0
    say("")
    rows = [("", "released", "answers", "proven at", "open")]
    stacks = Stacks(layout)
    for name in ENVIRONMENTS:
        rows.append((name, *_environment(stacks, name, running.port if running else None)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for index, row in enumerate(rows):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        say(bold(line) if index == 0 else line)
    return 0


def _docker(layout: Layout) -> str:
    answer = preflight.find_docker(layout.root)
    if answer.host is None:
        return f"{answer.denied} may not be used by this user" if answer.denied else "no engine answers"
    pid = docker_engine.running_pid(layout)
    return f"{answer.host}{f' (process {pid}, started for this clone)' if pid else ''}"


def _environment(stacks: Stacks, name: str, port: int | None) -> tuple[str, str, str, str]:
    if not stacks.exists(name):
        return ("-", "-", "-", "")
    left = stacks.interruption(name)
    if left is not None and left.alive:
        return ("updating", "-", "-", "")
    try:
        outputs = stacks.outputs(name)
    except LocalError as error:
        return (str(error).splitlines()[0][:60], "-", "-", "")
    release = outputs.get("release") or {}
    released = short(str(release.get("version") or "-")) + (" (interrupted)" if left else "")
    answers = answered(str(outputs.get("healthcheckUrl") or ""), port) if port else "emulator is down"
    return (released, answers, str(release.get("verifiedAt") or "-"), str(outputs.get("url") or ""))


def answered(address: str, port: int | None) -> str:
    """The version that an address answers, or what came instead. `*.localhost` is this machine, whatever DNS says."""
    if not address:
        return "-"
    parts = urllib.parse.urlsplit(address)
    request = urllib.request.Request(f"http://127.0.0.1:{port}{parts.path}", headers={"Host": parts.netloc})
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_TIMEOUT_S) as answer:  # noqa: S310 - as above
            body: Any = json.load(answer)
    except urllib.error.HTTPError as error:
        return f"HTTP {error.code}"
    except (OSError, ValueError) as error:
        return f"nothing ({type(error).__name__})"
    if not isinstance(body, dict):
        return "no health check"
    return f"{short(str(body.get('version', '?')))} {body.get('status', '?')}"

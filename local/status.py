"""`python -m local status`: what is installed, what runs, which version each environment answers."""

from __future__ import annotations

from typing import Any

from local import answer, docker_engine, engine, preflight
from local.docker import bases
from local.emulator import process as emulator
from local.layout import ENVIRONMENTS, Layout, LocalError, read_json
from local.stacks import Stacks
from local.terminal import bold, say
from release.version import short


def run(layout: Layout) -> int:
    installed = engine.current(layout)
    described = (
        f"pulumi {engine.VERSION} ({installed.origin}: {installed.path})" if installed else "not there: make setup"
    )
    say(f"engine    {described}")
    say(f"docker    {_docker(layout)}")
    running = emulator.running(layout.emulator)
    say(f"emulator  {f'{running.endpoint} (process {running.pid})' if running else 'does not run: make up'}")
    for image, substitute in bases.substitutes(layout).items():
        say(f"image     {substitute} instead of {image}")
    if installed is None or not read_json(layout.local / "values.json"):
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
    return (released, _answers(outputs, port), str(release.get("verifiedAt") or "-"), str(outputs.get("url") or ""))


def _answers(outputs: dict[str, Any], port: int | None) -> str:
    """The proven version passes, or what came instead."""
    if port is None:
        return "emulator is down"
    if not outputs.get("release"):
        return "-"
    return answer.miss(outputs, port) or f"{short(outputs['release']['version'])} pass"

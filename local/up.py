"""`python -m local up`: everything from nothing to proven releases, and nothing at all when all of it is there."""

from __future__ import annotations

import os
import time
from typing import Any

from local import answer, aws_plugin, docker_engine, frontend, go_image, project, proxies, setup, unchanged
from local.emulator import process as emulator
from local.layout import Layout, LocalError, read_json
from local.lock import exclusive
from local.stacks import Stacks
from local.terminal import Steps, bold, say, seconds, warn

UNCHANGED = ("same", "read")
"""Kinds of change that are none."""
ANSWER_DEADLINE_S = 60.0
"""What nothing was changed of may be starting: after a restart of the emulator, tasks do."""


def run(layout: Layout, environments: tuple[str, ...], choice: aws_plugin.Choice) -> int:
    steps = Steps()
    with exclusive(layout, "up"):
        try:
            return _run(layout, environments, choice, steps)
        finally:
            steps.report()


def _run(layout: Layout, environments: tuple[str, ...], choice: aws_plugin.Choice, steps: Steps) -> int:
    aws_plugin.require_same(layout, choice)
    with steps.step("tools"):
        setup.prepare(layout, choice)
    with steps.step("docker"):
        host = docker_engine.ensure(layout, say)
        builder = go_image.ensure(layout, host, say)
    with steps.step("emulator"):
        running = start_emulator(layout, host)
        project.set_values(layout, running.port, builder, choice)
        say(f"  AWS answers at {running.endpoint}")
    with steps.step("frontend"):
        frontend.build(layout, say)
    stacks = Stacks(layout)
    proofs: list[str] = []
    for name in environments:
        with steps.step(name):
            try:
                proofs.append(_release(layout, stacks, name, running.port))
            except KeyboardInterrupt:
                warn(f"Interrupted while {name} was being updated.")
                raise
            except LocalError as error:
                for proof in proofs:
                    say(proof)
                raise LocalError(f"{error}\n{_what_runs(stacks, name)}") from error
    for proof in proofs:
        say(proof)
    say('A shell for pulumi on these environments:  eval "$(.venv/bin/python -m local env)"')
    return 0


def start_emulator(layout: Layout, docker_host: str) -> emulator.Running:
    """The emulator, on the port that it had before when that is free: addresses in the stacks' state name it."""
    before = read_json(layout.local / "values.json").get("port")
    running = emulator.start(emulator.EmulatorSettings(folder=layout.emulator, docker_host=docker_host), say)
    if before is not None and before != running.port:
        say(f"  the emulator was on port {before} before: addresses change with this run")
    return running


def _release(layout: Layout, stacks: Stacks, name: str, port: int) -> str:
    """Bring one environment up to date; the text that says what it proved. Raises LocalError when it did not."""
    stacks.make(name)
    stacks.recover(name)
    outputs = unchanged.outputs_if_unchanged(layout, stacks, name, port)
    if outputs is not None:
        say("  same commit, settings and state as after the last update, and the proven version answers")
        return proof(name, outputs, headline="nothing changed")
    started = time.monotonic()
    code = stacks.up(name)
    if code != 0:
        ended = f"ended with {code}; the reason is above" if code > 0 else f"was killed by signal {-code}"
        raise LocalError(f"{name}: the release failed (pulumi {ended}). All that it said: {stacks.shown_log(name)}")
    changed = any(kind not in UNCHANGED for kind in stacks.last_changes(name))
    outputs = stacks.outputs(name)
    why = None if changed else answer.why_not_proven(outputs, port, ANSWER_DEADLINE_S)
    if why is not None:
        raise LocalError(
            f"{name}: nothing changed, and what was proven does not answer: {why}\n"
            f"  To start its tasks anew:  EASI_RESTART='it does not answer' make up ENV={name}"
        )
    unchanged.remember(layout, stacks, name, outputs)
    took = seconds(time.monotonic() - started)
    return proof(name, outputs, headline=f"released in {took}" if changed else "nothing changed")


def proof(name: str, outputs: dict[str, Any], *, headline: str) -> str:
    """What an environment's outputs prove, for people."""
    release, health = outputs.get("release") or {}, outputs.get("healthcheckUrl")
    rows = [
        ("version", release.get("version")),
        ("image", release.get("image")),
        ("static files", release.get("staticManifest")),
        ("proven at", release.get("verifiedAt")),
        ("open", outputs.get("url")),
        (
            "check",
            f"{proxies.curl(os.environ)} '{health}'" if health else None,
        ),
    ]
    return "\n".join([bold(f"{name}: {headline}"), *(f"  {label:<13} {value}" for label, value in rows if value)])


def _what_runs(stacks: Stacks, name: str) -> str:
    try:
        version = (stacks.outputs(name).get("release") or {}).get("version")
    except LocalError:
        version = None
    runs = f"{name} still runs {version}" if version else f"nothing was ever proven in {name}"
    return f"  {runs}; later environments were not touched. Fix the cause, then: make up"

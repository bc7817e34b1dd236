"""`python -m local up`: everything from nothing to proven releases, and nothing at all when all of it is there."""

from __future__ import annotations

import compileall
import os
import time
from typing import Any

from local import answer, aws_plugin, docker_engine, engine, environment, project, proxies, secret, sites, unchanged
from local.emulator import process as emulator
from local.layout import Layout, LocalError, read_json
from local.lock import exclusive
from local.stacks import Stacks
from local.terminal import Steps, bold, say, seconds, warn
from release.identity import label_of
from settings.names import old_variables

UNCHANGED = ("same", "read")
"""Kinds of change that are none."""
ANSWER_DEADLINE_S = 60.0
"""What nothing was changed of may be starting: after a restart of the emulator, tasks do."""


def setup(layout: Layout) -> int:
    """`python -m local setup`: the tools and the sites' dependencies alone."""
    with exclusive(layout, "setup"):
        _prepare(layout, aws_plugin.chosen(layout) or "local")
    say("setup: ready")
    return 0


def _prepare(layout: Layout, choice: aws_plugin.Choice) -> None:
    environment.write_programs(layout, engine.ensure(layout, say), choice)
    sites.install(layout, say)
    for package in ("components", "release", "settings"):  # the language host compiles them anew whenever it runs
        compileall.compile_dir(layout.root / package, quiet=2)


def run(layout: Layout, environments: tuple[str, ...], choice: aws_plugin.Choice) -> int:
    if refusal := old_variables(os.environ):
        raise LocalError(refusal)
    steps = Steps()
    with exclusive(layout, "up"):
        try:
            return _run(layout, environments, choice, steps)
        finally:
            steps.report()


def _run(layout: Layout, environments: tuple[str, ...], choice: aws_plugin.Choice, steps: Steps) -> int:
    aws_plugin.require_same(layout, choice)
    with steps.step("tools"):
        _prepare(layout, choice)
    with steps.step("docker"):
        host = docker_engine.ensure(layout, say)
    with steps.step("emulator"):
        running = start_emulator(layout, host)
        project.set_values(layout, running.port, choice)
        say(f"  AWS answers at {running.endpoint}")
        secret.make_all(layout, running.endpoint)
    with steps.step("sites"):
        sites.build(layout, say)
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
                again = "make up" if len(environments) > 1 else f"make up ENV={name}"
                raise LocalError(f"{error}\n  {_what_runs(stacks, name)} Fix the cause, then: {again}") from error
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
            f"  To start its tasks anew:  RELEASE_RESTART='it does not answer' make up ENV={name}"
        )
    unchanged.remember(layout, stacks, name, outputs)
    took = seconds(time.monotonic() - started)
    return proof(name, outputs, headline=f"released in {took}" if changed else "nothing changed")


def proof(name: str, outputs: dict[str, Any], *, headline: str) -> str:
    """What an environment's outputs prove, for people."""
    release, curl = outputs.get("release") or {}, proxies.curl(os.environ)
    services, sites, addresses = release.get("services") or {}, release.get("sites") or {}, outputs.get("sites") or {}
    questions = {name: question["health"] for name, question in (outputs.get("questions") or {}).items()}
    checks = {name: health["url"] + health["path"] for name, health in questions.items() if health}
    urls = {name: site["url"] for name, site in addresses.items() if site.get("url")} or {"": outputs.get("url")}
    rows = [
        ("version", release.get("version")),
        *((label_of("image", name, services), service.get("image")) for name, service in services.items()),
        *((label_of("static files", name, sites), manifest) for name, manifest in sites.items()),
        ("proven at", release.get("verifiedAt")),
        *((label_of("open", name, urls), url) for name, url in urls.items()),
        *((label_of("check", name, checks), f"{curl} '{url}'") for name, url in checks.items()),
    ]
    shown = [(label, value) for label, value in rows if value]
    width = max(13, *(len(label) for label, _ in shown)) if shown else 0
    return "\n".join([bold(f"{name}: {headline}"), *(f"  {label:<{width}} {value}" for label, value in shown)])


def _what_runs(stacks: Stacks, name: str) -> str:
    try:
        version = (stacks.outputs(name).get("release") or {}).get("version")
    except LocalError:
        version = None
    runs = f"{name} still runs {version}" if version else f"nothing was ever proven in {name}"
    return f"{runs}; later environments were not touched."

"""Prove that a version answers at an address, and not from a cache, several times in a row.

With -s, the address, the passes and the version are the stack's own: what its last proven release says.

Exit status: 0 proven, 1 not proven, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import Any

from cli import NO, YES, versions
from cli.environment import read_environment
from cli.errors import UsageError, VerbError
from cli.lines import Lines
from cli.text import bold
from release.healthcheck import NOT_COMPARED, HealthCheck, NotProven, Proof, prove
from release.tasks import Tasks

_OPTIONS = (
    ("interval", "interval_s", "seconds between probes"),
    ("deadline", "deadline_s", "seconds in which the passes must be reached"),
    ("timeout", "timeout_s", "seconds that one answer may take"),
    ("max-skew", "max_skew_s", "seconds that a live timestamp may be off"),
)


def add(parser: argparse.ArgumentParser) -> None:
    default = {field.name: field.default for field in dataclasses.fields(HealthCheck)}
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("-s", "--stack", metavar="NAME", help="the environment that is asked")
    where.add_argument("--url", help="the health check's URL")
    parser.add_argument("--service", metavar="NAME", help="with -s: only this service's health check")
    parser.add_argument(
        "--version", metavar="SHA", help="the Git SHA that must answer; a short one will do where it is known"
    )
    parser.add_argument("--connect-to", metavar="HOST:PORT", help="connect here; name and certificate stay the URL's")
    parser.add_argument("--passes", type=int, metavar="N", help=f"passes in a row (default {default['passes']})")
    for option, field, meaning in _OPTIONS:
        parser.add_argument(
            f"--{option}", dest=field, type=float, metavar="S", help=f"{meaning} (default {default[field]:g})"
        )
    parser.add_argument(
        "--require-live-timestamp", action="store_true", default=None, help="judge the answer's timestamp, too"
    )
    parser.add_argument("--json", action="store_true", help="print the proof as JSON, and nothing else")


def run(options: argparse.Namespace) -> int:
    good, answers = True, []
    for service, (check, tasks) in _checks(options).items():
        proof, why = None, None
        try:
            proof = prove(check, Lines(silent=options.json), tasks)
        except NotProven as error:
            good, why = False, str(error)
        answers.append(_json(service, check, proof, why))
        if not options.json:
            print(_line(check, proof) if proof else f"not proven: {why}")
    if options.json:
        print(json.dumps({"proven": good, "checks": answers}, indent=2))
    return YES if good else NO


def _line(check: HealthCheck, proof: Proof) -> str:
    stamped = ", ".join(f"{name} {proof.last[name]}" for name in ("datetime", "timestamp") if name in proof.last)
    says = f" (the answer's {stamped})" if stamped else ""
    by = f" by task {', '.join(proof.tasks)}" if proof.tasks else ""
    what = f"proven {check.version} at {check.url}" if proof.version_compared else f"{check.url} {NOT_COMPARED}"
    return bold(f"{what}: {proof.passes} passes in a row{by}, {proof.verified_at}{says}")


def _checks(options: argparse.Namespace) -> dict[str, tuple[HealthCheck, Tasks | None]]:
    """The health checks of the stack's services, or the defaults, with the options; and the tasks that may answer."""
    overrides = {
        field.name: getattr(options, field.name)
        for field in dataclasses.fields(HealthCheck)
        if getattr(options, field.name, None) is not None
    }
    try:
        if options.stack is None:
            if options.version is None:
                raise UsageError("--url needs --version: the full Git SHA that must answer there.")
            return {"": (HealthCheck(**overrides | {"version": versions.resolve(options.version)}), None)}
        environment = read_environment(options.stack)
        checks, release, name = environment.health_checks, environment.release, environment.name
        if not checks:
            raise VerbError(f"no service of {name} has a health check: ECS alone says whether they run")
        if options.service is not None and options.service not in checks:
            raise UsageError(f"{name} has no health check of {options.service!r}: expected one of {', '.join(checks)}.")
        if options.version is not None:
            overrides["version"] = versions.resolve(options.version, [release] if release else [], name=name)
        elif release is None:
            raise VerbError(f"{name} has proven nothing yet.\n  to see what runs:  python -m release status -s {name}")
        else:
            overrides["version"] = release.version
        proven = release is not None and release.version == overrides["version"]
        return {
            service: (
                dataclasses.replace(check, **overrides),
                environment.tasks(release, service) if release and proven else None,
            )
            for service, check in checks.items()
            if options.service in (None, service)
        }
    except ValueError as error:
        raise UsageError(str(error)) from error


def _json(service: str, check: HealthCheck, proof: Proof | None, why: str | None) -> dict[str, Any]:
    return {
        "service": service or None,
        "proven": proof is not None,
        "version": check.version,
        "url": check.url,
        "passes": proof.passes if proof else None,
        "verifiedAt": proof.verified_at if proof else None,
        "versionCompared": proof.version_compared if proof else None,
        "answer": proof.last if proof else None,
        "tasks": list(proof.tasks) if proof else None,
        "why": why,
    }

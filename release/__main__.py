"""`python -m release`: the release's own checks, for people and for CI."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from release.healthcheck import HealthCheck, NotProven, prove

PROVEN, NOT_PROVEN, USAGE, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code."""
    parser, verbs = _parser()
    given = parser.parse_args(arguments)
    if given.verb is None:
        parser.print_help(sys.stderr)
        return USAGE
    try:
        return _verify(given, verbs["verify"])
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def _parser() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    parser = argparse.ArgumentParser(prog="python -m release", description="Checks of a release.")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", title="verbs")
    verify = verbs.add_parser(
        "verify",
        allow_abbrev=False,
        help="prove that a version answers at an address",
        description="Prove that a version answers at an address, and not from a cache, several times in a row.",
        epilog="Exit status: 0 proven, 1 not proven, 2 wrong usage, 130 interrupted.",
    )
    default = {name: field.default for name, field in HealthCheck.__dataclass_fields__.items()}
    verify.add_argument("--url", required=True, help="the health check's URL")
    verify.add_argument("--version", required=True, help="the full Git SHA that must answer")
    verify.add_argument("--connect-to", metavar="HOST:PORT", help="connect here; name and certificate stay the URL's")
    verify.add_argument("--passes", type=int, default=default["passes"], metavar="N", help=_says("passes in a row"))
    for name, meaning in (
        ("interval", "seconds between probes"),
        ("deadline", "seconds in which the passes must be reached"),
        ("timeout", "seconds that one answer may take"),
        ("max-skew", "seconds that a live timestamp may be off"),
    ):
        field = f"{name.replace('-', '_')}_s"
        verify.add_argument(
            f"--{name}", dest=field, type=float, default=default[field], metavar="S", help=_says(meaning)
        )
    verify.add_argument("--require-live-timestamp", action="store_true", help="judge the answer's timestamp, too")
    return parser, {"verify": verify}


def _verify(given: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    try:
        check = HealthCheck(**{name: getattr(given, name) for name in HealthCheck.__dataclass_fields__})
    except ValueError as error:
        parser.error(str(error))
    try:
        proof = prove(check, lambda line: print(line, flush=True))
    except NotProven as error:
        print(f"not proven: {error}")
        return NOT_PROVEN
    stamped = ", ".join(f"{name} {proof.last[name]}" for name in ("datetime", "timestamp") if name in proof.last)
    says = f" (it says {stamped})" if stamped else ""
    print(f"proven {check.version} at {check.url}: {proof.passes} passes in a row, {proof.verified_at}{says}")
    return PROVEN


def _says(meaning: str) -> str:
    return f"{meaning} (default %(default)g)"


if __name__ == "__main__":
    sys.exit(main())

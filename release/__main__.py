"""`python -m release`: what a release left behind and what serves, for people and for CI. A module per verb."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

USAGE, INTERRUPTED, CLOSED_PIPE = 2, 130, 141
VERBS = {
    "status": "do the record, ECS, the site and the health check agree? if not, what to do",
    "history": "what was released here when, by whom, what was undone and why; how to go back",
    "explain": "would this version be accepted here, why, and what would it change?",
    "verify": "prove that a version answers at an address",
    "recover": "clear what an interrupted release left behind",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code."""
    try:
        try:
            return _run(arguments)
        finally:
            # Here, and not when the interpreter ends: there, a closed pipe would be told.
            sys.stdout.flush()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Who read us has read enough. What is still buffered must not fail at the very end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE


def _run(arguments: Sequence[str] | None) -> int:
    # Imported here, as the SDK of AWS takes a while, in which Ctrl-C deserves no traceback either.
    from release.verbs import errors, explain, history, recover, status, verify  # noqa: PLC0415 - see above

    parser = argparse.ArgumentParser(prog="python -m release", description="What was released, and what serves.")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", title="verbs")
    for module in (status, history, explain, verify, recover):
        name = module.__name__.rpartition(".")[2]
        of_verb = verbs.add_parser(name, allow_abbrev=False, help=VERBS[name])
        module.add(of_verb)
        of_verb.set_defaults(run=module.run)
    given = parser.parse_args(arguments)
    if given.verb is None:
        parser.print_help(sys.stderr)
        return USAGE
    try:
        code: int = given.run(given)
    except errors.EXPECTED as error:
        sys.stdout.flush()
        print(f"{parser.prog} {given.verb}: {errors.told(error)}", file=sys.stderr)
        return errors.exit_code(error)
    return code


if __name__ == "__main__":
    ended = main()
    if ended == INTERRUPTED:
        # Threads may still wait for an answer of AWS that nobody wants any more.
        os._exit(ended)
    sys.exit(ended)

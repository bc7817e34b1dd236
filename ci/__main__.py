"""`python -m ci`: what the workflows run, and a person can run as well. A module per verb."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

USAGE, INTERRUPTED, CLOSED_PIPE = 2, 130, 141
VERBS = {
    "preview": "what an update of a stack would change, without values of environment variables",
    "comment": "put previews into the one comment of a pull request",
    "evidence": "what somebody who approves a release should know",
    "proof": "what a release has proven, or what became of it",
    "rollback": "check out what goes back to a version that ran before",
    "deployed": "check out the commit that is deployed",
    "drift-issue": "keep the one issue that says what was changed behind Pulumi's back",
    "approved": "make sure that somebody approved this run",
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
    from release.verbs import errors  # noqa: PLC0415 - see above

    parser = argparse.ArgumentParser(prog="python -m ci", description="What the workflows do.")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", title="verbs")
    asked = sys.argv[1:] if arguments is None else arguments
    for name, meaning in VERBS.items():
        of_verb = verbs.add_parser(name, allow_abbrev=False, help=meaning)
        if name not in asked[:1]:
            # Its arguments are nobody's business now: a step that asks GitHub need not wait for the SDK of AWS.
            continue
        module = importlib.import_module(f"ci.{name.replace('-', '_')}")
        # Before `add`: `preview` is what other verbs call, too, and has another function as a verb.
        of_verb.set_defaults(run=getattr(module, "run", None))
        module.add(of_verb)
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
        # Threads may still wait for an answer that nobody wants any more.
        os._exit(ended)
    sys.exit(ended)

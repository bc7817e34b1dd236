"""What `python -m release` and `python -m ci` have in common: a table of verbs, exit codes, one way to fail."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib
import io
import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Final, NoReturn, TextIO, cast

from cli import NO
from release import escaping

USAGE: Final = 2
INTERRUPTED: Final = 130
CLOSED_PIPE: Final = 141
_BOLD: Final = re.compile("(\033\\[[01]m)")
"""What `text.bold` writes on a terminal."""


class _Escaped(io.TextIOBase):
    """A stream that people read: a terminal, or the log of a job."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str, /) -> int:
        parts = _BOLD.split(text) if self.isatty() else [text]
        shown = "".join(part if at % 2 else escaping.shown(part) for at, part in enumerate(parts))
        encoding = self._stream.encoding or "utf-8"
        self._stream.write(shown.encode(encoding, "backslashreplace").decode(encoding))
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


@dataclasses.dataclass(frozen=True)
class Verb:
    """A verb in the table of a command line."""

    module: str
    """In `cli`, with `add(parser)` and `run(options)`; empty where the verb has verbs of its own."""
    help: str
    verbs: Mapping[str, Verb] = dataclasses.field(default_factory=dict)


def main(prog: str, description: str, verbs: Mapping[str, Verb], arguments: Sequence[str] | None) -> int:
    try:
        try:
            out, err = (cast(TextIO, _Escaped(stream)) for stream in (sys.stdout, sys.stderr))
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                return _run(prog, description, verbs, sys.argv[1:] if arguments is None else arguments)
        finally:
            # Here, and not when the interpreter ends: there, a closed pipe would be told.
            sys.stdout.flush()
    except (KeyboardInterrupt, RuntimeError) as error:
        # Ctrl-C while the main thread waits for a lock may come out as "RuntimeError: release unlocked lock".
        if not isinstance(error, KeyboardInterrupt) and not isinstance(error.__context__, KeyboardInterrupt):
            raise
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader closed the pipe. What is still buffered must not fail when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE


def leave(code: int) -> NoReturn:
    if code == INTERRUPTED:
        # Threads may still wait for an answer that nobody wants any more.
        os._exit(code)
    sys.exit(code)


def _run(prog: str, description: str, table: Mapping[str, Verb], arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog=prog, description=description)
    _add(parser, table, arguments)
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        names = [word for word in unknown if not word.startswith("-")]
        lacks_stack = hasattr(options, "stack") and options.stack is None
        hint = f"\n  did you mean:  {options.parser.prog} -s {names[0]}" if names and lacks_stack else ""
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
    if not hasattr(options, "run"):
        options.parser.print_help(sys.stderr)
        return USAGE
    try:
        code: int = options.run(options)
    except Exception as error:
        # Imported here: it takes a while, which a verb that ends well need not wait for.
        from cli import errors  # noqa: PLC0415 - see above

        if not isinstance(error, errors.EXPECTED):
            raise
        sys.stdout.flush()
        print(f"{options.parser.prog}: {errors.message_of(error)}", file=sys.stderr)
        return error.code if isinstance(error, errors.VerbError) else NO
    return code


def _add(parser: argparse.ArgumentParser, table: Mapping[str, Verb], arguments: Sequence[str]) -> None:
    """The verbs of the table, and what the one that is asked for takes."""
    parser.set_defaults(parser=parser)
    verbs = parser.add_subparsers(metavar="VERB", title="verbs")
    for name, verb in table.items():
        of_verb = verbs.add_parser(name, allow_abbrev=False, help=verb.help)
        if name not in arguments[:1]:
            # Its arguments are nobody's business now: a step that asks GitHub need not wait for the SDK of AWS.
            continue
        if verb.verbs:
            _add(of_verb, verb.verbs, arguments[1:])
            continue
        module = importlib.import_module(f"cli.{verb.module}")
        # Before `add`, which may name others.
        of_verb.set_defaults(parser=of_verb, run=module.run)
        of_verb.description, _, exit_status = (module.__doc__ or "").partition("\n\nExit status: ")
        of_verb.epilog = f"Exit status: {exit_status}"
        module.add(of_verb)

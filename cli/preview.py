"""Run `pulumi preview` once, and print what would change, without the values of environment variables.

It is kept for `comment` and `drift-issue`, and added to the job's summary.

Exit status: 0 previewed, also where the gate would refuse; 1 the preview failed; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from cli import NO, YES, diff, events, github, markdown
from cli.environment import add_stack
from cli.errors import VerbError
from cli.events import Preview
from functions import strict_json
from functions.redaction.shapes import hide
from release import escaping
from release.stack import NO_PULUMI

HEARTBEAT_S: Final = 15.0
"""Seconds between lines of progress. Pulumi's own output is not shown: it has values in it."""
_GRACE_S: Final = 10.0
"""Seconds for Pulumi to end after an interrupt; a runner waits no longer either."""


def add(parser: argparse.ArgumentParser) -> None:
    add_stack(parser, required=True)
    parser.add_argument("--save", metavar="FILE", type=Path, help="keep it here, as JSON")
    parser.add_argument(
        "--refresh", action="store_true", help="compare with what is really there, not with what the state says"
    )


def run(options: argparse.Namespace) -> int:
    try:
        preview = create(options.stack, refresh=options.refresh)
    except VerbError as error:
        preview = Preview(
            stack=options.stack, version=None, counts={}, errors=(str(error),), refresh=options.refresh, failed=True
        )
    if options.save is not None:
        save(preview, options.save)
    print("\n".join(_lines(preview)), flush=True)
    for problem in preview.errors if preview.failed else ():
        print(f"error: {problem}", file=sys.stderr)
    github.summary(*markdown.parts_of(preview, whole="The whole diff is in this step's log."))
    return NO if preview.failed else YES


def _lines(preview: Preview) -> list[str]:
    """The preview for a log; errors go to standard error."""
    names = ", ".join(map(escaping.line, preview.variables))
    shown = [
        preview.headline,
        preview.diff,
        f"environment variables, whose values are not shown: {names}" if names else "",
        *(f"warning: {warning}" for warning in preview.warnings),
        f"`pulumi up` would stop here: {preview.gate}" if preview.gate else "",
        f"{preview.stack}: {markdown.summarize(preview)}",
    ]
    return [line for line in shown if line]


def create(stack: str, *, refresh: bool = False) -> Preview:
    """Preview the stack `stack` of the project in the current folder, with progress on standard error.

    A failed preview is returned, too: see `Preview.failed`. Raises VerbError if Pulumi is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="release-preview-") as folder:
        log = Path(folder) / "events"
        code, complained = _pulumi(stack, log, refresh=refresh)
        engine_events, unread = _read(log)
    preview = events.read(stack, engine_events, refresh=refresh, failed=code != 0)
    if code != 0 and preview.errors:
        return preview
    if code != 0:
        said = [line.removeprefix("error: ") for line in complained.split("\n") if line.strip()]
        problem = "\n".join(said) or f"`pulumi preview -s {stack}` ended with {code} and said nothing"
        problem = hide(problem, diff.values(engine_events))
    elif unread or not events.is_whole(engine_events):
        problem = f"what would change is not known: {unread or 'its event log has no summary'}\n"
        problem += f"  to see what Pulumi says:  pulumi preview -s {stack}"
    else:
        return preview
    return dataclasses.replace(preview, errors=(problem,), counts={}, failed=True)


def _read(log: Path) -> tuple[list[Mapping[str, Any]], str]:
    """The events, or why they cannot be read. Then there are none: what is missing may be a deletion."""
    try:
        # As bytes: in text mode, Python takes other characters for ends of lines, too.
        return events.parse(log.read_bytes().decode()), ""
    except FileNotFoundError:
        return [], ""
    except ValueError as error:
        return [], str(error)


def save(preview: Preview, file: Path) -> None:
    """Keep the preview for `load`."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(strict_json.fields(preview), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise VerbError(f"the preview cannot be kept in {file}: {error.strerror}") from error


def load(file: Path) -> Preview | None:
    """The preview that `save` wrote; None if the file does not exist. Raises VerbError for any other file."""
    try:
        return strict_json.read(Preview, strict_json.decode(file.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        make = f"python -m ci preview -s {file.stem} --save {file}"
        raise VerbError(f"{file} is no preview: {error}\n  to make one:  {make}") from error


def load_all(names: Iterable[str], files: Iterable[Path]) -> dict[str, Preview | None]:
    """The previews by stack, those of `names` first; None for a stack without one.

    A file that is missing or no preview is reported on standard error; the others are still read.
    """
    previews: dict[str, Preview | None] = dict.fromkeys(names)
    for file in files:
        try:
            preview = load(file)
        except VerbError as error:
            print(error, file=sys.stderr)
            continue
        if preview is None:
            print(f"there is no {file}: its preview did not finish", file=sys.stderr)
        else:
            previews[preview.stack] = preview
    return previews


def _pulumi(stack: str, log: Path, *, refresh: bool) -> tuple[int, str]:
    """Exit code and standard error of `pulumi preview`, which writes its events to `log`."""
    command = ["pulumi", "preview", "-s", stack, "--non-interactive", "--color", "never"]
    command += ["--event-log", str(log), *(["--refresh"] if refresh else [])]
    # The option is there only with this variable; the Automation API sets it for the same reason.
    surroundings = os.environ | {"PULUMI_DEBUG_COMMANDS": "true"}
    # Bytes that are not UTF-8 must not fail the preview.
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as err:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err, env=surroundings
            )
        except FileNotFoundError as error:
            raise VerbError(NO_PULUMI) from error
        try:
            code = _waited(process, stack, log)
        finally:
            _ended(process)
        err.seek(0)
        return code, err.read()


def _waited(process: subprocess.Popen[bytes], stack: str, log: Path) -> int:
    began = time.monotonic()
    while True:
        try:
            return process.wait(HEARTBEAT_S)
        except subprocess.TimeoutExpired:
            steps = log.read_bytes().count(b'"resourcePreEvent"') if log.exists() else 0
            passed = time.monotonic() - began
            print(f"preview of {stack}: {passed:.0f} s, {steps} resources so far", file=sys.stderr, flush=True)


def _ended(process: subprocess.Popen[bytes]) -> None:
    """End Pulumi, too, when this process is interrupted: a runner signals only this one."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

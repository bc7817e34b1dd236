"""What a step tells GitHub by files: its outputs, and the summary on the page of the run."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from cli import errors, markdown


def outputs(**values: str) -> None:
    """Set outputs of the step; without GITHUB_OUTPUT (no GitHub), print them.

    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#multiline-strings
    """
    file = os.environ.get("GITHUB_OUTPUT")
    if not file:
        print("\n".join(f"{name}={value}" for name, value in values.items()))
        return
    with Path(file).open("a", encoding="utf-8") as output:
        for name, value in values.items():
            delimiter = f"end-{secrets.token_hex(16)}"
            output.write(f"{name}<<{delimiter}\n{value}\n{delimiter}\n")


def summary(*parts: markdown.Part) -> None:
    """Add Markdown to the step's summary, as much as GitHub shows. Without GitHub, the terminal has it already."""
    file = os.environ.get("GITHUB_STEP_SUMMARY")
    if not file:
        return
    path = Path(file)
    end = "\n\n"
    room = markdown.SUMMARY_BYTES - len(end) - (path.stat().st_size if path.exists() else 0)
    text = markdown.fit(parts, room, markdown.octets).rstrip()
    with path.open("a", encoding="utf-8") as page:
        page.write(text + end if text else "")


@contextlib.contextmanager
def failure_in_summary(title: str) -> Iterator[None]:
    """Write the message of an error into the summary, under `title`, too; the error goes on to whoever prints it."""
    try:
        yield
    except errors.EXPECTED as error:
        summary(f"## {markdown.escape(title)}\n\n{markdown.fence(errors.told(error))}")
        raise


def run_url() -> str:
    """The address of this run of a workflow; empty outside of one."""
    server, repository, run = (
        os.environ.get(name, "") for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
    )
    return f"{server}/{repository}/actions/runs/{run}" if server and repository and run else ""

"""The page of a run on GitHub, which people see before any log: its summary."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from cli import errors, github, markdown


def write(text: str) -> None:
    """Add Markdown. Where there is no page, a terminal has been told the same already."""
    if os.environ.get("GITHUB_STEP_SUMMARY"):
        github.summary(os.environ, text)


@contextlib.contextmanager
def telling(title: str) -> Iterator[None]:
    """Write the message of an error in it, under `title`, too; the error goes on to whoever prints it."""
    try:
        yield
    except errors.EXPECTED as error:
        write(f"## {markdown.escape(title)}\n\n{markdown.fence(errors.told(error))}")
        raise

"""What every error that is expected has in common."""

from __future__ import annotations


class ExpectedError(Exception):
    """The message says what happened, what was expected and what to do. Anything else is a defect, and shows where."""

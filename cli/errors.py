"""Why a verb has no answer: one message that says what to do, and the exit code."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from functions.strict_json import DamagedError
from release.errors import ExpectedError


class VerbError(ExpectedError):
    """There is no answer. The message says what happened, what was expected and what to do."""

    code = 1


class UsageError(VerbError):
    """It was asked for something that is not there: a stack, a version, an option."""

    code = 2


EXPECTED = (ExpectedError, DamagedError, ClientError, BotoCoreError, ResponseParserError)
"""What is told in a message of its own; anything else is a defect, and shows where."""


def exit_code(error: BaseException) -> int:
    """2 for wrong usage, else 1."""
    return error.code if isinstance(error, VerbError) else 1


def told(error: BaseException) -> str:
    if isinstance(error, ClientError):
        answer = error.response.get("Error", {})
        return f"AWS refused {error.operation_name}: {answer.get('Code')}: {answer.get('Message')}"
    if isinstance(error, ResponseParserError):
        return "the response did not come from AWS: look for a proxy, or a network that wants a login first"
    if isinstance(error, BotoCoreError):
        return f"AWS cannot be reached: {error}"
    return str(error)

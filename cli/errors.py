"""Why a verb has no answer: one message that says what to do, and the exit code."""

from __future__ import annotations

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
)
from botocore.parsers import ResponseParserError

from functions.strict_json import DamagedError
from settings.errors import ExpectedError


class VerbError(ExpectedError):
    """The verb cannot answer. The message says what happened, what was expected and what to do."""

    code = 1


class UsageError(VerbError):
    """The command names a stack, a version or an option that does not exist."""

    code = 2


EXPECTED = (ExpectedError, DamagedError, ClientError, BotoCoreError, ResponseParserError)
"""Errors that are printed as a message. Anything else is a defect, with a traceback."""


def message_of(error: BaseException) -> str:
    if isinstance(error, ClientError):
        answer = error.response.get("Error", {})
        return f"AWS refused {error.operation_name}: {answer.get('Code')}: {answer.get('Message')}"
    if isinstance(error, ResponseParserError):
        return "the response did not come from AWS: look for a proxy, or a network that wants a login first"
    if isinstance(error, NoCredentialsError | PartialCredentialsError | ProfileNotFound):
        return f"there are no AWS credentials here ({error}): `aws sso login`, or name a profile in AWS_PROFILE"
    if isinstance(error, NoRegionError):
        return "no region is set: set AWS_DEFAULT_REGION, or region in the profile (boto3 does not read AWS_REGION)"
    if isinstance(error, BotoCoreError):
        return f"AWS cannot be reached: {error}"
    return str(error)

"""Runs the migration of a release, and what is before it, before anything is switched."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from functions.deploy.requests import RunTask
from functions.names import name_in
from functions.redaction.shapes import hide
from release import progress
from release.deploy_function import DeployFunction, FunctionFailed
from release.one_off import OneOff
from release.progress import Say

MIGRATION: Final = "the migration"
HOOK: Final = "what is before the migration"
LONGEST_ANSWER: Final = 400
"""Characters of what a function says of its failure."""


def migrate(function: DeployFunction, request: RunTask, name: str = MIGRATION) -> None:
    """Run the command in a task of its own and wait for its end; raise TaskFailed unless its exit code is 0.

    It is not stopped with the release that watches it: half a migration may be worse than a whole one.
    """
    one_off = OneOff(function, request, name)
    try:
        one_off.run()
    except FunctionFailed:
        raise
    except BaseException:
        state = f"goes on in task {name_in(one_off.task)}" if one_off.task else "may have been started"
        text = f"{name} is not watched any more and {state}: the next run of this release waits for its end"
        progress.kept(function.say, text)
        raise


def invoke_hook(client: Any, function: str, about: Mapping[str, str], say: Say) -> None:
    """Invoke a function with what the release is, once, and wait for its end; raise FunctionFailed unless it succeeds.

    `client` repeats nothing. Where the answer is lost, the function may have run: that is no success.
    """
    name, began = function.rpartition(":function:")[2], time.monotonic()
    progress.kept(say, f"{HOOK}, function {name}, begins")
    try:
        response = client.invoke(
            FunctionName=function, InvocationType="RequestResponse", Payload=json.dumps(about).encode()
        )
        answer = response["Payload"].read()
    except ClientError as error:
        said = error.response["Error"]
        text = f"{HOOK} was not started: function {name}: {said.get('Code')}: {said.get('Message')}"
        raise FunctionFailed("error", text) from error
    except BotoCoreError as error:
        raise FunctionFailed("error", f"how {HOOK} ended is not known: function {name}: {error}") from error
    if response.get("FunctionError"):
        raise FunctionFailed("failed", f"{HOOK} failed: function {name}: {_reason(answer)}")
    progress.passing(say, f"function {name} succeeded ({time.monotonic() - began:.0f} s)")


def _reason(answer: bytes) -> str:
    """What the function raised, without what looks like a secret."""
    text = answer.decode(errors="replace")
    try:
        raised = json.loads(text)
        text = f"{raised['errorType']}: {raised['errorMessage']}"
    except (ValueError, TypeError, KeyError):
        pass
    return hide(text)[:LONGEST_ANSWER]

"""How the whole log of a service is shown, where it is not by the AWS CLI."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

WHOLE_LOG: Final = "whole log: "
"""How the deploy function begins the command that shows it."""
LOGS_VARIABLE: Final = "RELEASE_LOGS"
"""Environment variable with the command that shows a service's log, where it is not one of the AWS CLI."""
SERVICE: Final = "{service}"
"""What stands in it for the service's name."""


def as_shown_here(details: Iterable[str], service: str | None, variables: Mapping[str, str]) -> Iterator[str]:
    """Details of a failure of `service`, if it is known, with the command that the environment has for its log."""
    logs = variables.get(LOGS_VARIABLE, "")
    logs = "" if SERVICE in logs and service is None else logs.replace(SERVICE, service or "")
    return (f"{WHOLE_LOG}{logs}" if logs and line.startswith(WHOLE_LOG) else line for line in details)

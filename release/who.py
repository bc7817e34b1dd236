"""Who releases: the only reader of what a CI system tells about itself."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Mapping

_RUN = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")


def who(caller_arn: str, environ: Mapping[str, str]) -> str:
    """`octocat, https://github.com/o/r/actions/runs/1` in GitHub Actions, else `user@host`.

    `caller_arn` names the AWS identity; it stands in for a user whom the machine does not know.
    """
    if environ.get("GITHUB_ACTIONS") == "true" and all(environ.get(name) for name in _RUN):
        server, repository, run = (environ[name] for name in _RUN)
        # A person who runs a workflow of another's again is who triggers it.
        actor = environ.get("GITHUB_TRIGGERING_ACTOR") or environ.get("GITHUB_ACTOR") or "GitHub Actions"
        return f"{actor}, {server}/{repository}/actions/runs/{run}"
    return f"{_user(caller_arn)}@{socket.gethostname()}"


def _user(caller_arn: str) -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user id has no name
        return caller_arn.rpartition("/")[2] or "unknown"

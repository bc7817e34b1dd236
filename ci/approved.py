"""`approved`: whether somebody approved that this run may go on.

GitHub makes an environment that a workflow names and that does not exist, without any reviewer, and then lets every job
pass. So a job that has waited for its environment asks whether there was anybody to wait for.
https://docs.github.com/en/rest/actions/workflow-runs#get-the-review-history-for-a-workflow-run
"""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Sequence

from ci import github, markdown
from release import escaping
from release.verbs.errors import UsageError, VerbError


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = (
        "Check that a reviewer approved an environment in this run, and write who it was to the job's summary. "
        "Fails where nobody had to: an environment without reviewers lets everything pass."
    )
    parser.epilog = "Exit status: 0 approved, 1 not approved or not known, 2 wrong usage."
    parser.add_argument("--environment", metavar="NAME", required=True, help="the environment with the reviewers")


def run(options: argparse.Namespace) -> int:
    """Ask for the reviews of the run, tell who approved."""
    number = os.environ.get("GITHUB_RUN_ID")
    if not number:
        raise UsageError("GITHUB_RUN_ID is not set: only a run of a workflow can have been approved.")
    reviews: Sequence[Review] = github.Api(os.environ).get(f"actions/runs/{number}/approvals", tuple[Review, ...])
    told = who(options.environment, reviews)
    print(told)
    github.summary(os.environ, markdown.escape(told))
    return 0


@dataclasses.dataclass(frozen=True)
class Named:
    """A user or an environment, in GitHub's answer."""

    login: str = ""
    name: str = ""


@dataclasses.dataclass(frozen=True)
class Review:
    """A review of a run, in GitHub's answer."""

    state: str
    environments: tuple[Named, ...]
    comment: str | None = None
    user: Named | None = None


def who(environment: str, reviews: Sequence[Review]) -> str:
    """The approval of `environment` in the reviews of a run, the newest one, in a sentence. Pure.

    Raises VerbError where there is none.
    """
    for review in reversed(reviews):
        named = {each.name for each in review.environments}
        if review.state == "approved" and environment in named:
            comment = (review.comment or "").strip()
            by = (review.user and review.user.login) or "somebody whose account is gone"
            return escaping.line(f"{environment} was approved by {by}" + (f": {comment}" if comment else ""))
    raise VerbError(
        f"nobody approved {environment} in this run, so nothing is released. Expected were required reviewers of the "
        f"environment {environment}: without them GitHub asks nobody.\n"
        "  to set them:  docs/account.md, The repository"
    )

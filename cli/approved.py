"""Fail unless a reviewer approved this run: an environment in it, whose reviewer is added to the job's summary.

GitHub creates an environment that a workflow names and that does not exist, without reviewers, and lets every job pass.
So a job that waited for its environment checks that a review took place. An approval counts for one success: with
--job, a release job that is run again after it succeeded needs another approval.
https://docs.github.com/en/rest/actions/workflow-runs#get-the-review-history-for-a-workflow-run

Exit status: 0 approved, 1 not approved or not known, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Iterable, Sequence

from cli import YES, github, markdown
from cli.errors import UsageError, VerbError
from release import escaping


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--environment", metavar="NAME", required=True, help="the environment with the reviewers, and its job"
    )
    parser.add_argument("--job", metavar="NAME", default="", help="the job that the approval is for")


def run(options: argparse.Namespace) -> int:
    number, attempt = (os.environ.get(name) for name in ("GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT"))
    if not number or not attempt:
        raise UsageError("GITHUB_RUN_ID or GITHUB_RUN_ATTEMPT is not set: only a run of a workflow can be approved.")
    api = github.Api(os.environ)
    reviews: Sequence[Review] = api.get(f"actions/runs/{number}/approvals", tuple[Review, ...])
    approval = who(options.environment, reviews)
    if options.job:
        paths = [f"actions/runs/{number}/attempts/{n}/jobs?per_page=100" for n in range(1, int(attempt) + 1)]
        check_unused(options.environment, options.job, [job for path in paths for job in api.get(path, Jobs).jobs])
    print(approval)
    github.summary(markdown.escape(approval))
    return YES


@dataclasses.dataclass(frozen=True)
class Named:
    login: str = ""
    name: str = ""


@dataclasses.dataclass(frozen=True)
class Review:
    """A review of a run, in GitHub's answer."""

    state: str
    environments: tuple[Named, ...]
    comment: str | None = None
    user: Named | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """A job of an attempt of a run, in GitHub's answer."""

    name: str
    conclusion: str | None = None
    completed_at: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Jobs:
    """The jobs of an attempt of a run, in GitHub's answer."""

    jobs: tuple[Job, ...]


def who(environment: str, reviews: Sequence[Review]) -> str:
    """The newest approval of `environment` in the reviews of a run, as a sentence. Pure.

    Raises VerbError where there is none.
    """
    for review in reversed(reviews):
        named = {reviewed.name for reviewed in review.environments}
        if review.state == "approved" and environment in named:
            comment = (review.comment or "").strip()
            by = (review.user and review.user.login) or "a deleted account"
            return escaping.line(f"{environment} was approved by {by}" + (f": {comment}" if comment else ""))
    raise VerbError(
        f"nobody approved {environment} in this run, so nothing is released. The environment needs required "
        "reviewers: without them GitHub asks nobody.\n"
        "  to set them:  docs/set-up-accounts.md, The repository"
    )


def check_unused(approval: str, release: str, jobs: Iterable[Job]) -> None:
    """Raise VerbError if the job `release` has succeeded since the job `approval`, in any attempt of the run. Pure.

    Compared by time: an attempt also lists the jobs that it did not run again, with their earlier times.
    https://docs.github.com/en/rest/actions/workflow-jobs#list-jobs-for-a-workflow-run-attempt
    """
    last = {approval: "", release: ""}
    for ended in jobs:
        if ended.name in last and ended.conclusion == "success":
            last[ended.name] = max(last[ended.name], ended.completed_at or "")
    if last[release] and last[release] >= last[approval]:
        raise VerbError(
            f"{release} has succeeded in this run since {approval} was approved, at {last[release]}: releasing again "
            "needs another approval.\n"
            "  to ask for it:  Re-run all jobs, on the page of the run"
        )

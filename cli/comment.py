"""Put previews into one comment of a pull request: what a merge would change. The next time, that comment is edited.

Needs GITHUB_TOKEN (pull-requests: write) and GITHUB_REPOSITORY. Without --pull-request, print the comment.

Exit status: 0 written, 1 not, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cli import YES, github, markdown
from cli.errors import UsageError
from cli.events import Preview
from cli.github import Api, GithubError
from cli.markdown import Part
from cli.preview import load_all
from cli.text import short
from release import veto

MARKER: Final = "<!-- release:preview -->"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pull-request", type=int, metavar="N", help="the number of the pull request")
    parser.add_argument(
        "--expect",
        default="",
        metavar="NAMES",
        help="the stacks that the comment speaks of, in order: dev,impl",
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="what `preview --save` wrote")


def run(options: argparse.Namespace) -> int:
    previews = load_all(filter(None, options.expect.split(",")), options.files)
    if not previews:
        raise UsageError("no preview at all: name the FILE of each stack, or with --expect the stacks")
    text = body(previews, run_url=github.run_url())
    if options.pull_request is None:
        print(text)
        return YES
    print(put(Api(os.environ), options.pull_request, text))
    return YES


def body(previews: Mapping[str, Preview | None], *, run_url: str = "") -> str:
    """The comment about these previews; None is a stack without one. `run_url` is the address of their run."""
    run = f"[this run]({run_url})" if run_url else "the run that made this comment"
    made = [preview for preview in previews.values() if preview is not None]
    versions = {preview.version for preview in made if preview.version and preview.changes and not preview.gate}
    of = f" ({', '.join(markdown.code(short(version)) for version in sorted(versions))})" if versions else ""
    parts: list[Part] = [MARKER, f"## What a merge would change{of}"]
    dangers = [(preview.stack, danger) for preview in made for danger in markdown.dangers(preview)]
    parts += markdown.replaced_or_deleted(f"**{markdown.escape(stack)}**: {danger}" for stack, danger in dangers)
    rows = [(f"**{markdown.escape(name)}**", *_summary(name, preview, run)) for name, preview in previews.items()]
    parts.append(markdown.table(("stack", "release", "changes"), rows))
    held = [preview.gate.partition("\n")[0] for preview in made if preview.gate and veto.is_of_hold(preview.gate)]
    parts += [f"⚠️ **{markdown.escape(first)}**" for first in held]
    if any(preview.gate and not veto.is_of_hold(preview.gate) for preview in made):
        parts.append("Before a merge, the gate refuses what the environment before has not proven: that is expected.")
    for preview in made:
        if not markdown.is_quiet(preview):
            parts += markdown.parts_of(preview, whole=f"The whole diff is in {run}.", with_top=False)
    parts.append(f"Edited in place{f' by {run}' if run_url else ''}; values of environment variables are left out.")
    return markdown.fit(parts, markdown.COMMENT_CHARACTERS)


def put(api: Api, pull_request: int, text: str) -> str:
    """Write the comment, or edit the one that exists. Returns what was done, with its address."""
    for last in (False, True):
        comments = api.paginate(f"issues/{pull_request}/comments", Comment)
        own = next((comment for comment in comments if comment.is_ours(MARKER)), None)
        if own is not None:
            answer = api.patch(f"issues/comments/{own.id}", {"body": text})
            return f"edited {answer.get('html_url', 'the comment')}"
        try:
            answer = api.post(f"issues/{pull_request}/comments", {"body": text})
        except GithubError as error:
            # GitHub may have written it: look again, so that there is no second one.
            if last or not error.ambiguous:
                raise
        else:
            return f"wrote {answer.get('html_url', 'a comment')}"
    raise AssertionError  # the second time returns or raises


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comment(github.Written):
    """A comment, in GitHub's answer."""

    id: int


def _summary(name: str, preview: Preview | None, run: str) -> tuple[str, str]:
    """What would come to a stack, and what would change in it."""
    if preview is None:
        return "", f"no preview: see {run}"
    gate = "; the gate would refuse it now" if preview.gate else ""
    comes = markdown.escape(preview.headline.removeprefix(f"{name}: "))
    return comes, markdown.escape(markdown.summarize(preview) + gate)

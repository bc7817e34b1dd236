"""`comment`: what a merge of a pull request would change, in one comment of its own that is edited in place."""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from cli import YES, github, markdown, preview
from cli.errors import UsageError
from cli.events import Preview
from cli.github import Api, GithubError
from cli.markdown import Part
from cli.text import short

MARKER: Final = "<!-- easi:preview -->"
ORDER: Final = ("dev", "impl", "prod")
"""Of a release; stacks of other names follow."""


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Put previews into one comment of a pull request, and edit that comment the next time. Needs GITHUB_TOKEN "
        "(pull-requests: write) and GITHUB_REPOSITORY. Without --pull-request, print the comment."
    )
    parser.epilog = "Exit status: 0 written, 1 not, 2 wrong usage."
    parser.add_argument("--pull-request", type=int, metavar="N", help="the number of the pull request")
    parser.add_argument(
        "--expect", default="", metavar="NAMES", help="the stacks that the comment must speak of, for example dev,impl"
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="what `preview --save` wrote")


def run(options: argparse.Namespace) -> int:
    previews = preview.load_all(filter(None, options.expect.split(",")), options.files)
    if not previews:
        raise UsageError("no preview at all: name the FILE of each stack, or with --expect the stacks")
    text = body(previews, seen=github.run_url())
    if options.pull_request is None:
        print(text)
        return YES
    print(put(Api(os.environ), options.pull_request, text))
    return YES


def body(previews: Mapping[str, Preview | None], *, seen: str = "") -> str:
    """The comment. None: that stack has no preview. `seen` is the address of the run that made them."""
    names = sorted(previews, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))
    run = f"[this run]({seen})" if seen else "the run that made this comment"
    versions = {one.version for one in previews.values() if one and one.version and one.changes and not one.gate}
    of = f" ({', '.join(markdown.code(short(version)) for version in sorted(versions))})" if versions else ""
    parts: list[Part] = [MARKER, f"## What a merge would change{of}"]
    parts += _on_top([one for name in names if (one := previews[name]) is not None])
    rows = [(f"**{markdown.escape(name)}**", *_summary(name, previews[name], run)) for name in names]
    parts.append(markdown.table(("stack", "release", "changes"), rows))
    if any(one and one.gate for one in previews.values()):
        parts.append("Before a merge, the gate refuses what the environment before has not proven: that is expected.")
    for name in names:
        one = previews[name]
        if one is not None and not markdown.is_quiet(one):
            parts += markdown.parts_of(one, whole=f"The whole diff is in {run}.", with_top=False)
    parts.append(f"Edited in place{f' by {run}' if seen else ''}; values of environment variables are left out.")
    return markdown.fit(parts, markdown.COMMENT_CHARACTERS)


def put(api: Api, pull_request: int, text: str) -> str:
    """Write the comment, where there is none yet, or edit the one that is there. What was done, and where."""
    for last in (False, True):
        comments = api.paginate(f"issues/{pull_request}/comments", Comment)
        mine = next((one for one in comments if one.is_ours(MARKER)), None)
        if mine is not None:
            answer = api.patch(f"issues/comments/{mine.id}", {"body": text})
            return f"edited {answer.get('html_url', 'the comment')}"
        try:
            answer = api.post(f"issues/{pull_request}/comments", {"body": text})
        except GithubError as error:
            # It may be there all the same: then it is found, and no second one is made.
            if last or not error.ambiguous:
                raise
        else:
            return f"wrote {answer.get('html_url', 'a comment')}"
    raise AssertionError  # the second time returns or raises


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comment(github.Written):
    """A comment, in GitHub's answer."""

    id: int


def _on_top(previews: Sequence[Preview]) -> list[Part]:
    """What no roll back brings back, of all stacks, before anything else."""
    lines = [f"- **{markdown.escape(one.stack)}**: {danger}" for one in previews for danger in markdown.dangers(one)]
    return ["⚠️ **Replaced or deleted**", "\n".join(lines)] if lines else []


def _summary(name: str, seen: Preview | None, run: str) -> tuple[str, str]:
    """What would come to a stack, and what would change in it."""
    if seen is None:
        return "", f"no preview: see {run}"
    gate = "; the gate would refuse it now" if seen.gate else ""
    comes = markdown.escape(seen.headline.removeprefix(f"{name}: "))
    return comes, markdown.escape(markdown.summarize(seen) + gate)

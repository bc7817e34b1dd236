"""Keep one issue, with the label `drift`, about the environments that differ from what was released.

It is opened when one does, edited in place, closed when none does. An environment without a preview, or with one that
failed, opens and closes nothing. Needs GITHUB_TOKEN and GITHUB_REPOSITORY.

Exit status: 0 the issue is as it should be, 1 GitHub does not answer so, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from cli import YES, github, markdown
from cli.errors import UsageError
from cli.events import Preview
from cli.preview import load_all
from cli.text import short

LABEL: Final = "drift"
MARKER: Final = "<!-- release:drift -->"
_SEEN: Final = "Seen first in"
_DESCRIPTION: Final = "What runs is not what was released"
_COLOR: Final = "d93f0b"


Stacks = Mapping[str, Preview | None]
"""By environment, in the order of `--expect`; None where there is no preview."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Issue(github.Written):
    """An issue or a pull request, in GitHub's answer."""

    number: int
    title: str
    html_url: str = ""
    pull_request: Mapping[str, Any] | None = None


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--expect", metavar="NAMES", required=True, help="the environments, with commas between them")
    parser.add_argument("files", nargs="*", metavar="FILE", type=Path, help="what `preview --refresh --save` wrote")


def run(options: argparse.Namespace) -> int:
    names = [name.strip() for name in options.expect.split(",") if name.strip()]
    if not names:
        raise UsageError("--expect names no environment: expected, for example, --expect dev,impl,prod")
    previews = load_all(names, options.files)
    if unexpected := [name for name in previews if name not in names]:
        raise UsageError(f"there is a preview of {', '.join(unexpected)}, and --expect has {', '.join(names)}")
    print("\n".join(lines(previews)), flush=True)
    api = github.Api(os.environ)
    issue = own(api.paginate(f"issues?state=open&labels={LABEL}", Issue))
    done = settle(api, issue, previews, run_url=github.run_url())
    print(done)
    github.summary("\n\n".join(["## Drift", markdown.fence("\n".join(lines(previews))), markdown.escape(done)]))
    return YES


def settle(api: github.Api, issue: Issue | None, stacks: Stacks, *, run_url: str) -> str:
    """Open, edit or close the issue. Returns what was done.

    `run_url` is the address of this run. If no environment has drifted and one is unknown, an issue stays as it is: it
    may still be true. It is edited only if its text would change.
    """
    stays = f"the issue stays as it is: {issue.html_url}" if issue else "no issue is open, and none is opened"
    drifted = [preview for preview in stacks.values() if preview and not preview.failed and preview.changes]
    if not drifted:
        if issue is None or any(preview is None or preview.failed for preview in stacks.values()):
            return stays
        comment = f"{_and(list(stacks))}: as released." + (f"\n\nSeen in {run_url}" if run_url else "")
        api.post(f"issues/{issue.number}/comments", {"body": comment})
        api.patch(f"issues/{issue.number}", {"state": "closed", "state_reason": "completed"})
        return f"closed {issue.html_url}"
    names = [preview.stack for preview in drifted]
    title = f"{_and(names)} {'is' if len(names) == 1 else 'are'} not as released"
    text = body(stacks, drifted, run_url)
    if issue is None:
        _label(api)
        opened = api.post("issues", {"title": title, "body": text, "labels": [LABEL]})
        return f"opened {opened.get('html_url', '')}"
    if (issue.title, _plain(issue.body or "")) == (title, _plain(text)):
        return stays
    api.patch(f"issues/{issue.number}", {"title": title, "body": text})
    return f"edited {issue.html_url}"


def body(stacks: Stacks, drifted: Sequence[Preview], run_url: str) -> str:
    """The issue's text: what differs, what to do, and which environments are unknown."""
    head = [
        MARKER,
        "What is really there is not what was released, or not with its settings. Each is compared with the commit "
        "from which it was last updated: what is merged and not released there is no drift. A release that failed in "
        "the middle, and was not repeated, looks the same.",
        "\n".join(f"- {markdown.escape(line)}" for line in lines(stacks)),
        "**If it is to go**, and for each environment above that differs:",
        markdown.fence("\n".join(map(_bring_back, drifted))),
        "or Actions > *Roll back* with that same version. **If it is to stay**, put it into the settings, and release. "
        "More: docs/roll-back.md.",
    ]
    tail = [f"{_SEEN} {run_url}"] if run_url else []
    whole = "The run's log has all of it."
    previews = [part for preview in drifted for part in markdown.parts_of(preview, whole=whole)]
    return markdown.fit([*head, *tail, *previews], markdown.COMMENT_CHARACTERS)


def lines(stacks: Stacks) -> list[str]:
    return [f"{name}: {_state(preview)}" for name, preview in stacks.items()]


def own(issues: Iterable[Issue]) -> Issue | None:
    """The issue that this verb opened: the oldest open one with the marker. GitHub lists pull requests as issues."""
    opened = (issue for issue in issues if issue.pull_request is None and issue.is_ours(MARKER))
    return min(opened, key=lambda issue: issue.number, default=None)


def _label(api: github.Api) -> None:
    try:
        api.get(f"labels/{LABEL}")
    except github.GithubError as error:
        if error.status != 404:
            raise
        api.post("labels", {"name": LABEL, "color": _COLOR, "description": _DESCRIPTION})


def _state(preview: Preview | None) -> str:
    if preview is None:
        return "not known, there is no preview"
    if preview.failed:
        return "not known, its preview failed"
    if preview.changes:
        return f"not as released: {markdown.summarize(preview)}"
    return f"as released, {short(preview.version)}" if preview.version else "nothing is released there yet"


def _bring_back(preview: Preview) -> str:
    version = f"RELEASE_VERSION={preview.version} " if preview.version else ""
    return f"python -m ci deployed -s {preview.stack} && {version}pulumi up --refresh -s {preview.stack}"


def _plain(text: str) -> list[str]:
    """The lines by which two bodies are compared: without the run's address. GitHub may change ends of lines."""
    return [line.rstrip() for line in text.split("\n") if line.strip() and not line.startswith(_SEEN)]


def _and(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)

"""`python -m ci`: what the workflows run, and a person can run as well. A module per verb."""

from __future__ import annotations

from collections.abc import Sequence

from release import command

VERBS = {
    "preview": "what an update of a stack would change, without values of environment variables",
    "comment": "put previews into the one comment of a pull request",
    "evidence": "what somebody who approves a release should know",
    "approved": "make sure that somebody approved this run",
    "recover": "clear what an interrupted update left, if GitHub says that its run is over",
    "proof": "what a release has proven, or what became of it",
    "rollback": "check out what goes back to a version that ran before",
    "deployed": "check out the commit that is deployed",
    "drift-issue": "keep the one issue that says what was changed behind Pulumi's back",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code."""
    return command.main("ci", "python -m ci", "What the workflows do.", VERBS, arguments)


if __name__ == "__main__":
    command.leave(main())

"""`python -m ci`: what the workflows run, and a person can run as well. A module per verb."""

from __future__ import annotations

from collections.abc import Sequence

from cli import main as command
from cli.main import Verb

VERBS = {
    "preview": Verb("preview", "what an update of a stack would change, without values of environment variables"),
    "comment": Verb("comment", "put previews into the one comment of a pull request"),
    "evidence": Verb("evidence", "what somebody who approves a release should know"),
    "approved": Verb("approved", "make sure that somebody approved this run"),
    "recover": Verb(
        "recover_in_workflow", "clear what an interrupted update left, if GitHub says that its run is over"
    ),
    "proof": Verb("proof", "what a release has proven, or what became of it"),
    "rollback": Verb("rollback", "check out what goes back to a version that ran before"),
    "deployed": Verb("deployed", "check out the commit that is deployed"),
    "drift-issue": Verb("drift_issue", "keep the one issue that says what was changed behind Pulumi's back"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    return command.main("python -m ci", "What the workflows do.", VERBS, arguments)


if __name__ == "__main__":
    command.leave(main())

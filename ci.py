"""`python -m ci`: what the workflows run, and a person can run as well. A module per verb."""

from __future__ import annotations

from collections.abc import Sequence

from cli import main as command
from cli.main import Verb

VERBS = {
    "test": Verb("test", "run the application's own tests: ci/test"),
    "sites": Verb("sites", "hand the built sites from one job to another, in one file"),
    "preview": Verb("preview", "what an update of a stack would change, without values of environment variables"),
    "comment": Verb("comment", "put previews into the one comment of a pull request"),
    "evidence": Verb("evidence", "what a reviewer needs to know before approving a release"),
    "approved": Verb("approved", "fail unless a reviewer approved this run"),
    "recover": Verb(
        "recover_in_workflow", "clear what an interrupted update left, once GitHub says that its run has ended"
    ),
    "proof": Verb("proof", "the proof of a release; or why it failed, what serves, and what to do"),
    "rollback": Verb("rollback", "check out the settings in force, to roll back to a proven version"),
    "deployed": Verb("deployed", "check out the commit whose settings are in force"),
    "drift-issue": Verb("drift_issue", "open, edit or close the one issue about drift"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    return command.main("python -m ci", "The steps of the workflows.", VERBS, arguments)


if __name__ == "__main__":
    command.leave(main())

"""`python -m release`: what a release left behind and what serves, for people and for CI. A module per verb."""

from __future__ import annotations

from collections.abc import Sequence

from cli import main as command
from cli.main import Verb

VERBS = {
    "describe": Verb(
        "describe", "the services and sites of the settings, as they are understood, and what is not checked"
    ),
    "status": Verb("status", "do the record, ECS, the site and the health check agree? if not, what to do"),
    "history": Verb("history", "what was released here when, by whom, what was undone and why; how to go back"),
    "explain": Verb("explain", "would this version be accepted here, why, and what would it change?"),
    "version": Verb("version", "what this working tree would be released as"),
    "build": Verb("build", "build the sites of the settings from this working tree"),
    "verify": Verb("verify", "prove that a version answers at an address"),
    "run": Verb("run", "run a command of the proven version once, in a task of its own"),
    "recover": Verb("recover", "clear what an interrupted release left behind"),
    "hold": Verb("hold", "keep releases away from an environment, or let them through again"),
    "reject": Verb("reject", "reject a version, here and in every later environment"),
    "purge": Verb("purge", "remove published files from every release that is kept, with a record"),
    "site": Verb(
        "",
        "publish a site of S3 and CloudFront alone, without a stack; restore, status, purge",
        {
            "publish": Verb("site.publish", "publish a folder as the site"),
            "restore": Verb("site.restore", "go back to a release that is kept"),
            "status": Verb("site.status", "what the site is, and what can be restored"),
            "purge": Verb("site.purge", "remove files from every release that is kept"),
        },
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    return command.main("python -m release", "What was released, and what serves.", VERBS, arguments)


if __name__ == "__main__":
    command.leave(main())

"""What `make up` shows of an update: what a release says, what was changed, every problem. The rest is in its log.

Without a terminal, Pulumi prints two lines for every resource, several hundred for a first update: what that creates
is only counted. What is no line about a resource is shown as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from release.progress import clean

RESOURCE = re.compile(r" [-+~<>= ]{2,3} ?(?P<resource>\S+:\S+:\S+ \S+) ?(?P<rest>.*)")
"""` +  aws:s3:Bucket site creating (0s) `, `    pulumi:pulumi:Stack reports-dev running 1/9 check: begins`."""
STEP = re.compile(r"(?P<state>[a-z][a-z ]*?) \((?P<took>[\d.hm]+s)\) ?(?P<message>.*)")
DIFF = re.compile(r"\[diff: [^\]]*\](; )?")
BUILD_STEP = re.compile(r"Step \d+/\d+ : ")
STACK = "pulumi:pulumi:Stack "
REPLACED = ("replaced", "created replacement", "deleted original", "discarded")
CHANGED = ("created", "updated", "deleted", "imported", *REPLACED)
ENDS = (*CHANGED, "read", "refreshed")
UNDER_WAY = "running"
DIAGNOSTICS = "Diagnostics:"
PROBLEMS = ("error:", "warning:")
"""Of one, the line about a resource has the beginning only, and the diagnostics have all of it."""
NO_COLOUR = "\x1b[0m"
HEADING = re.compile(r"  \S+ \(\S+\):")


class UpdateLog:
    """Takes Pulumi's lines one by one, and gives those that are to be shown."""

    def __init__(self) -> None:
        self.done = 0
        """Resources that Pulumi has finished with."""
        self.step = ""
        """Of a build that is under way: what it is at."""
        self._said: dict[str, str] = {}
        """By resource: what it said last."""
        self._told: set[str] = set()
        self._block: list[str] = []
        """The part of the diagnostics that is about one resource, as far as it has come."""
        self._in_diagnostics = False
        self._first = False
        """The stack itself is created: everything is."""

    def shown(self, line: str) -> Iterator[str]:
        """What is shown of one more line."""
        line = line.rstrip()
        plain = clean(line)
        if self._in_diagnostics or plain == DIAGNOSTICS:
            yield from self._of_diagnostics(line, plain)
        elif (resource := RESOURCE.fullmatch(plain)) is not None:
            yield from self._of_resource(line, resource["resource"], resource["rest"].strip())
        elif plain:
            # Pulumi ends the colour of a paragraph on a line of its own, which is not shown.
            yield line if "\x1b" not in line or line.endswith(NO_COLOUR) else line + NO_COLOUR

    @property
    def progress(self) -> str:
        """How far it is, for who sees nothing for a while."""
        return f"{self.done} resources done{f', {self.step[:60]}' if self.step else ''}"

    def _of_resource(self, line: str, resource: str, rest: str) -> Iterator[str]:
        step = STEP.fullmatch(rest)
        if step is not None:
            message, state = DIFF.sub("", step["message"]).strip(), step["state"]
        elif rest.startswith(UNDER_WAY):
            message, state = rest.removeprefix(UNDER_WAY).strip(), UNDER_WAY
        else:
            message, state = "", rest
        self.done += state in ENDS
        self._first |= resource.startswith(STACK) and state == "creating"
        self.step = message if BUILD_STEP.match(message) else ""
        if "fail" in state or "error" in state:
            yield line
        elif message:
            if message.startswith(PROBLEMS):
                return
            if message != self._said.get(resource) and not self.step:
                yield f"  {message}"
            self._said[resource] = message
            self._told.add(message)
        elif state in CHANGED and not (self._first and state == "created"):
            yield line

    def _of_diagnostics(self, line: str, plain: str) -> Iterator[str]:
        """Each resource's part is whole, or left out where all of it was shown before."""
        self._in_diagnostics = plain == DIAGNOSTICS or not plain or plain.startswith(" ")
        if plain.startswith("    ") or HEADING.fullmatch(plain):
            self._block.append(line)
            return
        yield from self.rest()
        if plain and plain != DIAGNOSTICS:
            yield line

    def rest(self) -> Iterator[str]:
        if {clean(line).strip() for line in self._block[1:]} - self._told:
            yield from self._block
        self._block.clear()

"""docs/failures.md: what the whole suite came to."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

HEAD = "| case | what goes wrong | verdict | seconds | answered wrongly | served afterwards |"
RATE = 20
"""Visitors' requests per second during a case."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One case."""

    group: str
    name: str
    about: str
    verdict: str
    seconds: float
    served: str
    """What answered afterwards."""
    requests: int = 0
    """Of visitors during the release. 0: there was no load."""
    wrong: int = 0
    """How many of them were not answered rightly."""

    def __str__(self) -> str:
        """Its line of the table."""
        wrong = f"{self.wrong} of {self.requests}" if self.requests else "not counted"
        return f"| {self.name} | {self.about} | {self.verdict} | {self.seconds:.0f} | {wrong} | {self.served} |"


@dataclass
class Page:
    """All rows, in the order in which they ran."""

    rows: list[Row] = field(default_factory=list)
    kills: dict[str, list[tuple[str, float]]] = field(default_factory=lambda: defaultdict(list))
    """By phase: what served when the process was killed, and seconds until the next run had converged."""
    seed: int = 0

    def text(self) -> str:
        """Markdown."""
        lines = [
            "# How failures end",
            "",
            "Written by `make test-faults`: one release of the local environment `dev` per line, with real containers,",
            "and a proxy that spoils calls between the release, or its deploy function, and the emulated AWS.",
            "",
            "**proven**: the release succeeded. **undone**: the version before runs again, and was proven again.",
            "**refused**: a check or the rehearsal found the problem before anything that serves was changed.",
            "**failed**: any other end; the message says what runs, and if the old version serves, nothing that serves",
            "had been changed.",
            "After each case the next good release was proven, and no lease was left.",
            "",
            f"**answered wrongly**: of {RATE} requests a second for the health check, through CDN and load balancer,",
            "from beginning to end of the release. Right is status 200 and `pass` from the version before, or from a",
            "new one whose image works. Anything else is wrong, also no answer.",
        ]
        for group in dict.fromkeys(row.group for row in self.rows):
            lines += ["", f"## {group}", "", HEAD, "| --- | --- | --- | ---: | ---: | --- |"]
            lines += [str(row) for row in self.rows if row.group == group]
        if self.kills:
            lines += ["", "## The releasing process killed", ""]
            points = sum(len(kills) for kills in self.kills.values())
            lines += [
                f"SIGKILL at {points} requests of a release (seed {self.seed}), before they went out or before their",
                "answer arrived. The next run, of the same version or another one, was proven each time: service, site",
                "and record on one version, the lease free.",
                "",
                "| killed in | points | served then | next run proven after (median, longest) |",
                "| --- | ---: | --- | --- |",
            ]
            for phase, kills in self.kills.items():
                seconds = sorted(seconds for _, seconds in kills)
                served = ", ".join(
                    f"{sum(side == name for side, _ in kills)} {name}" for name in ("old", "new", "mixed")
                )
                lines += [
                    f"| {phase} | {len(kills)} | {served} | {seconds[len(seconds) // 2]:.0f} s, {seconds[-1]:.0f} s |"
                ]
        return "\n".join(lines) + "\n"

"""docs/failures.md: what the whole suite came to."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field


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
            "**refused**: a check found the problem before anything was changed. **failed**: any other end; the",
            "message says what runs, and if the old version serves, nothing that serves had been changed.",
            "After each case the next good release was proven, and no lease was left.",
        ]
        for group in dict.fromkeys(row.group for row in self.rows):
            lines += ["", f"## {group}", "", "| case | what goes wrong | verdict | seconds | served afterwards |"]
            lines += ["| --- | --- | --- | ---: | --- |"]
            lines += [
                f"| {row.name} | {row.about} | {row.verdict} | {row.seconds:.0f} | {row.served} |"
                for row in self.rows
                if row.group == group
            ]
        if self.kills:
            lines += ["", "## The releasing process killed", ""]
            points = sum(len(found) for found in self.kills.values())
            lines += [
                f"SIGKILL at {points} requests of a release (seed {self.seed}), before they went out or before their",
                "answer arrived. The next run, of the same version or another one, was proven each time: service, site",
                "and record on one version, the lease free.",
                "",
                "| killed in | points | served then | next run proven after (median, longest) |",
                "| --- | ---: | --- | --- |",
            ]
            for phase, found in self.kills.items():
                seconds = sorted(each for _, each in found)
                served = ", ".join(
                    f"{[one for one, _ in found].count(name)} {name}" for name in ("old", "new", "mixed")
                )
                lines += [
                    f"| {phase} | {len(found)} | {served} | {seconds[len(seconds) // 2]:.0f} s, {seconds[-1]:.0f} s |"
                ]
        return "\n".join(lines) + "\n"

"""What became of an earlier attempt to release a version."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from cli import history
from cli.environment import Environment
from cli.text import when
from release import failure_report, lease, records
from release.strict_json import camel

ATTEMPTS: Final = 20
"""So many of the newest attempts are looked at."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Earlier:
    """An attempt that did not prove the version."""

    started_at: str
    state: str
    """undone, refused, failed, interrupted or under way."""
    phase: str | None
    """The one that failed; None where none did, as when the process died."""
    why: str
    """Empty where it has not ended."""

    def __str__(self) -> str:
        phase = f" in {self.phase}" if self.phase else ""
        return f"{self.state} {when(self.started_at)}{phase}" + (f": {self.why}" if self.why else "")


def read(here: Environment, version: str) -> Earlier | None:
    """The last attempt to release the version; None if there was none, or it was proven.

    Raises some of `errors.EXPECTED`.
    """
    if here.request is None:
        return None
    s3, bucket = here.clients.s3, here.request.site.records_bucket
    last = next(
        (attempt for attempt in records.list_attempts(s3, bucket, ATTEMPTS) if attempt.version == version), None
    )
    if last is None or last.outcome == "proven":
        return None
    return Earlier(
        started_at=last.started_at,
        state=history.state(last, lease.look(s3, bucket)),
        phase=next((phase.name for phase in last.phases if phase.outcome == "failed"), None),
        why=failure_report.why(last.message),
    )


def as_json(earlier: Earlier) -> dict[str, Any]:
    """The attempt for machines: docs/json.md."""
    return {camel(key): value for key, value in dataclasses.asdict(earlier).items()}

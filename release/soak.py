"""How long a version ran in the environment before, where `soakMinutes` demands it. Pure."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from release.records import Release
from release.version import short

if TYPE_CHECKING:
    from release.promotion import Request


@dataclasses.dataclass(frozen=True, kw_only=True)
class Soak:
    minutes: int
    """So long a version has to have run in the environment before."""
    now: datetime


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ran:
    """When a version ran in an environment, as far as the proofs there say it."""

    since: datetime
    until: datetime | None
    """When another version took its place; None: it runs."""

    def minutes(self, now: datetime) -> int:
        return max(0, int(((self.until or now) - self.since).total_seconds() // 60))


def ran(release: Release, version: str) -> Ran:
    """When a version of the record ran last, without a break. Time of which the record is not sure does not count.

    Of each version the record has the first proof and the last one. Raises LookupError for a version without a proof.
    """
    proof = release.find(version)
    if proof is None:
        raise LookupError(f"{version} is in no proof")
    first, last = _time(proof.first), _time(proof.verified_at)
    others = [
        (_time(one.first), _time(one.verified_at)) for one in (release, *release.previous) if one.version != version
    ]
    # Another one may have run in between where it was proven before the first proof and after the last one, too.
    broken = any(first < time < last for times in others for time in times) or any(
        its_first < first < last < its_last for its_first, its_last in others
    )
    # One that came back was proven after this one at a time that its last proof has replaced.
    ended = [max(its_first, last) for its_first, its_last in others if its_last > last]
    until = min(ended, default=None if release.version == version else last)
    return Ran(since=last if broken else first, until=until)


def refusal(
    request: Request, soak: Soak | None, *, upstream_name: str, upstream: Release | None, here: Release | None
) -> str | None:
    """Why a version may not run yet; None where it may: it ran long enough, or here before, or there is a reason."""
    ran_here = here is not None and here.find(request.version) is not None
    if soak is None or upstream is None or ran_here or request.reason:
        return None
    there = ran(upstream, request.version)
    if there.minutes(soak.now) >= soak.minutes:
        return None
    compared = f"  compared   proven in {upstream_name} {there.since:%Y-%m-%d %H:%M} UTC"
    if there.until is None:
        runs, left = "runs", there.since + timedelta(minutes=soak.minutes) - soak.now
        rest = (
            f"\n  left       {-(-left // timedelta(minutes=1))} min, until {soak.now + left:%Y-%m-%d %H:%M} UTC"
            f"\n  to release it then:  {request.command}"
        )
    else:
        runs, again = "ran", dataclasses.replace(request, environment=upstream_name, explicit=True)
        rest = (
            f", replaced {there.until:%H:%M} UTC; {short(upstream.version)} runs there now"
            f"\n  to prove it there again:  {again.command}"
        )
    return (
        f"{request.refused}: it {runs} in {upstream_name} for {there.minutes(soak.now)} min, and soakMinutes demands "
        f"{soak.minutes}.\n{compared}{rest}\n  to run it all the same:  RELEASE_REASON='why' {request.command}"
    )


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)

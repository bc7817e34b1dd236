"""What a release was, and which version is gone back to after it. Pure; docs/roll-back.md has the rule in words.

A roll back brings back an older version that somebody asked for. The record marks each version that it goes back from.
The mark ends when that version is proven again. A marked version is never proposed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, get_args

from release import escaping
from release.records import GoneBack, Proven, Release
from release.version import short

Kind = Literal["release", "promotion", "roll back", "restart", "again"]
"""What an attempt is. `again`: the version that runs, with other settings, or only to prove it again."""
KINDS: Final[tuple[str, ...]] = get_args(Kind)

IsAncestor = Callable[[str, str], bool]
"""Whether the first commit is part of the history of the second. False also where Git does not know."""


def no_git(_older: str, _newer: str) -> bool:
    """Nothing is known to be an ancestor."""
    return False


def kind(
    version: str,
    *,
    here: Release | None,
    asked: bool,
    promoted: bool = False,
    restart: bool = False,
    is_ancestor: IsAncestor = no_git,
) -> Kind:
    """What a release of `version` is in the environment whose record is `here`.

    `asked`: the version was named, or the gate was overridden with a reason. `promoted`: image and files come from the
    environment before.
    """
    if here is not None and version == here.version:
        return "restart" if restart else "again"
    if here is not None and asked:
        # What was given up for the version that runs is older only where Git says so.
        given_up = mark(here, version)
        order = () if given_up and given_up.to == here.version else _Proofs(here).order
        if _is_newer(here.version, version, order, is_ancestor):
            return "roll back"
    return "promotion" if promoted else "release"


def recorded(
    before: Release | None,
    proven: Proven,
    *,
    keep: int,
    attempt: str = "",
    who: str = "",
    is_ancestor: IsAncestor = no_git,
) -> Release:
    """The record after `proven`: the newest proof of each version.

    A roll back marks what ran and every version that is newer than its own. `keep` versions to go back to stay, and as
    many marked ones, so that bad versions do not push out the good ones.
    """
    if before is None:
        return _release(proven, ())
    proofs = _Proofs(before)
    earlier = proofs.newest.get(proven.version)
    others = [one for one in proofs.newest.values() if one.version != proven.version]
    if proven.kind == "roll back":
        mark = GoneBack(at=proven.verified_at, to=proven.version, attempt=attempt, who=who, reason=proven.reason)
        others = [
            dataclasses.replace(one, gone_back=mark)
            if one.gone_back is None
            and (one.version == before.version or _is_newer(one.version, proven.version, proofs.order, is_ancestor))
            else one
            for one in others
        ]
    good = [one for one in others if one.gone_back is None][:keep]
    marked = [one for one in others if one.gone_back is not None][:keep]
    proven = dataclasses.replace(proven, first_verified_at=earlier.first if earlier else None)
    return _release(proven, tuple(one for one in others if one in good or one in marked))


def candidates(release: Release) -> tuple[Proven, ...]:
    """The versions that can be gone back to, without the one that runs; the last proven first."""
    return tuple(one for one in _Proofs(release).others if one.gone_back is None)


def gone_back_from(release: Release) -> tuple[Proven, ...]:
    """The versions that were gone back from and not proven again since; each has its mark."""
    return tuple(one for one in _Proofs(release).others if one.gone_back is not None)


def target(release: Release | None, version: str) -> Proven | None:
    """The version that is to run if `version`, which runs or is being released, is given up; None: there is none."""
    if release is None:
        return None
    return release if release.version != version else next(iter(candidates(release)), None)


def mark(release: Release | None, version: str) -> GoneBack | None:
    """How `version` was gone back from; None where it was not, or was proven again since."""
    proof = _Proofs(release).newest.get(version) if release else None
    return proof.gone_back if proof else None


@dataclasses.dataclass(frozen=True, kw_only=True)
class RolledBack:
    """A version that is about to come was rolled back, or contains one that was."""

    environment: str
    version: str
    """What was rolled back."""
    mark: GoneBack
    contained: bool = False
    """The version that is about to come is another one, and has this one in its history."""

    def __str__(self) -> str:
        contained = ", which this version contains," if self.contained else ""
        return f"{self.environment}: {short(self.version)}{contained} was {describe(self.mark)}"


def rolled_back(
    version: str, environments: Mapping[str, Release | None], is_ancestor: IsAncestor = no_git
) -> tuple[RolledBack, ...]:
    """What to know before `version` comes to the first of `environments`, which have their names as keys.

    The others are asked for the version itself. The first is also asked for versions that come again with it: what was
    reverted since is contained, too, as Git cannot tell.
    """
    rolled = [
        RolledBack(environment=name, version=version, mark=its)
        for name, release in environments.items()
        if (its := mark(release, version)) is not None
    ]
    name, here = next(iter(environments.items()))
    for one in gone_back_from(here) if here else ():
        comes = is_ancestor(one.version, version) and not is_ancestor(one.version, here.version if here else "")
        if one.gone_back and comes:
            rolled.append(RolledBack(environment=name, version=one.version, mark=one.gone_back, contained=True))
    return tuple(rolled)


def describe(mark: GoneBack) -> str:
    """The roll back for people: when, by whom, why."""
    rolled_back = f"rolled back {mark.at.replace('T', ' ').replace('Z', ' UTC')} to {short(mark.to)}"
    if mark.attempt is None:
        return f"{rolled_back} (inferred from the order of proofs, which is all that an earlier program recorded)"
    return f"{rolled_back} by {mark.who}: {escaping.line(mark.reason or 'no reason was given')}"


class _Proofs:
    """The newest proof of each version in a record, and the order in which versions were first proven.

    An earlier program kept every proof in order, and no kinds. There, a version that came again after a newer one ran
    counts as gone back to. Whether somebody asked for it is not known: such a mark names no attempt.
    """

    def __init__(self, release: Release) -> None:
        oldest_first = [*reversed(release.previous), Proven(**_fields(release))]
        first: dict[str, str] = {}
        for one in oldest_first:
            first.setdefault(one.version, one.first)
        # Equal times keep the order of the record.
        self.order: Sequence[str] = sorted(first, key=lambda version: first[version])
        proofs: dict[str, Proven] = {}
        for one in oldest_first:
            came_again = proofs.pop(one.version, None) is not None
            if one.kind is None and came_again:
                inferred = GoneBack(at=one.verified_at, to=one.version)
                for version, other in proofs.items():
                    if other.gone_back is None and _is_newer(version, one.version, self.order, no_git):
                        proofs[version] = dataclasses.replace(other, gone_back=inferred)
            proofs[one.version] = dataclasses.replace(one, first_verified_at=first[one.version])
        self.newest = dict(reversed(proofs.items()))
        self.others = tuple(one for one in self.newest.values() if one.version != release.version)


def _is_newer(version: str, than: str, order: Sequence[str], is_ancestor: IsAncestor) -> bool:
    """By Git; where it knows no order (another branch, a shallow clone), by which was proven here first."""
    if is_ancestor(than, version):
        return True
    if is_ancestor(version, than) or than not in order or version not in order:
        return False
    return order.index(than) < order.index(version)


def _release(proven: Proven, previous: tuple[Proven, ...]) -> Release:
    return Release(**_fields(proven), previous=previous)


def _fields(proven: Proven) -> dict[str, Any]:
    return {field.name: getattr(proven, field.name) for field in dataclasses.fields(Proven)}

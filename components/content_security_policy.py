"""A Content-Security-Policy that two versions of a page can both live under."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

# "Content Security Policy Level 3" (W3C), 6.8.3 "Get fetch directive fallback list". A directive of another kind that
# is not there limits nothing.
_FALLBACKS: Mapping[str, Sequence[str]] = {
    "script-src-elem": ("script-src", "default-src"),
    "script-src-attr": ("script-src", "default-src"),
    "style-src-elem": ("style-src", "default-src"),
    "style-src-attr": ("style-src", "default-src"),
    "worker-src": ("child-src", "script-src", "default-src"),
    "frame-src": ("child-src", "default-src"),
    **dict.fromkeys(
        (
            *("child-src", "connect-src", "font-src", "img-src", "manifest-src"),
            *("media-src", "object-src", "script-src", "style-src"),
        ),
        ("default-src",),
    ),
}
# Where these stand, 'unsafe-inline' and names of hosts do not count (6.7.3.2 and 8.2 of the same): no union exists.
_EXCLUSIVE = ("'nonce-", "'sha256-", "'sha384-", "'sha512-", "'strict-dynamic'")
_REPORTING = ("report-to", "report-uri")


def union(running: str, coming: str) -> str:
    """A policy that allows what either allows; reports go where `coming` says.

    `coming` where both are the same, and where no such policy can be written: one allows scripts by nonce or hash, the
    other does not.
    """
    ours, theirs = _parse(running), _parse(coming)
    if ours == theirs:
        return coming
    merged: dict[str, Sequence[str]] = {}
    named = dict.fromkeys([*theirs, *ours])
    if "child-src" in named:
        # Of two directives that a worker falls back to, one may be in one policy, and one in the other.
        named["worker-src"] = None
    for directive in named:
        if directive in _REPORTING:
            sources: Sequence[str] | None = theirs.get(directive)
        else:
            old, new = _effective(ours, directive), _effective(theirs, directive)
            if old is None or new is None:
                continue
            if _exclusive(old) != _exclusive(new):
                return coming
            sources = _merged(new, old)
        if sources is not None:
            merged[directive] = sources
    return "; ".join(" ".join((directive, *sources)) for directive, sources in merged.items())


def _parse(policy: str) -> dict[str, tuple[str, ...]]:
    directives: dict[str, tuple[str, ...]] = {}
    for part in policy.split(";"):
        name, *sources = part.split() or [""]
        if name:
            # The first of two directives of one name counts: 2.2.1 of the same.
            directives.setdefault(name.lower(), tuple(sources))
    return directives


def _effective(policy: Mapping[str, tuple[str, ...]], directive: str) -> tuple[str, ...] | None:
    """The sources that count for `directive`; None where the policy does not limit it."""
    names = (directive, *_FALLBACKS.get(directive, ()))
    return next((policy[name] for name in names if name in policy), None)


def _exclusive(sources: Sequence[str]) -> set[str]:
    return {prefix for prefix in _EXCLUSIVE for source in sources if source.lower().startswith(prefix)}


def _merged(first: Sequence[str], second: Sequence[str]) -> Sequence[str]:
    every = [source for source in dict.fromkeys([*first, *second]) if source.lower() != "'none'"]
    return every or first

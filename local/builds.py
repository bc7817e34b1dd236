"""What builds leave in the Docker engine, and its removal. Both exclude each other: clones may share one engine."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any

from local.layout import Layout, read_json
from local.lock import alone_in, change_json

LOCKED = "/tmp"  # noqa: S108 - the folder itself is locked, and nothing is written: it is there for every clone
PATIENCE_S = 30.0
_POLL_S = 0.2
NOTE = "builds.json"
"""What this clone's builds have left: ids of images, of which some have no name, and of records of the cache."""


def under_way() -> AbstractContextManager[bool]:
    """Nothing is removed meanwhile. Other builds go on."""
    return alone_in(LOCKED, shared=True)


def none() -> AbstractContextManager[bool]:
    """No clone builds meanwhile. False where one still does after half a minute."""
    return alone_in(LOCKED, patience_s=PATIENCE_S)


def left(layout: Layout) -> dict[str, list[str]]:
    note = read_json(layout.local / NOTE)
    return {kind: list(note.get(kind) or []) for kind in ("images", "cache")}


def remember(layout: Layout, *, images: Iterable[str], cache: Iterable[str]) -> None:
    built = {"images": set(images), "cache": set(cache)}

    def with_built(note: dict[str, Any]) -> dict[str, Any]:
        return {kind: sorted({*(note.get(kind) or []), *ids}) for kind, ids in built.items()}

    change_json(layout.local / NOTE, with_built)


def cached(client: Any) -> set[str]:
    """The records of BuildKit's cache. Docker measures for one caller at a time, and refuses the others meanwhile."""
    import docker.errors  # noqa: PLC0415 - `down` imports this module where the package may be gone

    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return {str(record["ID"]) for record in client.df().get("BuildCache") or []}
        except docker.errors.APIError as error:
            if "a disk usage operation is already running" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(_POLL_S)


def forget_cache(client: Any, ids: Iterable[str]) -> None:
    """Remove records of BuildKit's cache. One that something else uses stays, and a parent as long as its children."""
    before, rest = None, cached(client).intersection(ids)
    while rest != before:
        for one in rest:
            client.api.prune_builds(filters={"id": one}, all=True)
        before, rest = rest, cached(client).intersection(ids)

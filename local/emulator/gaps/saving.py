"""Gap: what the emulator knows is written to disk only when it ends in order.

After a crash or a power cut it would have forgotten everything that Pulumi remembers. Here it writes shortly after
each change, too.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from ministack import app
from ministack.core import persistence

from local.emulator.gaps import around

QUIET_S = 1.0
"""Write when nothing has been changed for this long,"""
LATEST_S = 5.0
"""or after this long in any case."""
_POLL_S = 0.25


class _Changes:
    first: float | None = None
    last = 0.0

    def note(self) -> None:
        self.last = time.monotonic()
        self.first = self.first or self.last

    def due(self) -> bool:
        now = time.monotonic()
        return self.first is not None and (now - self.last >= QUIET_S or now - self.first >= LATEST_S)


_changes = _Changes()
_tasks: set[asyncio.Task[None]] = set()


@around(app, "app")
async def application(serve: Any, scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan" and persistence.PERSIST_STATE:
        # A task that nobody holds may be collected.
        _tasks.add(asyncio.get_running_loop().create_task(_save_changes()))
    await serve(scope, receive, send)
    if scope["type"] == "http" and scope["method"] not in {"GET", "HEAD", "OPTIONS"}:
        _changes.note()


async def _save_changes() -> None:
    while True:
        await asyncio.sleep(_POLL_S)
        if _changes.due():
            _changes.first = None
            await asyncio.to_thread(persistence.save_all, app._build_persistence_save_dict())

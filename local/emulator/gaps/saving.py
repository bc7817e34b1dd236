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


def close() -> None:
    app.app = _noting(app.app)


def _noting(serve: Any) -> Any:
    changes = _Changes()
    tasks: set[asyncio.Task[None]] = set()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan" and persistence.PERSIST_STATE:
            task = asyncio.get_running_loop().create_task(_save_after(changes))
            tasks.add(task)  # a task that nobody holds may be collected
        await serve(scope, receive, send)
        if scope["type"] == "http" and scope["method"] not in {"GET", "HEAD", "OPTIONS"}:
            changes.note()

    return application


async def _save_after(changes: _Changes) -> None:
    while True:
        await asyncio.sleep(_POLL_S)
        if changes.due():
            changes.first = None
            await asyncio.to_thread(persistence.save_all, app._build_persistence_save_dict())

"""A release ends with the Pulumi engine that runs it: nobody would watch it, and nothing would record its end."""

from __future__ import annotations

import functools
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from release import lease

INTERVAL_S: Final = 0.5
"""Seconds between looks: with `lease.ABANDON_S`, this process is gone within two seconds of its engine."""


@functools.cache
def end_with_the_engine(address: str | None) -> None:
    """From now on, end this process when the engine at `address` (`host:port`) is gone, or tells it to end.

    Leases are given back first. What the release had changed is taken up by the next one. Without an address nobody
    started this process, and nothing is watched.
    """
    if address is None:
        return
    host, _, port = address.rpartition(":")
    pool = ThreadPoolExecutor(max_workers=1)

    def watch() -> None:
        while _runs(host, int(port)) and not _told_to_end(pool):
            time.sleep(INTERVAL_S)
        lease.abandon_all()
        os._exit(1)

    threading.Thread(target=watch, name="engine-watch", daemon=True).start()


def _runs(host: str, port: int) -> bool:
    """Whether the engine listens. One that is too busy to answer is there."""
    try:
        socket.create_connection((host, port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    except OSError:
        return True
    return True


def _told_to_end(pool: ThreadPoolExecutor) -> bool:
    """Whether this process had a SIGINT, which the engine sends when it terminates at once.

    Pulumi's plugin then leaves its main thread, and Python waits for those that work, this release among them, until
    the engine kills it after five seconds. Meanwhile no pool takes new work, which is how one sees it from a thread.
    """
    try:
        pool.submit(int)
    except RuntimeError:
        return True
    return False

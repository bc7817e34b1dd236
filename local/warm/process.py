"""`python -m local.warm.process ROLE FD ENGINE`: import what the role needs, and fork for who connects."""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import json
import os
import select
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from local.warm import modules

INTERVAL_S = 0.2
"""Seconds between looks whether the engine still runs."""


def _program() -> Iterator[Callable[[], object]]:
    yield lambda: importlib.import_module("local.language_host")
    for name in modules.remembered():
        yield functools.partial(_load, name)


def _load(name: str) -> None:
    getattr(importlib.import_module(name), "anything", None)  # a lazy module is loaded by what is asked of it


def _plugins() -> Iterator[Callable[[], object]]:
    yield lambda: importlib.import_module("local.aws.__main__")
    yield lambda: importlib.import_module("local.docker.__main__")
    yield from importlib.import_module("local.aws.table").preparations()


ROLES = {"program": _program, "plugins": _plugins}


def serve(role: str, listener: socket.socket, engine: int) -> None:
    """Prepare, then fork for who asks, until the engine is gone. Who asks early waits: to import takes as long."""
    gc.disable()  # imports make nothing that could be collected, and much that would be looked at
    # What fails here fails again, and is told, in the process that needs it.
    with contextlib.suppress(Exception):
        for step in ROLES[role]():
            with contextlib.suppress(Exception):
                step()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # so that no ended child stays as a zombie
    while os.getppid() == engine:
        asking, _, _ = select.select([listener], [], [], INTERVAL_S)
        if asking:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _become(connection)
            connection.close()


def _become(connection: socket.socket) -> None:
    """Be the process that the other end of the connection stands for."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    if struct.unpack("3i", credentials)[1] != os.getuid():
        os._exit(1)
    what = _received(connection)
    os.chdir(what["folder"])
    os.environ.clear()
    os.environ.update(what["environment"])
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.enable()
    threading.Thread(target=_end_with, args=(connection,), daemon=True).start()
    code = 0
    try:
        sys.argv = [what["module"], *what["arguments"]]
        importlib.import_module(what["module"]).main()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    connection.send(bytes([code]))
    os._exit(code)


def _received(connection: socket.socket) -> dict[str, Any]:
    size, descriptors, _, _ = socket.recv_fds(connection, 4, 3)
    for target, descriptor in enumerate(descriptors):
        os.dup2(descriptor, target)
        os.close(descriptor)
    with connection.makefile("rb") as file:
        received: dict[str, Any] = json.loads(file.read(int.from_bytes(size, "big")))
    return received


def _end_with(connection: socket.socket) -> None:
    connection.recv(1)
    os._exit(0)


if __name__ == "__main__":
    serve(sys.argv[1], socket.socket(fileno=int(sys.argv[2])), int(sys.argv[3]))

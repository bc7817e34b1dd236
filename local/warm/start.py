"""What the engine starts: `start.py ROLE MODULE [ARGUMENT...]`. Standard library only, for speed.

It ends with the process that was forked for it, and that one with it.
"""

import contextlib
import json
import os
import signal
import socket
import struct
import sys
from pathlib import Path


def main() -> None:
    """Have the module forked, or become it."""
    role, module, *arguments = sys.argv[1:]
    connection = _connection(role)
    if connection is None:
        os.execv(sys.executable, [sys.executable, "-u", "-m", module, *arguments])  # noqa: S606 - no shell wanted
    what = {"module": module, "arguments": arguments, "folder": str(Path.cwd()), "environment": dict(os.environ)}
    text = json.dumps(what).encode("utf-8", "surrogateescape")
    socket.send_fds(connection, [len(text).to_bytes(4, "big")], [0, 1, 2])
    connection.sendall(text)
    ended_by_signal = False

    def end(*_: object) -> None:
        nonlocal ended_by_signal
        ended_by_signal = True
        connection.shutdown(socket.SHUT_WR)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    code = connection.recv(1)  # none from a process that was killed
    sys.exit(code[0] if code else not ended_by_signal)


def _connection(role: str) -> socket.socket | None:
    name = os.environ.get("LOCAL_WARM")
    if not name:
        return None
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with contextlib.suppress(OSError):
        connection.connect(f"\0{name}-{role}")
        peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        if struct.unpack("3i", peer)[1] == os.getuid():  # a name that nobody has is free for everybody on the machine
            return connection
    connection.close()
    return None


main()

"""`python -m local.aws [engine address]`: prints a port and serves the engine there until it goes away."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent import futures
from types import FrameType

import grpc
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
from pulumi.runtime.proto import provider_pb2_grpc

from .provider import AwsProvider
from .servicer import Servicer

PARALLEL = 64
WATCH_INTERVAL_S = 0.5


def end_with_parent() -> None:
    """End when the engine does, even if it was killed: else a change would go on that nobody watches.

    Linux can signal a parent's death by itself, but means the thread that started the child, and those come and go.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_INTERVAL_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def leave(_number: int, _frame: FrameType | None) -> None:
    """End at once and quietly; the engine tells of the interruption."""
    os._exit(0)


def main() -> None:
    """Serve one engine."""
    end_with_parent()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, leave)
    server = grpc.server(futures.ThreadPoolExecutor(PARALLEL), options=_GRPC_CHANNEL_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Servicer(AwsProvider()), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()

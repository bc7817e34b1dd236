"""A provider's process: it serves Pulumi's engine until that says goodbye or is gone."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable
from concurrent import futures
from typing import Any, Final

import grpc
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
from pulumi.runtime.proto import provider_pb2_grpc

from release import processes

PARALLEL: Final = 64
"""Calls at once; the engine makes as many as the graph allows."""


def serve(servicer: Any, last: Callable[[], object] = lambda: None) -> None:
    """Be a provider: print a port and answer the engine there, until it says goodbye (SIGINT) or is gone.

    Then this process ends at once, after `last`, whatever it was doing.
    """

    def leave(*_: object) -> None:
        last()
        os._exit(0)

    processes.end_with_parent(last)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, leave)
    # What the protocol has and a provider has not is no error that people must see.
    logging.getLogger("grpc").setLevel(logging.CRITICAL)
    server = grpc.server(futures.ThreadPoolExecutor(PARALLEL), options=_GRPC_CHANNEL_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()

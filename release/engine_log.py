"""Lines of a provider in the log of Pulumi's engine, beside the resource that they are about."""

from __future__ import annotations

import functools
import sys
from typing import Any

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

from release import progress


class EngineLog:
    """A `Say` that tells the engine that started this process, or standard error where there is none."""

    def __init__(self, urn: str = "") -> None:
        """`urn`: the resource that the lines are about; without one, Pulumi shows them at the stack."""
        self.urn = urn

    def __call__(self, line: str) -> None:
        """Say what is kept: Pulumi repeats it among its diagnostics."""
        self._log(line, ephemeral=False)

    def passing(self, line: str) -> None:
        self._log(line, ephemeral=True)

    def _log(self, line: str, *, ephemeral: bool) -> None:
        line, engine = progress.clean(line), _engine()
        if engine is not None:
            request = engine_pb2.LogRequest(severity=engine_pb2.INFO, message=line, urn=self.urn, ephemeral=ephemeral)
            try:
                engine.Log(request)
            except grpc.RpcError:
                pass  # The engine is gone: what is being undone must not fail over a line.
            else:
                return
        print(line, file=sys.stderr, flush=True)


def engine_address() -> str | None:
    """host:port of the engine, which starts a provider with it as the last argument."""
    return sys.argv[-1] if len(sys.argv) > 1 and ":" in sys.argv[-1] else None


@functools.cache
def _engine() -> Any:
    address = engine_address()
    return engine_pb2_grpc.EngineStub(grpc.insecure_channel(address)) if address else None

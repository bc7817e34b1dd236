"""What our Pulumi plugins share: serving the engine, plain values, one-line errors.

A plugin is a `pulumi.provider.experimental` Provider whose methods may block (see `in_thread`). It refuses secrets in
`configure` (`accept_secrets=False`): the engine then hands over plain values and marks the same properties secret
again in what comes back.
"""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import sys
import traceback
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar, cast

import grpc
import grpc.aio
from pulumi.provider.experimental.property_value import PropertyValue
from pulumi.provider.experimental.provider import Provider
from pulumi.provider.experimental.server import ProviderServicer
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc, status_pb2

from release import watch
from release.engine_log import engine_address

P = ParamSpec("P")
R = TypeVar("R")

WORKERS = 32
"""Operations that may be under way at once; Pulumi starts as many as the graph allows."""

_UNKNOWN_ON_WIRE = rpc.UNKNOWN
_MESSAGE_SIZE = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class PluginError(Exception):
    """What the user reads, as it is: what happened, what was expected, what to do."""


class CreatedPartlyError(PluginError):
    """The resource exists, but could not be completed: the engine keeps it and updates it the next time."""

    def __init__(self, resource_id: str, properties: Mapping[str, Any], reason: str) -> None:
        super().__init__(reason)
        self.resource_id = resource_id
        self.properties = dict(properties)


class _Unknown:
    """A value that is not known before something else was created (only in previews)."""

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __deepcopy__(self, _memo: Any) -> _Unknown:
        return self


UNKNOWN = _Unknown()


def plain(value: PropertyValue | Mapping[str, PropertyValue] | None) -> Any:
    """As ordinary Python: whole numbers as int, UNKNOWN for what is not known yet, assets and archives as they are."""
    content = value.value if isinstance(value, PropertyValue) else value
    if isinstance(content, Mapping):
        return {key: plain(item) for key, item in content.items()}
    if isinstance(content, tuple | list):
        return [plain(item) for item in content]
    if content == _UNKNOWN_ON_WIRE:
        return UNKNOWN
    if isinstance(content, float) and content.is_integer():
        return int(content)
    return content


def wire(value: Any) -> PropertyValue:
    """The reverse of `plain`."""
    if isinstance(value, PropertyValue):
        return value
    if isinstance(value, _Unknown):
        return PropertyValue(_UNKNOWN_ON_WIRE)  # the framework's own Computed cannot be sent
    if isinstance(value, Mapping):
        return PropertyValue(wires(value))
    if isinstance(value, list | tuple | set | frozenset):
        return PropertyValue([wire(item) for item in value])
    if isinstance(value, int) and not isinstance(value, bool):
        return PropertyValue(float(value))
    return PropertyValue(value)


def wires(values: Mapping[str, Any]) -> dict[str, PropertyValue]:
    """A resource's properties for the engine; those that are None are left out."""
    return {key: wire(item) for key, item in values.items() if item is not None}


def has_unknown(value: Any) -> bool:
    """Whether any part of a plain value is not known yet."""
    if isinstance(value, Mapping):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(has_unknown(item) for item in value)
    return isinstance(value, _Unknown)


def in_thread(method: Callable[P, R]) -> Callable[P, Coroutine[Any, Any, R]]:
    """Make a blocking method what the framework expects, so that one slow call does not hold up the others."""

    @functools.wraps(method)
    async def run(*args: P.args, **kwargs: P.kwargs) -> R:
        return await asyncio.to_thread(method, *args, **kwargs)

    return run


_old_inputs: ContextVar[Any] = ContextVar("old_inputs", default=None)


def old_inputs() -> dict[str, Any]:
    """The inputs that the resource has now, in `diff`, `update` and `delete`: the framework does not hand them on."""
    sent = _old_inputs.get()
    return dict(plain(PropertyValue.unmarshal_map(sent))) if sent is not None else {}


def serve(provider: Provider, name: str, version: str) -> None:
    """Be the plugin `name`: announce a port on stdout and answer the engine until it ends or goes away."""
    signal.signal(signal.SIGINT, _leave)  # the engine says goodbye with SIGINT and waits for the process
    signal.signal(signal.SIGTERM, _leave)
    address = engine_address()
    if address is None:
        sys.exit(f"pulumi-resource-{name} is started by pulumi, with the engine's address as its argument")
    watch.end_with_parent()
    asyncio.run(_serve(provider, version, address))


async def _serve(provider: Provider, version: str, address: str) -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(WORKERS))
    server = grpc.aio.server(options=_MESSAGE_SIZE)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(_Servicer([], version, provider, address), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await server.wait_for_termination()


def _leave(*_: Any) -> None:
    os._exit(0)


def _one_line_errors(method: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Coroutine[Any, Any, Any]]:
    """Without it gRPC shows the class of an exception and logs its traceback; the user needs its message."""

    @functools.wraps(method)
    async def run(self: Any, request: Any, context: Any) -> Any:
        _old_inputs.set(getattr(request, "old_inputs", None))
        try:
            return await method(self, request, context)
        except CreatedPartlyError as error:
            code, message, details = grpc.StatusCode.UNKNOWN, str(error), _partial(error, request)
        except PluginError as error:
            code, message, details = grpc.StatusCode.UNKNOWN, str(error), None
        except NotImplementedError as error:
            code, message, details = grpc.StatusCode.UNIMPLEMENTED, str(error), None
        except Exception as error:  # a fault of the plugin itself: the engine must get an answer all the same
            traceback.print_exc()
            code, message, details = grpc.StatusCode.INTERNAL, f"{type(error).__name__}: {error}", None
        if details is not None:
            context.set_trailing_metadata((("grpc-status-details-bin", details),))
        return await context.abort(code, message)

    return run


def _partial(error: CreatedPartlyError, request: Any) -> bytes:
    inputs = request.properties if isinstance(request, provider_pb2.CreateRequest) else request.news
    detail = provider_pb2.ErrorResourceInitFailed(
        id=error.resource_id,
        properties=PropertyValue.marshal_map(wires(error.properties)),
        reasons=[str(error)],
        inputs=inputs,
    )
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(error))
    status.details.add().Pack(detail)
    return cast(bytes, status.SerializeToString())


class _Servicer(ProviderServicer):
    """The framework's servicer with readable errors."""


_VERBS = ("CheckConfig", "DiffConfig", "Configure", "Check", "Diff", "Create", "Update", "Delete", "Read", "Invoke")
for _verb in _VERBS:
    setattr(_Servicer, _verb, _one_line_errors(getattr(ProviderServicer, _verb)))

"""The provider of the Release resource, as Pulumi's engine talks to it: a process of its own (release/bin).

The engine sends values and no code, opens secrets before it sends them, and marks what comes back as it was.
"""

# The methods have the names that the protocol gives them, and its documentation.
# ruff: noqa: N802

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable
from functools import wraps
from typing import Any

import grpc
from botocore.exceptions import BotoCoreError, ClientError
from google.protobuf import empty_pb2, json_format, struct_pb2  # type: ignore[import-untyped]  # it ships no types
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from release import lease, plugin, provider
from release.engine_log import EngineLog

Answer = Callable[[Any, Any, grpc.ServicerContext], Any]


def _answer(method: Answer) -> Answer:
    """Answer the engine with the message of what went wrong, as it is."""

    @wraps(method)
    def wrapped(self: Any, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            provider.require_release(request.urn)
            return method(self, request, context)
        except Exception as error:
            context.abort(grpc.StatusCode.UNKNOWN, _message(error))

    return wrapped


def _message(error: Exception) -> str:
    if type(error).__module__.startswith("release.") or isinstance(error, BotoCoreError | ClientError):
        return str(error)
    at = traceback.extract_tb(error.__traceback__)[-1]
    return f"error in the release's program, {at.filename}:{at.lineno}: {type(error).__name__}: {error}"


def _values(struct: Any) -> dict[str, Any]:
    """Without what is the SDK's own, such as the code of a dynamic resource's provider."""
    return {key: value for key, value in json_format.MessageToDict(struct).items() if not key.startswith("__")}


def _struct(values: dict[str, Any]) -> Any:
    return json_format.ParseDict(values, struct_pb2.Struct())


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """Answers the engine."""

    def __init__(self) -> None:
        self._uncanceled: list[EngineLog] = []

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        return plugin_pb2.PluginInfo()

    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:
        return provider_pb2.ConfigureResponse()

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:
        # The second Ctrl-C comes here, too, while the release is ended.
        while self._uncanceled:
            say = self._uncanceled.pop()
            say("Pulumi was canceled. This release goes on to its end; another Ctrl-C ends it, with nothing undone")
        return empty_pb2.Empty()

    @_answer
    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    @_answer
    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:
        olds, news = _values(request.olds), _values(request.news)
        for line in provider.moves(olds, news):
            EngineLog(request.urn)(line)
        differs = provider.differs(olds, news)
        answers = provider_pb2.DiffResponse
        return answers(changes=answers.DIFF_SOME if differs else answers.DIFF_NONE)

    @_answer
    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:
        news = _values(request.properties)
        return provider_pb2.CreateResponse(id=provider.release_id(news), properties=self._release(news, request.urn))

    @_answer
    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:
        return provider_pb2.UpdateResponse(properties=self._release(_values(request.news), request.urn))

    @_answer
    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:
        outs = provider.read(_values(request.properties), EngineLog(request.urn))
        return provider_pb2.ReadResponse(id=request.id, properties=_struct(outs))

    @_answer
    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Leaves what runs alone: its service and bucket are other resources."""
        return empty_pb2.Empty()

    def _release(self, news: dict[str, Any], urn: str) -> Any:
        say = EngineLog(urn)
        self._uncanceled.append(say)
        try:
            return _struct(provider.release(news, say))
        finally:
            with contextlib.suppress(ValueError):
                self._uncanceled.remove(say)


if __name__ == "__main__":
    plugin.serve(Servicer(), lease.abandon_all)

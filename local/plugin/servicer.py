"""The plugin protocol around a Provider.

The SDK's own servicer for providers drops the old inputs and the content hash of archives, without which no change of a
function's code is seen; so this one speaks the protocol itself.
"""

# The methods have the names that the protocol gives them.
# ruff: noqa: N802

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from functools import wraps
from typing import Any

import grpc
from google.protobuf import empty_pb2  # type: ignore[import-untyped]  # protobuf ships no types
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from release.engine_log import EngineLog

from .compare import Difference
from .provider import Checked, PartlyMadeError, PluginError, Provider
from .wire import read_struct, write_struct

Answer = Callable[[Any, Any, grpc.ServicerContext], Any]


def _token(urn: str) -> str:
    return urn.split("::")[2].rsplit("$", maxsplit=1)[-1]


def _logical(urn: str) -> str:
    return urn.split("::", 3)[3]


def _kind(change: Difference, replaces: bool) -> Any:
    return provider_pb2.PropertyDiff.Kind.Value(change.kind.upper() + ("_REPLACE" if replaces else ""))


def _proposed(request: Any) -> str | None:
    if not request.HasField("autonaming"):
        return None
    options = request.autonaming
    return "" if options.mode == options.DISABLE else str(options.proposed_name)


def _answer(method: Answer) -> Answer:
    """Turn errors into one line for the engine; an error of the plugin's own says where it is."""

    @wraps(method)
    def wrapped(self: Any, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(self, request, context)
        except PartlyMadeError as error:
            _abort_partly_made(context, error)
        except PluginError as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        except NotImplementedError:
            context.abort(
                grpc.StatusCode.UNIMPLEMENTED, f"the local {self._provider.name} plugin has no {method.__name__}"
            )
        except Exception as error:
            context.abort(grpc.StatusCode.INTERNAL, fault(self._provider.name, error))

    return wrapped


def fault(name: str, error: Exception) -> str:
    """A fault of the plugin itself, as one line that says where it is."""
    at = traceback.extract_tb(error.__traceback__)[-1]
    text = " ".join(str(error).split())
    return f"error in the local {name} plugin, {at.filename}:{at.lineno}: {type(error).__name__}: {text}"


def _abort_partly_made(context: grpc.ServicerContext, error: PartlyMadeError) -> None:
    detail = provider_pb2.ErrorResourceInitFailed(
        id=error.identity,
        properties=write_struct(error.state),
        inputs=write_struct(error.inputs),
        reasons=[str(error)],
    )
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(error))
    status.details.add().Pack(detail)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.UNKNOWN, str(error))


def _checked(result: Checked) -> Any:
    # With a property, the engine would show its value too, and a nested one always as nil.
    reasons = [f"{problem.path}: {problem.reason}" for problem in result.problems]
    failures = [provider_pb2.CheckFailure(reason=reason) for reason in reasons]
    return provider_pb2.CheckResponse(inputs=write_struct(result.inputs), failures=failures)


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    @_answer
    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        return plugin_pb2.PluginInfo(version=self._provider.version)

    @_answer
    def GetSchema(self, request: Any, context: grpc.ServicerContext) -> Any:
        return provider_pb2.GetSchemaResponse(schema=json.dumps({"name": self._provider.name}))

    @_answer
    def Attach(self, request: Any, context: grpc.ServicerContext) -> Any:
        return empty_pb2.Empty()

    @_answer
    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._provider.cancel()
        return empty_pb2.Empty()

    @_answer
    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        return _checked(self._provider.check_config(read_struct(request.news)))

    @_answer
    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        old, new = read_struct(request.old_inputs or request.olds), read_struct(request.news)
        moved = [key for key in ("region",) if old.get(key) != new.get(key)]
        changes = provider_pb2.DiffResponse.DIFF_SOME if old != new else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=changes, replaces=moved, diffs=moved)

    @_answer
    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:
        settings = {key.rsplit(":", 1)[-1]: value for key, value in request.variables.items()}
        self._provider.configure(settings | read_struct(request.args))
        # The engine opens secrets for a plugin that does not accept them, and marks its answers again by property name.
        return provider_pb2.ConfigureResponse(
            acceptSecrets=False, supportsPreview=True, supports_autonaming_configuration=True
        )

    @_answer
    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:
        old, new = read_struct(request.olds), read_struct(request.news)
        seed = request.randomSeed or request.urn.encode()
        token, logical = _token(request.urn), _logical(request.urn)
        return _checked(self._provider.check(token, logical, old, new, seed=seed, proposed=_proposed(request)))

    @_answer
    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:
        diff = self._provider.diff(_token(request.urn), read_struct(request.old_inputs), read_struct(request.news))
        some = provider_pb2.DiffResponse.DIFF_SOME if diff.changes else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(
            changes=some,
            replaces=diff.replaces,
            diffs=sorted({change.pattern.split(".")[0] for change in diff.changes}),
            deleteBeforeReplace=diff.delete_first and bool(diff.replaces),
            hasDetailedDiff=True,
            detailedDiff={
                change.path: provider_pb2.PropertyDiff(kind=_kind(change, replaces), inputDiff=True)
                for change, replaces in diff.changes.items()
            },
        )

    @_answer
    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:
        token = _token(request.urn)
        identity, state = self._provider.create(
            token, read_struct(request.properties), request.preview, say=EngineLog(request.urn)
        )
        return provider_pb2.CreateResponse(id=identity, properties=write_struct(state, self._provider.secrets(token)))

    @_answer
    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:
        token, olds = _token(request.urn), read_struct(request.olds)
        old, new = read_struct(request.old_inputs), read_struct(request.news)
        state = self._provider.update(
            token, request.id, olds, old=old, new=new, preview=request.preview, say=EngineLog(request.urn)
        )
        return provider_pb2.UpdateResponse(properties=write_struct(state, self._provider.secrets(token)))

    @_answer
    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:
        token = _token(request.urn)
        live = self._provider.read(token, request.id, read_struct(request.properties), read_struct(request.inputs))
        if live is None:
            return provider_pb2.ReadResponse(id="")
        secrets = self._provider.secrets(token)
        return provider_pb2.ReadResponse(
            id=request.id, properties=write_struct(live[0], secrets), inputs=write_struct(live[1], secrets)
        )

    @_answer
    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._provider.delete(_token(request.urn), request.id, read_struct(request.properties))
        return empty_pb2.Empty()

    @_answer
    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:
        result = self._provider.invoke(request.tok, read_struct(request.args))
        response = provider_pb2.InvokeResponse()
        getattr(response, "return").CopyFrom(write_struct(result, self._provider.secrets(request.tok)))
        return response

"""The resource provider: check, diff, create, read, update, delete and invoke, over plain Python values."""

from __future__ import annotations

import difflib
import importlib.metadata
import json
import os
from collections.abc import Mapping
from typing import Any

from local.plugin import compare, sdk, types
from local.plugin.provider import Checked, Diff, PartlyMadeError, PluginError, Problem, Provider
from local.plugin.wire import UNKNOWN, Props, has_unknown
from release.engine_log import EngineLog

from . import functions, tagging
from .kind import Kind
from .session import Aws, GoneError, explain, is_gone, require_endpoint
from .table import TABLE

DEFAULTS = "__defaults"
"""The input in which, like the official plugin, the plugin keeps the names of properties that it has set itself."""
INCOMPLETE = "__incomplete"
"""The output that marks a resource to which not everything was done: the next update does all of it."""
CONFIG_OF_THE_ENGINE = frozenset({"version", "pluginDownloadURL", "pluginChecksums"})


class AwsProvider(Provider):
    name = "aws"
    version = importlib.metadata.version("pulumi-aws")

    def __init__(self, table: Mapping[str, Kind] = TABLE) -> None:
        self._table = table
        self._aws: Aws | None = None

    @property
    def aws(self) -> Aws:
        """The local AWS; there is none before `configure`."""
        if self._aws is None:
            raise PluginError("the AWS provider was not configured")
        return self._aws

    # Configuration

    def check_config(self, inputs: Props) -> Checked:
        """Refuse settings that the official provider does not know."""
        settings = {key: _from_json(value) for key, value in inputs.items() if key not in CONFIG_OF_THE_ENGINE}
        return Checked(inputs, types.read_inputs(types.shape_of(types.AWS_PROVIDER), settings)[1])

    def configure(self, inputs: Props) -> None:
        """Remember region and default tags. Other settings name ways into AWS, which the local one does not need."""
        region = inputs.get("region") or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        if not region or region == UNKNOWN:
            raise PluginError("no AWS region: set `aws:region` in the stack's settings, or AWS_REGION")
        tags = (_from_json(inputs.get("defaultTags")) or {}).get("tags") or {}
        self._aws = Aws(str(region), require_endpoint(), {key: str(value) for key, value in tags.items()})

    # Resources

    def kind(self, token: str) -> Kind:
        if token in self._table:
            return self._table[token]
        if not sdk.exists(token):
            raise PluginError(f"{token} is not a resource type of pulumi_aws")
        near = difflib.get_close_matches(token, self._table, n=1, cutoff=0.85)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise PluginError(
            f"the local AWS does not know {token} yet{hint}: one class adds it, as docs/add-a-resource-type.md shows"
        )

    def check(
        self, token: str, logical: str, old: Props, new: Props, *, seed: bytes, proposed: str | None = None
    ) -> Checked:
        """Check inputs against the type, and name what the program did not name."""
        kind, shape = self.kind(token), types.shape_of(token)
        inputs, problems = types.read_inputs(shape, {key: value for key, value in new.items() if value is not None})
        if problems:
            return Checked(new, problems)
        inputs = kind.prepare(inputs)
        region = inputs.get("region")
        if region not in (None, UNKNOWN) and self._aws and region != self.aws.region:
            problems.append(Problem("region", f"must be the provider's own, {self.aws.region}: not {region}"))
        if kind.name and inputs.get(kind.name.property) is None and not inputs.get(f"{kind.name.property}Prefix"):
            set_before = kind.name.property in old.get(DEFAULTS, ())
            try:
                name = old[kind.name.property] if set_before else kind.name.make(logical, seed, proposed)
            except ValueError as error:
                return Checked(new, [Problem(kind.name.property, str(error))])
            inputs |= {kind.name.property: name, DEFAULTS: [kind.name.property]}
        problems.extend(kind.check(inputs))
        return Checked(inputs, problems)

    def diff(self, token: str, old: Props, new: Props) -> Diff:
        kind = self.kind(token)
        replaces = kind.replaced_by(old, new)
        changes = {change: change.is_in(replaces) for change in compare.differences(old, new, kind.unordered)}
        # As in the official plugin: the old one may hold the name that the program chose, even if it asks for another.
        name = kind.name.property if kind.name else ""
        chosen = new.get(name) is not None and name not in new.get(DEFAULTS, ())
        return Diff(changes, delete_first=kind.delete_first or chosen)

    def secrets(self, token: str) -> frozenset[str]:
        return self._table[token].secrets if token in self._table else functions.SECRETS.get(token, frozenset())

    def create(
        self, token: str, inputs: Props, preview: bool = False, *, say: EngineLog | None = None
    ) -> tuple[str, Props]:
        kind = self.kind(token)
        if preview:
            return "", self._unknown(token, kind, inputs)
        properties = kind.named(_public(inputs))
        try:
            identity = kind.create(self.aws, properties)
        except Exception as error:
            raise self._failure(token, "create", error) from error
        try:
            if kind.finish:
                kind.update(self.aws, identity, properties, {}, set(properties))
            live = kind.read(self.aws, identity, properties)
            state = self._state(kind, properties, live)
            tagging.set_tags(self.aws, kind, identity, state, {})
        except Exception as error:
            state = self._state(kind, properties, {}) | {INCOMPLETE: True}
            raise PartlyMadeError(str(self._failure(token, "create", error)), identity, inputs, state) from error
        return identity, state

    def update(
        self,
        token: str,
        identity: str,
        state: Props,
        *,
        old: Props,
        new: Props,
        preview: bool = False,
        say: EngineLog | None = None,
    ) -> Props:
        kind = self.kind(token)
        before, after = (kind.named(_public(inputs), state) for inputs in (old, new))
        if state.get(INCOMPLETE):
            before = {}
        changes = compare.differences(before, after, kind.unordered)
        changed = {change.pattern.split(".")[0] for change in changes}
        if preview:
            dropped = {*before, *kind.volatile}
            kept = {key: value for key, value in _public(state).items() if key not in dropped}
            return self._unknown(token, kind, kept | after)
        try:
            if changed - {"tags"}:
                kind.update(self.aws, identity, after, before, changed)
            stale = {key: value for key, value in _public(state).items() if key not in before}
            new_state = self._state(kind, after, stale | kind.read(self.aws, identity, stale | after))
            tagging.set_tags(self.aws, kind, identity, new_state, {} if state.get(INCOMPLETE) else state)
        except Exception as error:
            raise self._failure(token, "update", error, identity) from error
        return new_state

    def read(self, token: str, identity: str, state: Props, inputs: Props) -> tuple[Props, Props] | None:
        kind, shape = self.kind(token), types.shape_of(token)
        try:
            live = kind.read(self.aws, identity, state or kind.from_id(identity))
        except Exception as error:
            if is_gone(error):
                return None
            raise self._failure(token, "read", error, identity) from error
        if not state:
            if not live:
                raise PluginError(f"{token} cannot be imported: the local AWS plugin only records it")
            imported = kind.from_id(identity) | live
            return self._state(kind, {}, imported), {
                key: value for key, value in imported.items() if key in shape.inputs
            }
        drifted = dict(inputs)
        for key, value in live.items():
            if key in inputs and compare.differences({key: inputs[key]}, {key: value}, kind.unordered):
                drifted[key] = value
        return self._state(kind, {}, state | live | _public(drifted)), drifted

    def delete(self, token: str, identity: str, state: Props) -> None:
        try:
            self.kind(token).delete(self.aws, identity, state)
        except Exception as error:
            if not is_gone(error):
                raise self._failure(token, "delete", error, identity) from error

    def invoke(self, token: str, arguments: Props) -> Props:
        try:
            return functions.call(self.aws, token, arguments)
        except Exception as error:
            raise self._failure(token, "call", error) from error

    # Parts

    def _state(self, kind: Kind, inputs: Props, live: Props) -> Props:
        state = kind.defaults | live | inputs
        if kind.tagged:
            tags = state.get("tags") or {}
            state["tagsAll"] = tags if tags == UNKNOWN else self.aws.default_tags | tags
        return {"region": self.aws.region} | state if "region" in types.shape_of(kind.resource).inputs else state

    def _unknown(self, token: str, kind: Kind, inputs: Props) -> Props:
        outputs = types.shape_of(token).outputs
        unknown: Props = {name: UNKNOWN for name in outputs if name not in kind.defaults and name != "tags"}
        state = self._state(kind, _public(inputs), unknown)
        if has_unknown(inputs.get("tags")):
            state["tagsAll"] = UNKNOWN
        return state

    def _failure(self, token: str, verb: str, error: Exception, identity: str = "") -> PluginError:
        if isinstance(error, GoneError):
            error = PluginError("it does not exist any more; run `pulumi refresh`")
        endpoint = self._aws.endpoint if self._aws else ""
        return PluginError(f"{token}: {verb}{' ' if identity else ''}{identity}: {explain(error, endpoint)}")


def _public(inputs: Props) -> Props:
    """Inputs without the plugin's own notes."""
    return {key: value for key, value in inputs.items() if not key.startswith("__")}


def _from_json(value: Any) -> Any:
    """A setting as a value: the engine sends lists and objects as JSON text."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value

"""The outputs of a stack of this project as its last update left them, and how they stay what they are on a failure."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pulumi

from functions.strict_json import DamagedError
from release import chain, invocation, records, session, stack
from release.chain import Link
from release.s3.connect import for_session
from release.statements import Stated
from settings.errors import ExpectedError

READS: Final = 5
"""How often a state is read that was cut off."""
PAUSE_S: Final = 0.2


@dataclasses.dataclass(frozen=True, kw_only=True)
class StackOutputs:
    """The outputs of a stack, as far as a release needs them."""

    name: str
    release: records.Release | None
    """The record, without what ran before where the state's secrets cannot be read; None before the first release."""
    outputs: Mapping[str, Any]
    secret: frozenset[str] = frozenset()
    """Names of the outputs that are secrets."""
    released: Mapping[str, Any] | None = dataclasses.field(default=None, repr=False)
    """The outputs of its Release, secrets among them; None where there is none, or they cannot be read."""

    def image(self, digest: str) -> str:
        """Where this environment keeps an image."""
        return f"{self.outputs.get('repository', '')}@{digest}"

    def files(self, site: str) -> dict[str, str]:
        """Where this environment keeps the files of a site."""
        bucket = of_site(self.outputs, site).get("bucket", "")
        return {"bucket": bucket, "recordsBucket": self.outputs.get("recordsBucket", "")}


def of_site(outputs: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """What a stack's outputs say of a site; nothing where it has none of the name."""
    of_it: Mapping[str, Any] = (outputs.get("sites") or {}).get(name) or {}
    return of_it


def read(name: str) -> StackOutputs:
    """A stack as its last update left it; one that does not exist yet has no outputs.

    This is what a StackReference reads, at once instead of as an output: the gate is in front of everything else.
    """
    reference = f"{pulumi.get_organization()}/{pulumi.get_project()}/{name}"
    try:
        answer = _read("pulumi:pulumi:readStackOutputs", {"name": reference})
    except Exception as error:
        if "unknown stack" not in str(error):
            raise pulumi.RunError(f"the outputs of stack {reference} cannot be read: {error}") from error
        return StackOutputs(name=name, release=None, outputs={})
    outputs = answer.value["outputs"]
    try:
        resource = _released(reference)
        released = stack.release_of(outputs, (resource or {}).get("release"))
    except DamagedError as error:
        raise pulumi.RunError(
            f"the record of the release in the state of {name} is damaged, no release wrote it so: {error}\n"
            f"  to see it:  pulumi stack export -s {name}\n"
            f"  to restore the state of update N:  pulumi stack export -s {name} --version N > state.json && "
            f"pulumi stack import -s {name} --file state.json"
        ) from error
    return StackOutputs(
        name=name,
        release=released,
        outputs=outputs,
        secret=frozenset(answer.value.get("secretOutputNames") or ()),
        released=resource,
    )


def environments(own: StackOutputs, upstream: StackOutputs | None) -> Sequence[Stated]:
    """The environment and those before it, with what people stated about them.

    What a preview cannot read of that, it warns of: its role may read little.
    """
    stated = chain.read(
        _link(own),
        _link(upstream) if upstream else None,
        _linked,
        lambda: for_session(invocation.sign_in(), session.RECORDS),
        record=not pulumi.runtime.is_dry_run(),
    )
    if not pulumi.runtime.is_dry_run():
        return stated
    for one in stated:
        if one.unread:
            pulumi.log.warn(f"whether {own.name} is held, and what is rejected, is not known: {one.unread}")
    return [dataclasses.replace(one, unread="") for one in stated]


def _link(stack: StackOutputs) -> Link:
    return Link(stack.name, stack.release, stack.outputs)


def _linked(name: str) -> Link:
    try:
        return _link(read(name))
    except pulumi.RunError as error:
        raise ExpectedError(str(error)) from error


def keep(own: StackOutputs) -> None:
    """Register the stack's outputs as they are, in case that this run does not come to the end of the program.

    The engine takes what was registered last. Without anything, it shows every output of a failed update as deleted.
    """
    root = pulumi.runtime.get_root_resource()
    if isinstance(root, pulumi.ComponentResource) and own.outputs:
        root.register_outputs(
            {name: pulumi.Output.secret(value) if name in own.secret else value for name, value in own.outputs.items()}
        )


def _released(reference: str) -> Mapping[str, Any] | None:
    """The outputs of the stack's own Release; None where there is none, or the state's secrets are not ours."""
    try:
        answer = _read("pulumi:pulumi:readStackResourceOutputs", {"stackName": reference})
    except Exception as error:
        pulumi.log.debug(f"what ran in {reference} before cannot be read: {error}")
        return None
    resources: Mapping[str, Any] = answer.value.get("outputs") or {}
    return next((resource["outputs"] for resource in resources.values() if resource["type"] in stack.RELEASES), None)


def _read(function: str, arguments: Mapping[str, Any]) -> Any:
    """The engine's answer, which reads a state.

    The engine writes that of this stack at the same time. In a local folder, a read beside a write may find it empty.
    """
    for attempts_left in reversed(range(READS)):
        try:
            return pulumi.runtime.invoke(function, arguments)
        except Exception as error:
            if attempts_left == 0 or "failed to load checkpoint: EOF" not in str(error):
                raise
            time.sleep(PAUSE_S)
    raise AssertionError("unreachable")

"""The outputs of a stack of this project as its last update left them, and how they stay what they are on a failure."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from typing import Any, Final

import pulumi

from release import records, stack

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

    def source(self, digest: str) -> dict[str, Any]:
        """Where this environment keeps the image `digest` and its static files."""
        return {
            "image": f"{self.outputs.get('repository', '')}@{digest}",
            "bucket": self.outputs.get("bucket", ""),
            "recordsBucket": self.outputs.get("recordsBucket", ""),
        }


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
    return StackOutputs(
        name=name,
        release=stack.release_of(outputs, _record(reference)),
        outputs=outputs,
        secret=frozenset(answer.value.get("secretOutputNames") or ()),
    )


def keep(own: StackOutputs) -> None:
    """Register the stack's outputs as they are, in case that this run does not come to the end of the program.

    The engine takes what was registered last. Without anything, it shows every output of a failed update as deleted.
    """
    root = pulumi.runtime.get_root_resource()
    if isinstance(root, pulumi.ComponentResource) and own.outputs:
        root.register_outputs(
            {name: pulumi.Output.secret(value) if name in own.secret else value for name, value in own.outputs.items()}
        )


def _record(reference: str) -> Mapping[str, Any] | None:
    """The whole record, from the stack's own Release; None where there is none, or the state's secrets are not ours."""
    try:
        answer = _read("pulumi:pulumi:readStackResourceOutputs", {"stackName": reference})
    except Exception as error:
        pulumi.log.debug(f"what ran in {reference} before cannot be read: {error}")
        return None
    resources: Mapping[str, Any] = answer.value.get("outputs") or {}
    recorded = (
        resource["outputs"].get("release") for resource in resources.values() if resource["type"] in stack.RELEASES
    )
    return next(recorded, None)


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

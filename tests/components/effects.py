"""What a change of settings does to a stack: the program on mocks, compared by the local plugins as in a preview."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Collection, Mapping
from typing import Any

from local.aws.provider import AwsProvider
from local.docker.provider import differences
from local.plugin.wire import Props
from release import inputs
from tests.components import aws_answers, program
from tests.components.program import Ran

Changes = dict[str, str]
"""By URN without stack and project: update, replace, create or delete; see tests/fixtures/setting_changes.md."""

IMAGE = "docker:index/image:Image"
AWS = AwsProvider()


def changes(stack: str, before: Mapping[str, Any], after: Mapping[str, Any], expected: Changes) -> Changes:
    """What becomes of the resources of a stack when its settings go from `before` to `after`.

    What is replaced has another id and ARN, which the preview does not know: what uses it changes, too. So the program
    runs until what it registers fits to what was not known. It begins with what is `expected`, and runs once if that is
    right: resources do not wait for each other in a circle, so only one answer fits to itself.
    """
    old = _before(stack, json.dumps(before))
    unknown = _unknown(expected)
    while True:
        found = _compare(old, program.run(stack, after, preview=True, unknown=unknown))
        if _unknown(found) == unknown:
            return found
        unknown = _unknown(found)


@functools.cache
def _before(stack: str, settings: str) -> Ran:
    return program.run(stack, json.loads(settings))


def _unknown(changes: Changes) -> Mapping[str, Collection[str]]:
    """Outputs that a preview does not know, by the resource to which something happens."""
    made = {urn: ["*"] for urn, what in changes.items() if what in ("replace", "create")}
    return made | {urn: ["repoDigest"] for urn in changes if _type(urn) == IMAGE and urn not in made}


def _compare(old: Ran, new: Ran) -> Changes:
    found = {urn: "create" for urn in new.sent if urn not in old.sent}
    found |= {urn: "delete" for urn in old.sent if urn not in new.sent}
    for urn, now in new.sent.items():
        if urn in old.sent and (what := _difference(urn, old.sent[urn], now, new.requests[urn])):
            found[urn] = what
    return {urn: found[urn] for urn in sorted(found) if _is_made(urn)}


def _difference(urn: str, old: Props, new: Props, asked: Mapping[str, Any]) -> str:
    """`update`, `replace`, or nothing."""
    token, name = _type(urn), urn.rpartition("::")[2]
    if token == aws_answers.RELEASE:
        return "update" if inputs.differs(old, new) else ""  # nothing has been left open
    if token == IMAGE:
        return "update" if any(differences(old, new)) else ""
    if not token.startswith("aws:"):
        return ""
    for ignored in asked.get("ignoreChanges", []):
        new = {key: value for key, value in new.items() if key != ignored}
        new |= {ignored: old[ignored]} if ignored in old else {}
    before = AWS.check(token, name, {}, old, seed=b"")
    after = AWS.check(token, name, before.inputs, new, seed=b"")
    assert [*before.problems, *after.problems] == [], urn
    diff = AWS.diff(token, before.inputs, after.inputs)
    changed = {re.split(r"[.\[]", change.path, maxsplit=1)[0] for change in diff.changes}
    if diff.replaces or changed & set(asked.get("replaceOnChanges", [])):
        return "replace"
    return "update" if changed else ""


def _type(urn: str) -> str:
    return urn.rpartition("::")[0].rpartition("$")[2]


def _is_made(urn: str) -> bool:
    """Not of the engine alone, as components and providers are."""
    return not _type(urn).startswith(("easi:", "pulumi:"))

"""What a creation, an update, a refresh and a comparison of the Release resource do.

It takes what the state says as values: nothing of it is run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from pulumi.runtime.rpc import UNKNOWN

from functions.aws_errors import code
from release import drift, engine, git, inputs, records, session
from release.identity import identity_of, service_words
from release.inputs import from_inputs
from release.progress import Say
from release.stack import RELEASES
from release.version import commit

Properties = dict[str, Any]


class UnknownTypeError(Exception):
    """A resource that this project does not have."""


def require_release(urn: str) -> None:
    """Refuse a resource of another type, which only a state can have. Raises UnknownTypeError."""
    place, _, kinds, _ = urn.split("::", 3)
    stack, kind = place.rpartition(":")[2], kinds.rpartition("$")[2]
    if kind not in RELEASES:
        raise UnknownTypeError(
            f"{kind} is no resource of this project, and code that a state holds is not run. To take it out of the "
            f"state:  pulumi state delete -s {stack} '{urn}'"
        )


def release_id(news: Mapping[str, Any]) -> str:
    return f"{news['environment']}-release"


def release(news: Properties, say: Say) -> Properties:
    """Release, for the first time or again; the outputs. What ran before is read from AWS, not from the state."""
    request = from_inputs(news)
    clients = session.connect(request.connection, account=request.account, region=request.region)
    return {**news, "release": engine.run(request, clients, say, _is_ancestor).to_json()}


def differs(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Whether an update is needed. A release is what changes its identity; how it is proven can change without one.

    So is one that was asked for (`restart`), and one that takes up what an interrupted release left.
    """
    return inputs.differs(olds, news) or bool(news.get("restart")) or _is_open(olds, news)


def moves(olds: Mapping[str, Any], news: Mapping[str, Any]) -> tuple[str, ...]:
    """What an update moves beside a version, a line each. Pulumi shows no change at the service itself.

    A refresh asks, too, what an update would do about a change by hand (pkg/resource/deploy/step.go, pulumi/pulumi).
    """
    before, after = inputs.upgraded(olds)["services"], inputs.upgraded(news)["services"]
    lines: list[str] = []
    for name in after:
        if name in before:
            lines += _moves(before[name], after[name], "" if len(after) == 1 else f" of {service_words(name, after)}")
    return tuple(f"{news['environment']}: `pulumi up` {line}" for line in lines)


def _moves(before: Mapping[str, Any], after: Mapping[str, Any], of_service: str) -> Iterator[str]:
    old, new = before.get("network"), after.get("network")
    if old and new and old != new:
        to = "a network that is not known yet" if _is_unknown(new) else drift.place(new)
        yield f"moves the tasks{of_service} from {drift.place(old)} to {to}"
    if before.get("executeCommand") not in (None, after.get("executeCommand")):
        yield f"turns ECS Exec{of_service} {'on' if after['executeCommand'] else 'off'}"


def read(olds: Properties, say: Say) -> Properties:
    """What really runs, so that a refresh shows drift.

    What the last release left, where the role may not ask: CI's preview role may not read objects.
    """
    olds = inputs.upgraded(olds)
    request = from_inputs(olds)
    clients = session.connect(request.connection, account=request.account, region=request.region)
    try:
        running = drift.look(request, clients)
    except Exception as error:
        if not session.is_denied(error):
            raise
        say(_not_compared(request.environment, "what runs", error))
        return olds
    for line in drift.differences(olds, running):
        say(f"{request.environment}: {line}")
    services = {name: _outputs(service, running.services[name]) for name, service in olds["services"].items()}
    outs = {**olds, "services": services}
    if running.denied is not None:
        say(_not_compared(request.environment, "the record and the site", running.denied))
        return outs
    outs["sites"] = {name: {**site, "manifest": running.sites[name] or ""} for name, site in olds["sites"].items()}
    if running.release is not None:
        outs["release"] = running.release.to_json()
    return outs


def _outputs(before: Mapping[str, Any], running: drift.RunningService) -> Properties:
    outs = {**before, "taskDefinition": running.task_definition or ""}
    runs = {"network": running.network, "executeCommand": running.execute_command}
    # A state from before the release had them is without these two, and stays so.
    return outs | {key: value for key, value in runs.items() if before.get(key) is not None and value is not None}


def _is_ancestor(older: str, newer: str) -> bool:
    """As far as the clone knows that this runs in. What must be known, the gate has asked already."""
    try:
        return git.is_ancestor(Path.cwd(), commit(older), commit(newer)) is True
    except git.GitError:
        return False


def _is_open(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Whether a release that is not in the state has changed something: one that was killed, or not recorded by Pulumi.

    No, where these credentials may not know.
    """
    bucket, (account, region) = news["recordsBucket"], inputs.location(news)
    try:
        s3 = session.connect(inputs.connection(news), account=account, region=region).s3
        if records.read_mark(s3, bucket) is not None:
            return True
        recorded = records.read_release(s3, bucket)
    except session.WrongAccountError:
        return False
    except ClientError as error:
        if code(error) == "NoSuchBucket":
            return True
        if not session.is_denied(error):
            raise
        return False
    if recorded is None:
        return True
    released = olds.get("release")
    return released is not None and identity_of(records.release_from_json(released)) != identity_of(recorded)


def _is_unknown(network: Any) -> bool:
    """Whether a preview does not know some of it: then that is a text of the engine's."""
    return isinstance(network, str) or any(isinstance(ids, str) or UNKNOWN in ids for ids in network.values())


def _not_compared(environment: str, what: str, why: object) -> str:
    return f"{environment}: {what} not compared, which this role may not read ({why})"

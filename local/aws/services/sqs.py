"""Queues, who may use them, and where what cannot be handled goes."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

from local.plugin.provider import Problem
from local.plugin.wire import Props

from ..kind import Kind, Name, capital, words
from ..session import Aws
from ..spelling import as_text

_PLAIN = words(
    "contentBasedDeduplication deduplicationScope delaySeconds fifoQueue fifoThroughputLimit "
    "kmsDataKeyReusePeriodSeconds kmsMasterKeyId policy redriveAllowPolicy redrivePolicy sqsManagedSseEnabled"
)
ATTRIBUTES = {name: capital(name) for name in _PLAIN} | {
    "maxMessageSize": "MaximumMessageSize",
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
    "visibilityTimeoutSeconds": "VisibilityTimeout",
}
FIFO = ".fifo"


class Queue(Kind):
    """A queue. Its policies may be properties of its own, or resources beside it."""

    resource = "aws:sqs/queue:Queue"
    service, make, get, remove = "sqs", "create_queue", "get_queue_attributes", "delete_queue"
    keys = {"QueueUrl": "id"}
    handled = frozenset(ATTRIBUTES)
    replaces = words("name namePrefix fifoQueue")
    name = Name(limit=80)
    tagged = "id"
    defaults = {
        "contentBasedDeduplication": False,
        "delaySeconds": 0,
        "fifoQueue": False,
        "maxMessageSize": 262144,
        "messageRetentionSeconds": 345600,
        "receiveWaitTimeSeconds": 0,
        "visibilityTimeoutSeconds": 30,
    }

    def rules(self, inputs: Props) -> list[Problem]:
        name = str(inputs.get("name") or "")
        if bool(inputs.get("fifoQueue")) != name.endswith(FIFO) and not inputs.get("namePrefix"):
            return [Problem("name", f"ends with {FIFO} exactly if fifoQueue is true: {name!r}")]
        if inputs.get("contentBasedDeduplication") and not inputs.get("fifoQueue"):
            return [Problem("contentBasedDeduplication", "needs fifoQueue")]
        return []

    def create(self, aws: Aws, new: Props) -> str:
        # The official provider sends its defaults, too. AWS takes what is for queues with an order for no other.
        properties = {name: value for name, value in (self.defaults | new).items() if value is not None}
        for name in ("fifoQueue", "contentBasedDeduplication"):
            if not properties[name]:
                del properties[name]
        attributes = {ATTRIBUTES[name]: as_text(properties[name]) for name in ATTRIBUTES if name in properties}
        answer = self.call(aws, self.make, {"QueueName": new["name"], "Attributes": attributes})
        return str(answer["QueueUrl"])

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        arguments = {"QueueUrl": identity, "AttributeNames": ["All"]}
        attributes = self.call(aws, self.get, arguments)["Attributes"]
        live: Props = {"arn": attributes["QueueArn"], "url": identity, "name": identity.rpartition("/")[2]}
        for name, attribute in ATTRIBUTES.items():
            if name in state and attribute in attributes:
                kind = type(state[name])
                live[name] = attributes[attribute] == "true" if kind is bool else kind(attributes[attribute])
        return live

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        names = sorted(ATTRIBUTES.keys() & set(changed))
        values = {name: new[name] if new.get(name) is not None else self.defaults.get(name, "") for name in names}
        attributes = {ATTRIBUTES[name]: as_text(value) for name, value in values.items()}
        if attributes:
            self.call(aws, "set_queue_attributes", {"QueueUrl": identity, "Attributes": attributes})


class _Policy(Kind):
    """One attribute of a queue as a resource; its id is the queue's URL."""

    service, make, get, identity = "sqs", "set_queue_attributes", "get_queue_attributes", "{queueUrl}"
    keys = {"QueueUrl": "queueUrl"}
    replaces = words("queueUrl")
    put = True
    property: ClassVar[str]

    def arguments(self, operation: str, props: Props) -> Props:
        return {"Attributes": {ATTRIBUTES[self.property]: props[self.property]}}

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        arguments = {"QueueUrl": identity, "AttributeNames": [ATTRIBUTES[self.property]]}
        attributes = self.call(aws, self.get, arguments).get("Attributes") or {}
        return {"queueUrl": identity, self.property: attributes.get(ATTRIBUTES[self.property])}

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        # An empty text removes it:
        # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
        self.call(aws, self.make, {"QueueUrl": identity, "Attributes": {ATTRIBUTES[self.property]: ""}})


class QueuePolicy(_Policy):
    resource = "aws:sqs/queuePolicy:QueuePolicy"
    property = "policy"
    handled = words("policy")


class RedrivePolicy(_Policy):
    resource = "aws:sqs/redrivePolicy:RedrivePolicy"
    property = "redrivePolicy"
    handled = words("redrivePolicy")


class RedriveAllowPolicy(_Policy):
    resource = "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy"
    property = "redriveAllowPolicy"
    handled = words("redriveAllowPolicy")

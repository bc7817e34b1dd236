"""Topics, who may publish to them, and who hears of it."""

from __future__ import annotations

from collections.abc import Collection

from local.plugin.wire import Props

from ..kind import Kind, Name, capital, words
from ..session import Aws

ATTRIBUTES = words("displayName kmsMasterKeyId deliveryPolicy signatureVersion tracingConfig")


class Topic(Kind):
    """A topic. Its policy is a resource of its own."""

    resource = "aws:sns/topic:Topic"
    service, make, identity, get, remove = "sns", "create_topic", "TopicArn", "get_topic_attributes", "delete_topic"
    keys = {"TopicArn": "id"}
    outputs = {"arn": "Attributes.TopicArn", "owner": "Attributes.Owner"}
    handled = ATTRIBUTES
    replaces = words("name namePrefix fifoTopic")
    name = Name(limit=256)
    defaults = {"fifoTopic": False, "contentBasedDeduplication": False}
    tagged = "arn"

    def create(self, aws: Aws, new: Props) -> str:
        attributes = {capital(name): str(new[name]) for name in ATTRIBUTES if new.get(name)}
        answer = aws.client("sns").create_topic(Name=new["name"], Attributes=attributes)
        return str(answer["TopicArn"])

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        return super().read(aws, identity, state) | {"name": identity.rpartition(":")[2]}

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        for name in sorted(ATTRIBUTES & set(changed)):
            _set(aws, identity, capital(name), str(new.get(name) or ""))


class TopicPolicy(Kind):
    """Who may do what with a topic. Without it, the topic has the policy that AWS gives every one: its owner may."""

    resource = "aws:sns/topicPolicy:TopicPolicy"
    service, make, identity = "sns", "set_topic_attributes", "{arn}"
    keys = {"TopicArn": "arn"}
    handled = words("policy")
    replaces = words("arn")

    def create(self, aws: Aws, new: Props) -> str:
        _set(aws, new["arn"], "Policy", new["policy"])
        return str(new["arn"])

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        attributes = aws.client("sns").get_topic_attributes(TopicArn=identity)["Attributes"]
        return {"arn": identity, "owner": attributes["Owner"], "policy": attributes["Policy"]}

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        _set(aws, identity, "Policy", new["policy"])

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        """Nothing is left to do: a topic always has a policy, and this one is not wider than what AWS gives."""


class TopicSubscription(Kind):
    """Someone who hears of what is published. AWS wants an address to confirm; the emulator mails nobody."""

    resource = "aws:sns/topicSubscription:TopicSubscription"
    service, make, identity, remove = "sns", "subscribe", "SubscriptionArn", "unsubscribe"
    get, answer_path, keys = "get_subscription_attributes", "Attributes", {"SubscriptionArn": "id"}
    spelled = {"topic": "TopicArn"}
    outputs = {"arn": "SubscriptionArn", "ownerId": "Owner"}
    replaces = words("topic protocol endpoint")
    defaults = {
        "confirmationTimeoutInMinutes": 1,
        "confirmationWasAuthenticated": True,
        "endpointAutoConfirms": False,
        "filterPolicyScope": "",
        "pendingConfirmation": False,
        "rawMessageDelivery": False,
    }


def _set(aws: Aws, topic: str, attribute: str, value: str) -> None:
    aws.client("sns").set_topic_attributes(TopicArn=topic, AttributeName=attribute, AttributeValue=value)

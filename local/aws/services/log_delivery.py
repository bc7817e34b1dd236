"""Logs that AWS services deliver. The emulator keeps what is set, and delivers none."""

from __future__ import annotations

from typing import ClassVar

from ..kind import Change, Kind, words
from ..naming import Name


class _Part(Kind):
    """Something with a name in CloudWatch Logs; `noun` is how the API calls it."""

    service, put, tagged = "logs", True, ("logs", "arn")
    noun: ClassVar[str]

    def __init_subclass__(cls) -> None:
        cls.make, cls.get, cls.remove = (f"{verb}_{cls.noun}" for verb in ("put", "get", "delete"))
        first, *others = cls.noun.split("_")
        cls.answer_path = first + "".join(word.capitalize() for word in others)
        cls.identity, cls.keys, cls.name = "{name}", {"name": "id"}, Name(limit=60)


class LogDeliverySource(_Part):
    resource = "aws:cloudwatch/logDeliverySource:LogDeliverySource"
    noun = "delivery_source"
    outputs = {"name": "name", "arn": "arn", "logType": "logType", "service": "service"}
    replaces = words("logType name resourceArn")


class LogDeliveryDestination(_Part):
    resource = "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination"
    noun = "delivery_destination"
    outputs = {
        "name": "name",
        "arn": "arn",
        "deliveryDestinationType": "deliveryDestinationType",
        "outputFormat": "outputFormat",
    }
    replaces = words("name outputFormat")


class LogDelivery(Kind):
    resource = "aws:cloudwatch/logDelivery:LogDelivery"
    service, make, identity, remove = "logs", "create_delivery", "delivery.id", "delete_delivery"
    get, answer_path, keys = "get_delivery", "delivery", {"id": "id"}
    changes = (Change("update_delivery_configuration", "fieldDelimiter recordFields s3DeliveryConfigurations"),)
    outputs = {"arn": "arn", "deliverySourceName": "deliverySourceName"}
    replaces = words("deliveryDestinationArn deliverySourceName")
    tagged = ("logs", "arn")

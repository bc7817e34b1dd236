"""What distributions are made of: access controls, policies, functions, VPC origins."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, ClassVar

from local.plugin.wire import Props

from ..kind import Change, Kind, Name, camel, words
from ..session import Aws, tries

DISTRIBUTION_DEADLINE_S = 90 * 60
"""How long the official provider waits for a distribution; no setting changes it."""
VPC_ORIGIN_TIMEOUT = "15m"
"""How long it waits for a VPC origin where `timeouts` say nothing: internal/service/cloudfront/vpc_origin.go in
hashicorp/terraform-provider-aws."""


def deployed(aws: Aws, noun: str, path: str, identity: str, deadline_s: float = DISTRIBUTION_DEADLINE_S) -> Any:
    """The answer about a distribution or VPC origin, once its last change is everywhere."""
    for _ in tries(deadline_s):
        answer = getattr(aws.client("cloudfront"), f"get_{noun}")(Id=identity)
        if answer[path]["Status"] == "Deployed":
            return answer
    raise TimeoutError(f"still not deployed after {deadline_s / 60:.0f} minutes")


def _seconds(duration: str) -> float:
    """Of a duration as Go writes it: 1h30m."""
    units = {"h": 3600, "m": 60, "s": 1}
    return sum(float(number) * units[unit] for number, unit in re.findall(r"([\d.]+)([hms])", duration))


class _Part(Kind):
    """Something with a configuration, an id and an ETag; `noun` is how the API calls it."""

    service, volatile, keys = "cloudfront", words("etag"), {"Id": "id"}
    noun: ClassVar[str]

    def __init_subclass__(cls) -> None:
        title = "".join(word.capitalize() for word in cls.noun.split("_"))
        cls.make, cls.get, cls.remove = (f"{verb}_{cls.noun}" for verb in ("create", "get", "delete"))
        cls.changes = (Change(f"update_{cls.noun}"),)
        cls.identity = f"{title}.Id"
        cls.inside = cls.__dict__.get("inside", f"{title}Config")
        dashed = cls.noun.replace("_", "-")
        cls.outputs = {"etag": "ETag", "arn": f"arn:{{partition}}:cloudfront::{{account}}:{dashed}/{{id}}"}

    def _etag(self, aws: Aws, identity: str) -> str:
        return str(self.find(aws, identity, {})["ETag"])

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        if not set(changed) - self.honoured:
            return
        arguments = self.arguments(self.make, new)
        where = {"Id": identity, "IfMatch": self._etag(aws, identity)}
        self.call(aws, f"update_{self.noun}", arguments | where)

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        self.call(aws, self.remove, {"Id": identity, "IfMatch": self._etag(aws, identity)})


class OriginAccessControl(_Part):
    """Lets a distribution, and nobody else, read a private bucket."""

    resource = "aws:cloudfront/originAccessControl:OriginAccessControl"
    noun, name = "origin_access_control", Name(limit=64)

    def prepare(self, inputs: Props) -> Props:
        return {"description": "Managed by Pulumi"} | inputs


class CachePolicy(_Part):
    """How long responses are kept, and what tells them apart."""

    resource = "aws:cloudfront/cachePolicy:CachePolicy"
    noun, name = "cache_policy", Name(limit=128)
    defaults = {"defaultTtl": 86400, "maxTtl": 31536000, "minTtl": 0}
    unordered = words(
        "parametersInCacheKeyAndForwardedToOrigin.queryStringsConfig.queryStrings.items "
        "parametersInCacheKeyAndForwardedToOrigin.headersConfig.headers.items "
        "parametersInCacheKeyAndForwardedToOrigin.cookiesConfig.cookies.items"
    )

    def arguments(self, operation: str, props: Props) -> Props:
        key = "parametersInCacheKeyAndForwardedToOrigin"
        plain = {"enableAcceptEncodingGzip": False, "enableAcceptEncodingBrotli": False}
        return super().arguments(operation, {"minTtl": 0} | props | {key: plain | props[key]})


class ResponseHeadersPolicy(_Part):
    """Headers that are added to, or taken from, responses."""

    resource = "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy"
    noun, name = "response_headers_policy", Name(limit=128)
    unordered = words("customHeadersConfig.items removeHeadersConfig.items")


class Function(_Part):
    resource = "aws:cloudfront/function:Function"
    noun, inside = "function", "FunctionConfig"
    replaces = words("name")
    name = Name(limit=64)
    defaults = {"publish": True}
    volatile = words("etag liveStageEtag status")
    tagged = "arn"
    handled = words("code publish")

    def _send(self, aws: Aws, operation: str, new: Props, **condition: str) -> None:
        stores = [{"keyValueStoreArn": arn} for arn in new.get("keyValueStoreAssociations") or []]
        config = self.arguments(operation, {"comment": ""} | new | {"keyValueStoreAssociations": stores or None})
        self.call(aws, operation, config | condition | {"Name": new["name"], "FunctionCode": new["code"].encode()})
        if new.get("publish", True):
            aws.client("cloudfront").publish_function(Name=new["name"], IfMatch=self._etag(aws, new["name"]))

    def create(self, aws: Aws, new: Props) -> str:
        self._send(aws, "create_function", new)
        return str(new["name"])

    def find(self, aws: Aws, identity: str, state: Props) -> Any:
        return aws.client("cloudfront").describe_function(Name=identity, Stage="DEVELOPMENT")

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        answer = self.find(aws, identity, state)
        code = aws.client("cloudfront").get_function(Name=identity, Stage="DEVELOPMENT")["FunctionCode"].read()
        return {
            "name": identity,
            "arn": answer["FunctionSummary"]["FunctionMetadata"]["FunctionARN"],
            "etag": answer["ETag"],
            "status": answer["FunctionSummary"].get("Status", "UNASSOCIATED"),
            "code": code.decode(),
        }

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        self._send(aws, "update_function", new, IfMatch=self._etag(aws, identity))

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        aws.client("cloudfront").delete_function(Name=identity, IfMatch=self._etag(aws, identity))


class KeyValueStore(Kind):
    """What functions read. Its keys are not the infrastructure's: a release writes them."""

    resource = "aws:cloudfront/keyValueStore:KeyValueStore"
    service, keys = "cloudfront", {"Name": "name"}
    make, get = "create_key_value_store", "describe_key_value_store"
    changes = (Change("update_key_value_store"),)
    identity = "{name}"
    outputs = {"arn": "KeyValueStore.ARN", "etag": "ETag"}
    replaces, name = words("name"), Name(limit=64)
    volatile = words("etag lastModifiedTime")
    tagged = "arn"
    recorded = words("timeouts")  # a store is ready at once here

    def _condition(self, aws: Aws, identity: str, state: Props) -> Props:
        return {"IfMatch": self.find(aws, identity, state)["ETag"]}

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        if "comment" in changed:
            where = {"Name": new["name"], "Comment": new.get("comment") or ""}
            self.call(aws, "update_key_value_store", where | self._condition(aws, identity, new))

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        condition = self._condition(aws, identity, state)
        self.call(aws, "delete_key_value_store", {"Name": state["name"]} | condition)


class VpcOrigin(_Part):
    """Lets a distribution reach a load balancer that has no public address."""

    resource = "aws:cloudfront/vpcOrigin:VpcOrigin"
    noun, inside = "vpc_origin", "VpcOriginEndpointConfig"
    tagged = "arn"
    handled = words("vpcOriginEndpointConfig")
    unordered = words("vpcOriginEndpointConfig.originSslProtocols.items")
    honoured = words("timeouts")

    def arguments(self, operation: str, props: Props) -> Props:
        return super().arguments(operation, props["vpcOriginEndpointConfig"])

    def create(self, aws: Aws, new: Props) -> str:
        # An error here leaves nothing in the state, as in pulumi-terraform-bridge for resources of the Plugin Framework
        # (pkg/pf/tfbridge/provider_create.go), though the AWS provider hands over the id.
        identity = super().create(aws, new)
        self._wait(aws, identity, new, "create")
        return identity

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        super().update(aws, identity, new, old, changed)
        self._wait(aws, identity, new, "update")

    def _wait(self, aws: Aws, identity: str, props: Props, verb: str) -> None:
        timeout = (props.get("timeouts") or {}).get(verb) or VPC_ORIGIN_TIMEOUT
        deployed(aws, "vpc_origin", "VpcOrigin", identity, _seconds(timeout))

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        answer = self.find(aws, identity, state)
        origin = answer["VpcOrigin"]
        endpoint = origin["VpcOriginEndpointConfig"]
        return {
            "etag": answer["ETag"],
            "arn": origin["Arn"],
            "vpcOriginEndpointConfig": {
                "name": endpoint["Name"],
                "arn": endpoint["Arn"],
                "httpPort": endpoint["HTTPPort"],
                "httpsPort": endpoint["HTTPSPort"],
                "originProtocolPolicy": endpoint["OriginProtocolPolicy"],
                "originSslProtocols": camel(endpoint["OriginSslProtocols"]),
            },
        }

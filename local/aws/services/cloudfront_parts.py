"""What distributions are made of: access controls, policies, functions, VPC origins."""

# The methods are those of Kind, which documents them; the tables are constants.
# ruff: noqa: D102, RUF012

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any, ClassVar

from ..kind import Kind, pascal, pick, words
from ..naming import Name
from ..session import Aws
from ..wire import Props
from .cloudfront import DEPLOY_DEADLINE_S, DEPLOY_INTERVAL_S, items


class _Part(Kind):
    """Something with a configuration, an id and an ETag; `noun` is how the API calls it."""

    regional = False
    volatile = words("etag")
    noun: ClassVar[str]
    argument: ClassVar[str]
    arn: ClassVar[str]

    def config(self, new: Props) -> Props:
        """The configuration as CloudFront wants it."""
        raise NotImplementedError

    def _call(self, aws: Aws, verb: str, **arguments: Any) -> Props:
        answer: Props = getattr(aws.client("cloudfront"), f"{verb}_{self.noun}")(**arguments)
        return answer

    def _body(self, answer: Props) -> Props:
        return next(value for value in answer.values() if isinstance(value, dict) and "Id" in value)

    def create(self, aws: Aws, new: Props) -> str:
        return str(self._body(self._call(aws, "create", **{self.argument: self.config(new)}))["Id"])

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        answer = self._call(aws, "get", Id=identity)
        return {"etag": answer["ETag"], "arn": aws.arn("cloudfront", f"{self.arn}/{identity}", region="")}

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        etag = self._call(aws, "get", Id=identity)["ETag"]
        self._call(aws, "update", Id=identity, IfMatch=etag, **{self.argument: self.config(new)})

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        self._call(aws, "delete", Id=identity, IfMatch=self._call(aws, "get", Id=identity)["ETag"])


class OriginAccessControl(_Part):
    """Lets a distribution, and nobody else, read a private bucket."""

    resource = "aws:cloudfront/originAccessControl:OriginAccessControl"
    name = Name(limit=64)
    noun, argument, arn = "origin_access_control", "OriginAccessControlConfig", "origin-access-control"

    def prepare(self, inputs: Props) -> Props:
        return {"description": "Managed by Pulumi"} | inputs

    def config(self, new: Props) -> Props:
        return pick(new, "name description signingBehavior signingProtocol originAccessControlOriginType")


class CachePolicy(_Part):
    """How long responses are kept, and what tells them apart."""

    resource = "aws:cloudfront/cachePolicy:CachePolicy"
    name = Name(limit=128)
    defaults = {"defaultTtl": 86400, "maxTtl": 31536000, "minTtl": 0}
    noun, argument, arn = "cache_policy", "CachePolicyConfig", "cache-policy"
    unordered = words(
        "parametersInCacheKeyAndForwardedToOrigin.queryStringsConfig.queryStrings.items "
        "parametersInCacheKeyAndForwardedToOrigin.headersConfig.headers.items "
        "parametersInCacheKeyAndForwardedToOrigin.cookiesConfig.cookies.items"
    )

    def config(self, new: Props) -> Props:
        key = new["parametersInCacheKeyAndForwardedToOrigin"]
        wanted: Props = {
            "EnableAcceptEncodingGzip": key.get("enableAcceptEncodingGzip", False),
            "EnableAcceptEncodingBrotli": key.get("enableAcceptEncodingBrotli", False),
        }
        for name, inner in (("cookies", "cookies"), ("headers", "headers"), ("queryStrings", "queryStrings")):
            given = key[f"{name}Config"]
            behavior = {"cookies": "CookieBehavior", "headers": "HeaderBehavior"}.get(name, "QueryStringBehavior")
            one: Props = {behavior: given[behavior[:1].lower() + behavior[1:]]}
            if given.get(inner):
                one[inner[:1].upper() + inner[1:]] = items(given[inner].get("items"))
            wanted[f"{name[:1].upper()}{name[1:]}Config"] = one
        config = pick(new, "name comment", defaultTtl="DefaultTTL", maxTtl="MaxTTL")
        return config | {"MinTTL": new.get("minTtl", 0), "ParametersInCacheKeyAndForwardedToOrigin": wanted}


class ResponseHeadersPolicy(_Part):
    """Headers that are added to, or taken from, responses."""

    resource = "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy"
    name = Name(limit=128)
    noun, argument, arn = "response_headers_policy", "ResponseHeadersPolicyConfig", "response-headers-policy"
    unordered = words("customHeadersConfig.items removeHeadersConfig.items")

    def config(self, new: Props) -> Props:
        config = pick(new, "name comment")
        if new.get("securityHeadersConfig"):
            config["SecurityHeadersConfig"] = _respelled(pascal(new["securityHeadersConfig"]))
        if new.get("corsConfig"):
            cors = pascal(new["corsConfig"])
            for key, value in cors.items():
                if isinstance(value, dict):
                    listed = value.get("Items") or []
                    cors[key] = {"Quantity": len(listed), "Items": listed}
            config["CorsConfig"] = cors
        for name in ("customHeadersConfig", "removeHeadersConfig"):
            if new.get(name):
                config[name[:1].upper() + name[1:]] = items(pascal(new[name].get("items")))
        if new.get("serverTimingHeadersConfig"):
            config["ServerTimingHeadersConfig"] = pascal(new["serverTimingHeadersConfig"])
        return config


def _respelled(headers: Props) -> Props:
    """Names that are not simply the property's in PascalCase."""
    if "XssProtection" in headers:
        headers["XSSProtection"] = headers.pop("XssProtection")
    return headers


class Function(_Part):
    """Code that runs on every request."""

    resource = "aws:cloudfront/function:Function"
    replaces = words("name")
    name = Name(limit=64)
    defaults = {"publish": True}
    volatile = words("etag liveStageEtag status")
    tagged = ("cloudfront", "arn")

    def config(self, new: Props) -> Props:
        links = [{"KeyValueStoreARN": arn} for arn in new.get("keyValueStoreAssociations") or []]
        wanted: Props = {"Comment": new.get("comment", ""), "Runtime": new["runtime"]}
        return wanted | ({"KeyValueStoreAssociations": items(links)} if links else {})

    def create(self, aws: Aws, new: Props) -> str:
        made = aws.client("cloudfront").create_function(
            Name=new["name"], FunctionConfig=self.config(new), FunctionCode=new["code"].encode()
        )
        self._publish(aws, new, made["ETag"])
        return str(new["name"])

    def _publish(self, aws: Aws, new: Props, etag: str) -> None:
        if new.get("publish", True):
            aws.client("cloudfront").publish_function(Name=new["name"], IfMatch=etag)

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        found = aws.client("cloudfront").describe_function(Name=identity, Stage="DEVELOPMENT")
        code = aws.client("cloudfront").get_function(Name=identity, Stage="DEVELOPMENT")["FunctionCode"].read()
        return {
            "name": identity,
            "arn": found["FunctionSummary"]["FunctionMetadata"]["FunctionARN"],
            "etag": found["ETag"],
            "status": found["FunctionSummary"].get("Status", "UNASSOCIATED"),
            "code": code.decode(),
        }

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        cloudfront = aws.client("cloudfront")
        etag = cloudfront.describe_function(Name=identity, Stage="DEVELOPMENT")["ETag"]
        cloudfront.update_function(
            Name=identity, IfMatch=etag, FunctionConfig=self.config(new), FunctionCode=new["code"].encode()
        )
        self._publish(aws, new, cloudfront.describe_function(Name=identity, Stage="DEVELOPMENT")["ETag"])

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        cloudfront = aws.client("cloudfront")
        etag = cloudfront.describe_function(Name=identity, Stage="DEVELOPMENT")["ETag"]
        cloudfront.delete_function(Name=identity, IfMatch=etag)


class VpcOrigin(_Part):
    """Lets a distribution reach a load balancer that has no public address."""

    resource = "aws:cloudfront/vpcOrigin:VpcOrigin"
    noun, argument = "vpc_origin", "VpcOriginEndpointConfig"
    tagged = ("cloudfront", "arn")

    def config(self, new: Props) -> Props:
        given = new["vpcOriginEndpointConfig"]
        return pick(given, "name arn originProtocolPolicy", httpPort="HTTPPort", httpsPort="HTTPSPort") | {
            "OriginSslProtocols": items(given["originSslProtocols"]["items"])
        }

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        deadline = time.monotonic() + DEPLOY_DEADLINE_S
        while True:
            answer = aws.client("cloudfront").get_vpc_origin(Id=identity)
            if answer["VpcOrigin"]["Status"] == "Deployed" or time.monotonic() > deadline:
                return {"etag": answer["ETag"], "arn": answer["VpcOrigin"]["Arn"]}
            time.sleep(DEPLOY_INTERVAL_S)

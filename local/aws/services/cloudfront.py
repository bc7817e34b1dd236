"""Distributions."""

from __future__ import annotations

import uuid
from collections.abc import Collection

from local.plugin.wire import Props

from ..kind import Change, Kind, words
from ..session import Aws
from ..spelling import at
from ..tagging import pairs
from .cloudfront_parts import deployed

ZONE = "Z2FDTNDATAQYW2"
"""The hosted zone of every distribution."""
NONE: Props = {"Quantity": 0}
# CloudFront wants every setting; these are what the official provider sends where the program says nothing.
CONFIG: Props = {
    "Aliases": NONE,
    "CacheBehaviors": NONE,
    "Comment": "",
    "CustomErrorResponses": NONE,
    "DefaultRootObject": "",
    "HttpVersion": "http2",
    "IsIPV6Enabled": False,
    "Logging": {"Enabled": False, "IncludeCookies": False, "Bucket": "", "Prefix": ""},
    "OriginGroups": NONE,
    "PriceClass": "PriceClass_All",
    "Staging": False,
    "WebACLId": "",
}
ORIGIN: Props = {
    "ConnectionAttempts": 3,
    "ConnectionTimeout": 10,
    "CustomHeaders": NONE,
    "OriginAccessControlId": "",
    "OriginPath": "",
    "OriginShield": {"Enabled": False},
}
ORIGIN_TIMES: Props = {"OriginReadTimeout": 30, "OriginKeepaliveTimeout": 5}
BEHAVIOR: Props = {
    "Compress": False,
    "FieldLevelEncryptionId": "",
    "FunctionAssociations": NONE,
    "LambdaFunctionAssociations": NONE,
    "SmoothStreaming": False,
    "TrustedKeyGroups": {"Enabled": False, **NONE},
    "TrustedSigners": {"Enabled": False, **NONE},
}
TIMES_TO_LIVE: Props = {"MinTTL": 0, "DefaultTTL": 86400, "MaxTTL": 31536000}
"""Only for a behaviour without a cache policy."""


class Distribution(Kind):
    resource = "aws:cloudfront/distribution:Distribution"
    service, make, inside, keys = "cloudfront", "create_distribution", "DistributionConfig", {"Id": "id"}
    changes = (Change("update_distribution"),)
    spelled = {
        "cachedMethods": "",  # part of the allowed methods
        "originId": "Id",
        "name": "HeaderName",
        "value": "HeaderValue",
        "orderedCacheBehaviors": "CacheBehaviors",
        "lambdaArn": "LambdaFunctionARN",
        "loggingConfig": "Logging",
    }
    outputs = {
        "arn": "ARN",
        "domainName": "DomainName",
        "status": "Status",
        "callerReference": "DistributionConfig.CallerReference",
        "enabled": "DistributionConfig.Enabled",
        "comment": "DistributionConfig.Comment",
        "defaultRootObject": "DistributionConfig.DefaultRootObject",
        "priceClass": "DistributionConfig.PriceClass",
    }
    replaces = words("staging")
    unordered = words(
        "origins aliases customErrorResponses originGroups origins.customHeaders restrictions.geoRestriction.locations "
        "defaultCacheBehavior.allowedMethods defaultCacheBehavior.cachedMethods "
        "defaultCacheBehavior.functionAssociations "
        "orderedCacheBehaviors.allowedMethods orderedCacheBehaviors.cachedMethods "
        "orderedCacheBehaviors.functionAssociations origins.customOriginConfig.originSslProtocols"
    )
    defaults = {
        "httpVersion": "http2",
        "priceClass": "PriceClass_All",
        "retainOnDelete": False,
        "waitForDeployment": True,
    }
    volatile = words("etag status lastModifiedTime inProgressValidationBatches")
    honoured = words("retainOnDelete waitForDeployment")
    tagged = "arn"

    def _config(self, new: Props, reference: str) -> Props:
        settings = self.arguments(self.make, new)["DistributionConfig"]
        config: Props = CONFIG | {"CallerReference": reference} | settings
        if new.get("loggingConfig"):
            config["Logging"] = CONFIG["Logging"] | {"Enabled": True} | config["Logging"]
        if config["ViewerCertificate"].get("CloudFrontDefaultCertificate"):
            config["ViewerCertificate"] = {"CloudFrontDefaultCertificate": True, "MinimumProtocolVersion": "TLSv1"}
        geo = new["restrictions"]["geoRestriction"]
        config["Restrictions"] = {
            "GeoRestriction": {"RestrictionType": geo["restrictionType"]} | items(geo.get("locations"))
        }
        for origin in config["Origins"]["Items"]:
            _complete_origin(origin)
        behaviors = [(new["defaultCacheBehavior"], config["DefaultCacheBehavior"])]
        behaviors += zip(new.get("orderedCacheBehaviors") or [], config["CacheBehaviors"].get("Items", []), strict=True)
        for settings, behavior in behaviors:
            _complete(behavior, BEHAVIOR if settings.get("cachePolicyId") else BEHAVIOR | TIMES_TO_LIVE)
            methods = behavior["AllowedMethods"] | {"CachedMethods": items(settings["cachedMethods"])}
            behavior["AllowedMethods"] = methods
        return config

    def create(self, aws: Aws, new: Props) -> str:
        tags = {"Items": pairs(aws.default_tags | (new.get("tags") or {}))}
        arguments = {"DistributionConfig": self._config(new, str(uuid.uuid4())), "Tags": tags}
        made = aws.client("cloudfront").create_distribution_with_tags(DistributionConfigWithTags=arguments)
        return str(made["Distribution"]["Id"])

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        if state.get("waitForDeployment") is False:
            answer = aws.client("cloudfront").get_distribution(Id=identity)
        else:
            answer = deployed(aws, "distribution", "Distribution", identity)
        distribution = answer["Distribution"]
        live = {name: at(distribution, path) for name, path in self.outputs.items()}
        live |= {
            "etag": answer["ETag"],
            "lastModifiedTime": str(distribution["LastModifiedTime"]),
            "hostedZoneId": ZONE,
        }
        return live | {"inProgressValidationBatches": distribution.get("InProgressInvalidationBatches", 0)}

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        cloudfront = aws.client("cloudfront")
        current = cloudfront.get_distribution_config(Id=identity)
        config = self._config(new, current["DistributionConfig"]["CallerReference"])
        cloudfront.update_distribution(Id=identity, IfMatch=current["ETag"], DistributionConfig=config)

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        cloudfront = aws.client("cloudfront")
        current = cloudfront.get_distribution_config(Id=identity)
        etag, config = current["ETag"], current["DistributionConfig"]
        if config["Enabled"]:
            disabled = config | {"Enabled": False}
            etag = cloudfront.update_distribution(Id=identity, IfMatch=etag, DistributionConfig=disabled)["ETag"]
            deployed(aws, "distribution", "Distribution", identity)
        if not state.get("retainOnDelete"):
            cloudfront.delete_distribution(Id=identity, IfMatch=etag)


def _complete(settings: Props, standard: Props) -> None:
    for name, value in standard.items():
        settings.setdefault(name, value)


def _complete_origin(origin: Props) -> None:
    _complete(origin, ORIGIN)
    places = [name for name in ("CustomOriginConfig", "VpcOriginConfig") if name in origin]
    for place in places:
        _complete(origin[place], ORIGIN_TIMES)
    if not places:
        _complete(origin.setdefault("S3OriginConfig", {}), {"OriginAccessIdentity": ""})


def items(values: list[str] | None) -> Props:
    """A list as CloudFront writes it."""
    return {"Quantity": len(values), "Items": values} if values else dict(NONE)

"""Distributions."""

# The methods are those of Kind, which documents them; the tables are constants.
# ruff: noqa: D102, RUF012

from __future__ import annotations

import time
import uuid
from collections.abc import Collection
from typing import Any

from ..kind import Kind, pascal, pick, words
from ..session import Aws
from ..tagging import pairs
from ..wire import Props

DEPLOY_DEADLINE_S = 300
DEPLOY_INTERVAL_S = 0.3
ZONE = "Z2FDTNDATAQYW2"
"""The hosted zone of every distribution."""


def items(values: list[Any] | None) -> Props:
    """A list as CloudFront writes it."""
    values = values or []
    return {"Quantity": len(values), "Items": values} if values else {"Quantity": 0}


def _origin(origin: Props) -> Props:
    wanted: Props = {
        "Id": origin["originId"],
        "DomainName": origin["domainName"],
        "OriginPath": origin.get("originPath", ""),
        "CustomHeaders": items(
            [
                {"HeaderName": header["name"], "HeaderValue": header["value"]}
                for header in origin.get("customHeaders") or []
            ]
        ),
        "ConnectionAttempts": origin.get("connectionAttempts", 3),
        "ConnectionTimeout": origin.get("connectionTimeout", 10),
        "OriginShield": {"Enabled": False},
        "OriginAccessControlId": origin.get("originAccessControlId", ""),
    }
    if origin.get("originShield"):
        wanted["OriginShield"] = pascal(origin["originShield"])
    custom, vpc = origin.get("customOriginConfig"), origin.get("vpcOriginConfig")
    if custom:
        protocols = items(custom["originSslProtocols"])
        wanted["CustomOriginConfig"] = {
            "HTTPPort": custom["httpPort"],
            "HTTPSPort": custom["httpsPort"],
            "OriginProtocolPolicy": custom["originProtocolPolicy"],
            "OriginSslProtocols": protocols,
            "OriginReadTimeout": custom.get("originReadTimeout", 30),
            "OriginKeepaliveTimeout": custom.get("originKeepaliveTimeout", 5),
        }
    elif vpc:
        wanted["VpcOriginConfig"] = {"OriginReadTimeout": 30, "OriginKeepaliveTimeout": 5} | pascal(vpc)
    else:
        identity = (origin.get("s3OriginConfig") or {}).get("originAccessIdentity", "")
        wanted["S3OriginConfig"] = {"OriginAccessIdentity": identity}
    return wanted


def _behavior(behavior: Props) -> Props:
    methods = items(behavior["allowedMethods"]) | {"CachedMethods": items(behavior["cachedMethods"])}
    functions = [
        {"EventType": link["eventType"], "FunctionARN": link["functionArn"]}
        for link in behavior.get("functionAssociations") or []
    ]
    lambdas = [
        {
            "EventType": link["eventType"],
            "LambdaFunctionARN": link["lambdaArn"],
            "IncludeBody": link.get("includeBody", False),
        }
        for link in behavior.get("lambdaFunctionAssociations") or []
    ]
    wanted: Props = {
        "TargetOriginId": behavior["targetOriginId"],
        "ViewerProtocolPolicy": behavior["viewerProtocolPolicy"],
        "AllowedMethods": methods,
        "Compress": behavior.get("compress", False),
        "SmoothStreaming": behavior.get("smoothStreaming", False),
        "FieldLevelEncryptionId": behavior.get("fieldLevelEncryptionId", ""),
        "TrustedSigners": {"Enabled": bool(behavior.get("trustedSigners"))} | items(behavior.get("trustedSigners")),
        "TrustedKeyGroups": {"Enabled": bool(behavior.get("trustedKeyGroups"))}
        | items(behavior.get("trustedKeyGroups")),
        "FunctionAssociations": items(functions),
        "LambdaFunctionAssociations": items(lambdas),
    }
    for key in (
        "cachePolicyId",
        "originRequestPolicyId",
        "responseHeadersPolicyId",
        "pathPattern",
        "realtimeLogConfigArn",
    ):
        if behavior.get(key):
            wanted[key[:1].upper() + key[1:]] = behavior[key]
    forwarded = behavior.get("forwardedValues")
    if forwarded:
        cookies = {"Forward": forwarded["cookies"]["forward"]}
        if forwarded["cookies"].get("whitelistedNames"):
            cookies["WhitelistedNames"] = items(forwarded["cookies"]["whitelistedNames"])
        wanted["ForwardedValues"] = {"QueryString": forwarded["queryString"], "Cookies": cookies}
        wanted["ForwardedValues"] |= {"Headers": items(forwarded.get("headers"))}
    if not behavior.get("cachePolicyId"):
        wanted |= {"MinTTL": behavior.get("minTtl", 0)}
        wanted |= {"DefaultTTL": behavior.get("defaultTtl", 86400), "MaxTTL": behavior.get("maxTtl", 31536000)}
    return wanted


def _certificate(certificate: Props) -> Props:
    if certificate.get("cloudfrontDefaultCertificate"):
        return {"CloudFrontDefaultCertificate": True, "MinimumProtocolVersion": "TLSv1"}
    return pick(
        certificate,
        "minimumProtocolVersion",
        acmCertificateArn="ACMCertificateArn",
        iamCertificateId="IAMCertificateId",
        sslSupportMethod="SSLSupportMethod",
    )


class Distribution(Kind):
    """What the world talks to."""

    resource = "aws:cloudfront/distribution:Distribution"
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
    tagged = ("cloudfront", "arn")
    regional = False

    def _config(self, new: Props, reference: str) -> Props:
        errors = [
            pick(answer, "errorCode responsePagePath", errorCachingMinTtl="ErrorCachingMinTTL")
            | ({"ResponseCode": str(answer["responseCode"])} if answer.get("responseCode") else {})
            for answer in new.get("customErrorResponses") or []
        ]
        logs = new.get("loggingConfig") or {}
        groups = [
            {
                "Id": group["originId"],
                "FailoverCriteria": {"StatusCodes": items(group["failoverCriteria"]["statusCodes"])},
                "Members": items([{"OriginId": member["originId"]} for member in group["members"]]),
            }
            for group in new.get("originGroups") or []
        ]
        geo = new["restrictions"]["geoRestriction"]
        return {
            "CallerReference": reference,
            "Aliases": items(new.get("aliases")),
            "DefaultRootObject": new.get("defaultRootObject", ""),
            "Origins": items([_origin(origin) for origin in new["origins"]]),
            "OriginGroups": items(groups),
            "DefaultCacheBehavior": _behavior(new["defaultCacheBehavior"]),
            "CacheBehaviors": items([_behavior(behavior) for behavior in new.get("orderedCacheBehaviors") or []]),
            "CustomErrorResponses": items(errors),
            "Comment": new.get("comment", ""),
            "Logging": {
                "Enabled": bool(logs),
                "IncludeCookies": logs.get("includeCookies", False),
                "Bucket": logs.get("bucket", ""),
                "Prefix": logs.get("prefix", ""),
            },
            "PriceClass": new.get("priceClass", "PriceClass_All"),
            "Enabled": new["enabled"],
            "ViewerCertificate": _certificate(new["viewerCertificate"]),
            "Restrictions": {
                "GeoRestriction": {"RestrictionType": geo["restrictionType"]} | items(geo.get("locations")),
            },
            "WebACLId": new.get("webAclId", ""),
            "HttpVersion": new.get("httpVersion", "http2"),
            "IsIPV6Enabled": new.get("isIpv6Enabled", False),
            "Staging": new.get("staging", False),
        }

    def create(self, aws: Aws, new: Props) -> str:
        tags = {"Items": pairs(aws.default_tags | (new.get("tags") or {}))}
        wanted = {"DistributionConfig": self._config(new, str(uuid.uuid4())), "Tags": tags}
        made = aws.client("cloudfront").create_distribution_with_tags(DistributionConfigWithTags=wanted)
        return str(made["Distribution"]["Id"])

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        deadline = time.monotonic() + DEPLOY_DEADLINE_S
        while True:
            answer = aws.client("cloudfront").get_distribution(Id=identity)
            found = answer["Distribution"]
            if found["Status"] == "Deployed" or state.get("waitForDeployment") is False or time.monotonic() > deadline:
                break
            time.sleep(DEPLOY_INTERVAL_S)
        config = found["DistributionConfig"]
        return {
            "arn": found["ARN"],
            "domainName": found["DomainName"],
            "etag": answer["ETag"],
            "status": found["Status"],
            "hostedZoneId": ZONE,
            "callerReference": config["CallerReference"],
            "lastModifiedTime": str(found["LastModifiedTime"]),
            "inProgressValidationBatches": found.get("InProgressInvalidationBatches", 0),
            "enabled": config["Enabled"],
            "comment": config.get("Comment", ""),
            "defaultRootObject": config.get("DefaultRootObject", ""),
            "priceClass": config.get("PriceClass", "PriceClass_All"),
        }

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
            deadline = time.monotonic() + DEPLOY_DEADLINE_S
            while cloudfront.get_distribution(Id=identity)["Distribution"]["Status"] != "Deployed":
                if time.monotonic() > deadline:
                    raise TimeoutError(f"still not disabled after {DEPLOY_DEADLINE_S} s")
                time.sleep(DEPLOY_INTERVAL_S)
        if not state.get("retainOnDelete"):
            cloudfront.delete_distribution(Id=identity, IfMatch=etag)

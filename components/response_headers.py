"""The headers that CloudFront adds to every answer, and a policy that two versions of a page can both live under."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

YEAR_S = 31_536_000
S3_KEY = "x-amz-server-side-encryption-aws-kms-key-id"
# "Content Security Policy Level 3" (W3C), 6.8.3 "Get fetch directive fallback list". A directive of another kind that
# is not there limits nothing.
_FALLBACKS: Mapping[str, Sequence[str]] = {
    "script-src-elem": ("script-src", "default-src"),
    "script-src-attr": ("script-src", "default-src"),
    "style-src-elem": ("style-src", "default-src"),
    "style-src-attr": ("style-src", "default-src"),
    "worker-src": ("child-src", "script-src", "default-src"),
    "frame-src": ("child-src", "default-src"),
    **dict.fromkeys(
        (
            *("child-src", "connect-src", "font-src", "img-src", "manifest-src"),
            *("media-src", "object-src", "script-src", "style-src"),
        ),
        ("default-src",),
    ),
}
# Where these stand, 'unsafe-inline' and names of hosts do not count (6.7.3.2 and 8.2 of the same): no union exists.
_EXCLUSIVE = ("'nonce-", "'sha256-", "'sha384-", "'sha512-", "'strict-dynamic'")
_REPORTING = ("report-to", "report-uri")


def policy(
    name: str,
    content_security_policy: str,
    permissions_policy: str | None,
    *,
    hsts_subdomains: bool,
    hide_key: bool,
    opts: pulumi.ResourceOptions,
) -> aws.cloudfront.ResponseHeadersPolicy:
    """The policy that adds them, also where the origin sends others.

    With `hide_key` it takes away the one in which S3 tells the ARN of an object's key, and so the account.
    """
    custom: Any = None
    if permissions_policy:
        header = {"header": "Permissions-Policy", "value": permissions_policy, "override": True}
        custom = {"items": [header]}
    return aws.cloudfront.ResponseHeadersPolicy(
        name,
        security_headers_config={
            "content_security_policy": {"content_security_policy": content_security_policy, "override": True},
            "content_type_options": {"override": True},
            "frame_options": {"frame_option": "DENY", "override": True},
            "referrer_policy": {"referrer_policy": "same-origin", "override": True},
            "strict_transport_security": {
                "access_control_max_age_sec": YEAR_S,
                "include_subdomains": hsts_subdomains,
                "override": True,
            },
        },
        custom_headers_config=custom,
        remove_headers_config={"items": [{"header": S3_KEY}]} if hide_key else None,
        opts=opts,
    )


def union(running: str, coming: str) -> str:
    """A policy that allows what either allows; reports go where `coming` says.

    `coming` where both are the same, and where no such policy can be written: one allows scripts by nonce or hash, the
    other does not.
    """
    old_policy, new_policy = _parse(running), _parse(coming)
    if old_policy == new_policy:
        return coming
    merged: dict[str, Sequence[str]] = {}
    named = dict.fromkeys([*new_policy, *old_policy])
    if "child-src" in named:
        # Of two directives that a worker falls back to, one may be in one policy, and one in the other.
        named["worker-src"] = None
    for directive in named:
        if directive in _REPORTING:
            sources: Sequence[str] | None = new_policy.get(directive)
        else:
            old, new = _effective(old_policy, directive), _effective(new_policy, directive)
            if old is None or new is None:
                continue
            if _exclusive(old) != _exclusive(new):
                return coming
            sources = _merged(new, old)
        if sources is not None:
            merged[directive] = sources
    return "; ".join(" ".join((directive, *sources)) for directive, sources in merged.items())


def _parse(policy: str) -> dict[str, tuple[str, ...]]:
    directives: dict[str, tuple[str, ...]] = {}
    for part in policy.split(";"):
        name, *sources = part.split() or [""]
        if name:
            # The first of two directives of one name counts: 2.2.1 of the same.
            directives.setdefault(name.lower(), tuple(sources))
    return directives


def _effective(policy: Mapping[str, tuple[str, ...]], directive: str) -> tuple[str, ...] | None:
    """The sources that count for `directive`; None where the policy does not limit it."""
    names = (directive, *_FALLBACKS.get(directive, ()))
    return next((policy[name] for name in names if name in policy), None)


def _exclusive(sources: Sequence[str]) -> set[str]:
    return {prefix for prefix in _EXCLUSIVE for source in sources if source.lower().startswith(prefix)}


def _merged(first: Sequence[str], second: Sequence[str]) -> Sequence[str]:
    every = [source for source in dict.fromkeys([*first, *second]) if source.lower() != "'none'"]
    return every or first

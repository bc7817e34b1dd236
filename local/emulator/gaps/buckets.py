"""Gaps: what a bucket keeps, answers, and is asked for by a distribution."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote_plus

from ministack.core.iam_evaluator import EvalContext, evaluate_resource_policy
from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudfront, s3

from local.emulator.gaps import around, instead_of


@instead_of(cloudfront, "_s3_object_key")
def object_key(origin: dict[str, Any], uri: str) -> str:
    """Gap: a bucket behind a distribution has an object under a name with +; S3 reads the + of a path as a space.

    So a browser, which does not encode it, gets no such object ("Naming Amazon S3 objects", Amazon S3 User Guide, has +
    among the characters that need special handling; https://github.com/sveltejs/kit/issues/6451 is what comes of it).
    """
    return unquote_plus((origin.get("origin_path") or "") + uri).lstrip("/")


@around(s3, "_put_bucket_policy")
def put_bucket_policy(put: Any, name: str, body: bytes) -> Any:
    """Gap: a bucket's policy is given back as it was put.

    S3 gives back each principal once, in an order of its own, and one alone without its list:

    "Principals in aws_s3_bucket_policy should be ordered for plan", issue 18878, hashicorp/terraform-provider-aws;
    "resource aws_s3_bucket keeps modifying policy", issue 2432, hashicorp/terraform.
    """
    try:
        policy = json.loads(body)
        for statement in policy["Statement"]:
            if isinstance(statement.get("Principal"), dict):
                statement["Principal"] = {kind: _as_s3(who) for kind, who in statement["Principal"].items()}
        body = json.dumps(policy).encode()
    except (ValueError, TypeError, KeyError):
        pass  # it is for the emulator to refuse it
    return put(name, body)


def _as_s3(principals: Any) -> Any:
    if not isinstance(principals, list):
        return principals
    once = sorted(set(principals), reverse=True)
    return once[0] if len(once) == 1 else once


@around(s3, "serve_cloudfront_origin_fetch")
def serve_cloudfront_origin_fetch(
    serve: Any, name: str, key: str, *request: Any, source_arn: str = "", **rest: Any
) -> Any:
    """Gap: a distribution answers 403 for an object that its bucket does not have, whatever the bucket's policy says.

    S3 answers 404 to who may list the bucket, and 403 to others: GetObject, Amazon S3 API Reference.
    """
    answer = serve(name, key, *request, source_arn=source_arn, **rest)
    bucket = s3._ensure_bucket(name)
    if answer[0] == 403 and bucket and key not in bucket["objects"] and _may_list(name, source_arn):
        return s3._error("NoSuchKey", "The specified key does not exist.", 404, f"/{name}/{key}")
    return answer


def _may_list(name: str, distribution: str) -> bool:
    owner = s3._bucket_owner_account(name) or get_account_id()
    policy = s3._bucket_policies.get_scoped(owner, None, name)
    if not policy or not distribution:
        return False
    request = EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action="s3:ListBucket",
        resource_arn=f"arn:aws:s3:::{name}",
        region=get_region(),
        service_context={"aws:sourcearn": distribution},
    )
    return bool(evaluate_resource_policy(policy, request, service="cloudfront.amazonaws.com").decision == "Allow")


@around(s3, "_put_object")
def put_object(put: Any, bucket: str, key: str, body: bytes, headers: dict[str, str]) -> Any:
    """Gap: the answer to PutObject leaves out the checksum that the request sent or asked for."""
    status, fields, answer = put(bucket, key, body, headers)
    if status == 200:
        checksums, _ = s3._resolve_object_checksums(body, headers)
        fields.update({f"x-amz-checksum-{name.lower()}": value for name, value in checksums.items()})
        if checksums:
            fields["x-amz-checksum-type"] = "FULL_OBJECT"
    return status, fields, answer

"""Gap: a distribution answers 403 for an object that its bucket does not have, whatever the bucket's policy says.

S3 answers 404 to who may list the bucket, and 403 to others: GetObject, Amazon S3 API Reference.
"""

from __future__ import annotations

from typing import Any

from ministack.core.iam_evaluator import EvalContext, evaluate_resource_policy
from ministack.core.responses import get_account_id, get_region
from ministack.services import s3


def close() -> None:
    s3.serve_cloudfront_origin_fetch = _telling(s3.serve_cloudfront_origin_fetch)


def _telling(serve: Any) -> Any:
    def serve_cloudfront_origin_fetch(name: str, key: str, *request: Any, source_arn: str = "", **rest: Any) -> Any:
        answer = serve(name, key, *request, source_arn=source_arn, **rest)
        bucket = s3._ensure_bucket(name)
        if answer[0] == 403 and bucket and key not in bucket["objects"] and _may_list(name, source_arn):
            return s3._error("NoSuchKey", "The specified key does not exist.", 404, f"/{name}/{key}")
        return answer

    return serve_cloudfront_origin_fetch


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

"""Gap: a bucket's policy is given back as it was put.

S3 gives back each principal once, in an order of its own, and one alone without its list:

"Principals in aws_s3_bucket_policy should be ordered for plan", issue 18878, hashicorp/terraform-provider-aws;
"resource aws_s3_bucket keeps modifying policy", issue 2432, hashicorp/terraform.
"""

from __future__ import annotations

import json
from typing import Any

from ministack.services import s3


def close() -> None:
    """Keep policies as S3 does."""
    s3._put_bucket_policy = _normalised(s3._put_bucket_policy)


def _normalised(put: Any) -> Any:
    def put_bucket_policy(name: str, body: bytes) -> Any:
        try:
            policy = json.loads(body)
            for statement in policy["Statement"]:
                if isinstance(statement.get("Principal"), dict):
                    statement["Principal"] = {kind: _as_s3(who) for kind, who in statement["Principal"].items()}
            body = json.dumps(policy).encode()
        except (ValueError, TypeError, KeyError):
            pass  # it is for the emulator to refuse it
        return put(name, body)

    return put_bucket_policy


def _as_s3(principals: Any) -> Any:
    if not isinstance(principals, list):
        return principals
    once = sorted(set(principals), reverse=True)
    return once[0] if len(once) == 1 else once

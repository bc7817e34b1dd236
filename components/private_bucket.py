"""A bucket that is private, versioned and encrypted, with the policy its owner writes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pulumi
import pulumi_aws as aws

from components import policies
from components.component import Component

NONCURRENT_DAYS = 30
"""Days that a replaced or deleted object can be restored."""
ABANDONED_UPLOAD_DAYS = 7
"""Days after which the parts of an upload that nobody finished are removed."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PrivateBucketArgs:
    keep: Literal["protected", "retained"] | None
    """What happens when Pulumi is to delete it. `protected`: Pulumi refuses, and refuses to replace it. `retained`: it
    stays in AWS with what is set on it, and Pulumi forgets it. None: it is deleted with its objects. What is protected
    is retained as well, so that `pulumi state unprotect` alone loses nothing. To delete it after all: `pulumi up` with
    None, then delete."""
    expire_days: int | None = None
    """Days after which an object is removed. None: no rule ever removes a current object."""
    key_arn: str | None = None
    """KMS key that new objects are encrypted with. None: S3's own. Whoever reads or writes has to be allowed to use it
    (kms:Decrypt, kms:GenerateDataKey)."""


class PrivateBucket(Component):
    """A bucket without public access or ACLs, versioned, encrypted, for TLS only.

    It has the name that the engine makes up: a name of the program's could not be given to a bucket that replaces it.
    The caller adds statements with `policy` once it knows them: a bucket has one policy. Raises ValueError for
    `expire_days` below 1.
    """

    bucket: pulumi.Output[str]
    arn: pulumi.Output[str]
    domain_name: pulumi.Output[str]
    """The regional domain name, as a CDN's origin."""

    def __init__(self, name: str, args: PrivateBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        if args.expire_days is not None and args.expire_days < 1:
            raise ValueError(f"expire_days is {args.expire_days}: expected 1 or more, or None to keep objects")
        super().__init__("easi:storage:PrivateBucket", name, opts)
        self._name = name
        retained = True if args.keep else None
        # What is set on a bucket that stays in AWS stays, too: it may not lose its versions or its privacy.
        self._set = pulumi.ResourceOptions(parent=self, retain_on_delete=retained)
        bucket = aws.s3.Bucket(
            name,
            force_destroy=args.keep is None,
            opts=pulumi.ResourceOptions(
                parent=self, protect=True if args.keep == "protected" else None, retain_on_delete=retained
            ),
        )
        self.bucket, self.arn, self.domain_name = bucket.bucket, bucket.arn, bucket.bucket_regional_domain_name
        aws.s3.BucketOwnershipControls(
            name, bucket=bucket.bucket, rule={"object_ownership": "BucketOwnerEnforced"}, opts=self._set
        )
        self._access = aws.s3.BucketPublicAccessBlock(
            name,
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self._set,
        )
        versioning = aws.s3.BucketVersioning(
            name, bucket=bucket.bucket, versioning_configuration={"status": "Enabled"}, opts=self._set
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            name,
            bucket=bucket.bucket,
            rules=[_encryption(args.key_arn)],
            opts=self._set,
        )
        aws.s3.BucketLifecycleConfiguration(
            name,
            bucket=bucket.bucket,
            rules=[_lifecycle(args.expire_days)],
            opts=pulumi.ResourceOptions.merge(self._set, pulumi.ResourceOptions(depends_on=[versioning])),
        )
        self.register_outputs({"bucket": self.bucket, "arn": self.arn, "domainName": self.domain_name})

    def policy(self, statements: Sequence[Mapping[str, Any]]) -> aws.s3.BucketPolicy:
        """The bucket's policy: TLS only, and `statements`."""
        return aws.s3.BucketPolicy(
            self._name,
            bucket=self.bucket,
            policy=policies.document(
                policies.only_tls("s3:*", [self.arn, pulumi.Output.concat(self.arn, "/*")]), *statements
            ),
            # S3 refuses concurrent changes of a bucket's policy and its public access block.
            opts=pulumi.ResourceOptions.merge(self._set, pulumi.ResourceOptions(depends_on=[self._access])),
        )


def _encryption(key_arn: str | None) -> aws.s3.BucketServerSideEncryptionConfigurationRuleArgsDict:
    if key_arn is None:
        return {"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}
    return {
        "apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms", "kms_master_key_id": key_arn},
        # S3 asks KMS once for many objects.
        "bucket_key_enabled": True,
    }


def _lifecycle(expire_days: int | None) -> aws.s3.BucketLifecycleConfigurationRuleArgsDict:
    rule: aws.s3.BucketLifecycleConfigurationRuleArgsDict = {
        "id": "replaced-objects" if expire_days is None else "expired-objects",
        "status": "Enabled",
        "filter": {"prefix": ""},
        "noncurrent_version_expiration": {
            "noncurrent_days": NONCURRENT_DAYS if expire_days is None else min(NONCURRENT_DAYS, expire_days)
        },
        "abort_incomplete_multipart_upload": {"days_after_initiation": ABANDONED_UPLOAD_DAYS},
    }
    if expire_days is not None:
        rule["expiration"] = {"days": expire_days}
    return rule

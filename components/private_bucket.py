"""A bucket that is private, versioned and encrypted, with the policy its owner writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from components import policies

NONCURRENT_DAYS = 30
"""Days that a replaced or deleted object can be restored. No rule removes a current object."""


class PrivateBucket(pulumi.ComponentResource):
    """A bucket without public access or ACLs, versioned, encrypted with S3's key, for TLS only.

    The caller adds statements with `policy` once it knows them: a bucket has one policy.
    """

    bucket: pulumi.Output[str]
    arn: pulumi.Output[str]
    domain_name: pulumi.Output[str]
    """The regional domain name, as a CDN's origin."""

    def __init__(self, name: str, *, keep: bool, opts: pulumi.ResourceOptions | None = None) -> None:
        """Make the bucket; `keep` refuses to destroy it while it has objects."""
        super().__init__("easi:storage:PrivateBucket", name, {}, opts)
        self._name = name
        child = pulumi.ResourceOptions(parent=self)
        bucket = aws.s3.Bucket(
            name,
            force_destroy=not keep,
            opts=pulumi.ResourceOptions(parent=self, protect=keep),
        )
        self.bucket, self.arn, self.domain_name = bucket.bucket, bucket.arn, bucket.bucket_regional_domain_name
        aws.s3.BucketOwnershipControls(
            name, bucket=bucket.bucket, rule={"object_ownership": "BucketOwnerEnforced"}, opts=child
        )
        self._access = aws.s3.BucketPublicAccessBlock(
            name,
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=child,
        )
        versioning = aws.s3.BucketVersioning(
            name, bucket=bucket.bucket, versioning_configuration={"status": "Enabled"}, opts=child
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            name,
            bucket=bucket.bucket,
            rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}],
            opts=child,
        )
        aws.s3.BucketLifecycleConfiguration(
            name,
            bucket=bucket.bucket,
            rules=[
                {
                    "id": "replaced-objects",
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    "noncurrent_version_expiration": {"noncurrent_days": NONCURRENT_DAYS},
                    "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
                }
            ],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[versioning]),
        )
        self.register_outputs({"bucket": self.bucket, "arn": self.arn, "domainName": self.domain_name})

    def policy(self, statements: Sequence[Mapping[str, Any]]) -> aws.s3.BucketPolicy:
        """The bucket's policy: TLS only, and `statements`."""
        return aws.s3.BucketPolicy(
            self._name,
            bucket=self.bucket,
            policy=policies.document(policies.only_tls(self.arn), *statements),
            # S3 refuses concurrent changes of a bucket's policy and its public access block.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._access]),
        )

"""What an environment keeps of its releases: images and records, and who may read them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from components import policies
from components.component import Component
from components.private_bucket import PrivateBucket, PrivateBucketArgs

ATTEMPTS = ("attempts/", "purges/", "statements/")
"""Where the records bucket has what began, how it ended, and what people stated: written once, then neither replaced
nor deleted."""
UNTAGGED_DAYS = 14
"""Days after which an image that no release names is removed. Releases are tagged, and no rule touches a tag."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReleaseStoreArgs:
    partition: str = "aws"
    """AWS partition of the reading accounts."""
    reader_accounts: Sequence[str] = ()
    """Accounts that promote from here: they may pull images, read their scans and read records, nothing else."""
    key_arn: str | None = None
    """KMS key that images and records are encrypted with; None for the services' own encryption. A repository that
    exists keeps the encryption that it has: ECR cannot change it, and another repository would be without the images.
    The key's policy has to let whoever makes the repository create grants (kms:CreateGrant, kms:DescribeKey):
    https://docs.aws.amazon.com/AmazonECR/latest/userguide/encryption-at-rest.html"""
    keep: bool = True
    """Refuse to delete or replace images and records, and leave them in AWS otherwise; let nobody delete what attempts
    left. To delete them: `pulumi up` with False, then destroy."""


class ReleaseStore(Component):
    """An ECR repository and a bucket of records, the environment's own.

    Both have names that the engine makes up, such as `reports-prod-store-1a2b3c4`. A name that the program derives from
    something would change with it, and ECR cannot rename: that would be a new repository, without the images that
    releases name. A made-up name stays whatever else is renamed, and nobody has to type it: the stack's outputs and the
    image of every release say it.
    """

    repository_url: pulumi.Output[str]
    repository_arn: pulumi.Output[str]
    registry_id: pulumi.Output[str]
    records_bucket: pulumi.Output[str]

    def __init__(self, name: str, args: ReleaseStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("easi:release:ReleaseStore", name, opts)
        repository = aws.ecr.Repository(
            name,
            # Releases name images by digest, so a tag may move: a second build of one commit is not an error.
            image_tag_mutability="MUTABLE",
            image_scanning_configuration={"scan_on_push": True},
            encryption_configurations=[{"encryption_type": "KMS", "kms_key": args.key_arn}] if args.key_arn else None,
            force_delete=not args.keep,
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=True if args.keep else None,
                retain_on_delete=True if args.keep else None,
                # A repository that exists stays the one it is, whoever named it.
                ignore_changes=["name", "encryptionConfigurations"],
            ),
        )
        aws.ecr.LifecyclePolicy(name, repository=repository.name, policy=json.dumps(_UNTAGGED_EXPIRE), opts=self.child)
        if args.reader_accounts:
            # A policy of a repository names no resource.
            pull = {
                "Sid": "ReadersPull",
                "Effect": "Allow",
                "Principal": policies.accounts_as_principal(args.reader_accounts, args.partition),
                "Action": [
                    "ecr:BatchCheckLayerAvailability",
                    "ecr:BatchGetImage",
                    "ecr:DescribeImageScanFindings",
                    "ecr:GetDownloadUrlForLayer",
                ],
            }
            aws.ecr.RepositoryPolicy(name, repository=repository.name, policy=policies.document(pull), opts=self.child)
        records = PrivateBucket(
            f"{name}-records",
            PrivateBucketArgs(keep="protected" if args.keep else None, key_arn=args.key_arn),
            opts=self.child,
        )
        records.policy(
            [
                *policies.readable_by(args.reader_accounts, args.partition, records.arn),
                *_append_only(
                    [pulumi.Output.concat(records.arn, f"/{prefix}*") for prefix in ATTEMPTS], keep=args.keep
                ),
            ]
        )
        self.repository_url, self.repository_arn = repository.repository_url, repository.arn
        self.registry_id, self.records_bucket = repository.registry_id, records.bucket
        self.register_outputs({"repositoryUrl": self.repository_url, "recordsBucket": self.records_bucket})


def _append_only(attempts: Sequence[pulumi.Output[str]], *, keep: bool) -> list[dict[str, Any]]:
    """Statements of a bucket policy: nobody replaces what an attempt left, and while it is kept nobody deletes it.

    Where an object was deleted, a conditional write finds none: the first means little without the second. Whoever may
    change the policy may end both, so that they hold off mistakes, not administrators.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
    """
    once = {
        "Sid": "AttemptsOnce",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": attempts,
        "Condition": {"Null": {"s3:if-none-match": "true"}},
    }
    stay = {
        "Sid": "AttemptsStay",
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["s3:DeleteObject", "s3:DeleteObjectVersion"],
        "Resource": attempts,
    }
    return [once, stay] if keep else [once]


_UNTAGGED_EXPIRE = {
    "rules": [
        {
            "rulePriority": 1,
            "description": "images that no release names",
            "selection": {
                "tagStatus": "untagged",
                "countType": "sinceImagePushed",
                "countUnit": "days",
                "countNumber": UNTAGGED_DAYS,
            },
            "action": {"type": "expire"},
        }
    ]
}

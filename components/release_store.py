"""What an environment keeps of its releases: images and records, and who may read them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from components import policies
from components.private_bucket import PrivateBucket

UNTAGGED_DAYS = 14
"""Days after which an image that no release names is removed. Releases are tagged, and no rule touches a tag."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReleaseStoreArgs:
    """Where releases are kept and for whom."""

    repository: str
    """Name of the image repository."""
    partition: str = "aws"
    """AWS partition of the reading accounts."""
    reader_accounts: Sequence[str] = ()
    """Accounts that promote from here: they may pull images and read records, nothing else."""
    keep: bool = True
    """Refuse to destroy images and records."""


class ReleaseStore(pulumi.ComponentResource):
    """An ECR repository and a bucket of records, the environment's own."""

    repository_url: pulumi.Output[str]
    repository_arn: pulumi.Output[str]
    registry_id: pulumi.Output[str]
    records_bucket: pulumi.Output[str]

    def __init__(self, name: str, args: ReleaseStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("easi:release:ReleaseStore", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        repository = aws.ecr.Repository(
            name,
            name=args.repository,
            # Releases name images by digest, so a tag may move: a second build of one commit is not an error.
            image_tag_mutability="MUTABLE",
            image_scanning_configuration={"scan_on_push": True},
            force_delete=not args.keep,
            opts=pulumi.ResourceOptions(parent=self, protect=args.keep),
        )
        aws.ecr.LifecyclePolicy(name, repository=repository.name, policy=json.dumps(_UNTAGGED_EXPIRE), opts=child)
        if args.reader_accounts:
            aws.ecr.RepositoryPolicy(
                name,
                repository=repository.name,
                policy=policies.document(
                    {
                        "Sid": "ReadersPull",
                        "Effect": "Allow",
                        "Principal": {
                            "AWS": [f"arn:{args.partition}:iam::{account}:root" for account in args.reader_accounts]
                        },
                        "Action": [
                            "ecr:BatchCheckLayerAvailability",
                            "ecr:BatchGetImage",
                            "ecr:GetDownloadUrlForLayer",
                        ],
                    }
                ),
                opts=child,
            )
        records = PrivateBucket(f"{name}-records", keep=args.keep, opts=child)
        records.policy(policies.readable_by(args.reader_accounts, args.partition, records.arn))
        self.repository_url, self.repository_arn = repository.repository_url, repository.arn
        self.registry_id, self.records_bucket = repository.registry_id, records.bucket
        self.register_outputs({"repositoryUrl": self.repository_url, "recordsBucket": self.records_bucket})


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

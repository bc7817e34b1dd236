"""Regions of AWS, and where a VPC origin of CloudFront may stand."""

from __future__ import annotations

import botocore.loaders

VPC_ORIGIN_REGIONS = frozenset(
    {
        "af-south-1",
        "ap-east-1",
        "ap-east-2",
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-northeast-3",
        "ap-south-1",
        "ap-south-2",
        "ap-southeast-1",
        "ap-southeast-2",
        "ap-southeast-3",
        "ap-southeast-4",
        "ap-southeast-5",
        "ap-southeast-7",
        "ca-central-1",
        "ca-west-1",
        "eu-central-1",
        "eu-central-2",
        "eu-north-1",
        "eu-south-1",
        "eu-south-2",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "il-central-1",
        "me-central-1",
        "me-south-1",
        "mx-central-1",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
    }
)
"""Commercial Regions with VPC origins; no other partition has them. "Restrict access with VPC origins", Amazon
CloudFront Developer Guide, "Supported AWS Regions for VPC origins"."""
ZONES_WITHOUT_VPC_ORIGINS = ("use1-az3", "usw1-az2", "apne1-az3", "cac1-az3")
"""By zone id: which name a zone has differs per account. The same page. Fargate has nothing in usw1-az2 and apne1-az3
either ("Supported Regions for Amazon ECS on AWS Fargate", Amazon ECS Developer Guide), and no ARM64 in use1-az3
("Amazon ECS task definitions for 64-bit ARM workloads")."""


REGION = "|".join(
    partition["regionRegex"].replace(r"\w", "[a-z]").replace(r"\d", "[0-9]")
    for partition in botocore.loaders.create_loader().load_data("partitions")["partitions"]
)
"""A pattern of the names that Regions have in every partition: botocore's, in which \\w would take capitals too."""

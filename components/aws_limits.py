"""What AWS offers: regions and zones, address ranges of a network, sizes of a task, days of a log.

Settings, `account.state` and the local AWS read it, too: the AWS provider is not imported here.
"""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

import botocore.loaders

REGION = "|".join(
    partition["regionRegex"].strip("^$").replace(r"\w", "[a-z]").replace(r"\d", "[0-9]")
    for partition in botocore.loaders.create_loader().load_data("partitions")["partitions"]
)
"""A pattern of the names that Regions have in every partition: botocore's, in which \\w would take capitals too."""


def arn(service: str, resource: str, *, region: str = f"(?:{REGION})", account: str = r"\d{12}") -> str:
    """A pattern of ARNs; `resource` is one, too."""
    return rf"arn:aws[a-z-]*:{service}:{region}:{account}:{resource}"


SECRET_ARN = arn("secretsmanager", r"secret:\S+")
PARAMETER_ARN = arn("ssm", r"parameter/\S+")
WEB_ACL_ARN = arn("wafv2", r"global/webacl/[^/\s]+/[^/\s]+", region="us-east-1")
"""Of scope CLOUDFRONT."""
POLICY_ARN = arn("iam", r"policy/\S+", region="", account=r"(\d{12}|aws)")
KEY_ARN = arn("kms", r"key/[\w-]+")


def certificate_arn(region: str = f"(?:{REGION})") -> str:
    """A pattern of the ARNs of certificates."""
    return arn("acm", r"certificate/[\w-]+", region=region)


VPC_ORIGIN_REGIONS = frozenset(
    {
        *("af-south-1", "il-central-1", "me-central-1", "me-south-1"),
        *("ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1"),
        *("ap-south-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5"),
        *("ap-southeast-7",),
        *("eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1"),
        *("eu-west-2", "eu-west-3"),
        *("ca-central-1", "ca-west-1", "mx-central-1", "sa-east-1", "us-east-1", "us-east-2"),
        *("us-west-1", "us-west-2"),
    }
)
"""Commercial Regions with VPC origins; no other partition has them. "Restrict access with VPC origins", Amazon
CloudFront Developer Guide, "Supported AWS Regions for VPC origins"."""
ZONES_WITHOUT_VPC_ORIGINS = ("use1-az3", "usw1-az2", "apne1-az3", "cac1-az3")
"""By zone id: which name a zone has differs per account. The same page. Fargate has nothing in usw1-az2 and apne1-az3
either ("Supported Regions for Amazon ECS on AWS Fargate", Amazon ECS Developer Guide), and no ARM64 in use1-az3
("Amazon ECS task definitions for 64-bit ARM workloads")."""

MIN_ZONES = 2
"""An Application Load Balancer needs two availability zones."""
MAX_ZONES = 3
SUBNET_PREFIX = 24
NETWORK_PREFIX = SUBNET_PREFIX - 3
LARGEST_PREFIX = 16
"""https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html"""

MEMORY_MIB: dict[int, range] = {
    512: range(1024, 4096 + 1, 1024),
    1024: range(2048, 8192 + 1, 1024),
    2048: range(4096, 16384 + 1, 1024),
    4096: range(8192, 30720 + 1, 1024),
    8192: range(16384, 61440 + 1, 4096),
    16384: range(32768, 122880 + 1, 8192),
}
"""CPU units of a task on Fargate to memory in MiB; 256 CPU units are the exception without a step.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html
"""
SMALLEST_CPU = 256
SMALLEST_MEMORY_MIB = (512, 1024, 2048)
ARCHITECTURES = ("X86_64", "ARM64")
"""https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html"""
RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""The days that a log group can have.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
"""


class ZoneBlocks(NamedTuple):
    public: str
    private: str


def subnet_blocks(cidr: str, zones: int = MAX_ZONES) -> list[ZoneBlocks]:
    """The ranges of a new network's subnets in each of 2 or 3 zones.

    Raises ValueError for what is no range, or one with too few addresses, and for another number of zones.
    """
    if not MIN_ZONES <= zones <= MAX_ZONES:
        raise ValueError(f"a new network has {MIN_ZONES} or {MAX_ZONES} availability zones, not {zones}")
    try:
        network = ipaddress.IPv4Network(cidr)
    except ValueError as error:
        raise ValueError(f"{cidr!r} is no address range of a network: {error}") from error
    if str(network) != cidr:
        raise ValueError(f"{cidr!r} is not how AWS writes an address range: expected {network}")
    if network.prefixlen < LARGEST_PREFIX:
        raise ValueError(f"{cidr} is too large for a VPC: use /{LARGEST_PREFIX} or smaller")
    if network.prefixlen > NETWORK_PREFIX:
        raise ValueError(
            f"{cidr} is too small for two /{SUBNET_PREFIX} subnets in each of {MAX_ZONES} zones: "
            f"use /{NETWORK_PREFIX} or larger"
        )
    # Room for all zones from the beginning, whatever their number is: a zone that is added later takes ranges that are
    # free, and those of the others stay. The public subnets are in the first half of eight ranges, the private ones in
    # the second.
    subnets = network.subnets(new_prefix=SUBNET_PREFIX)
    first = [str(next(subnets)) for _ in range(2 ** (SUBNET_PREFIX - NETWORK_PREFIX))]
    half = len(first) // 2
    return [ZoneBlocks(public=first[zone], private=first[half + zone]) for zone in range(zones)]


def check_size(cpu: int, memory: int) -> None:
    """Raises ValueError, with what is allowed, for a size that Fargate does not offer."""
    if cpu == SMALLEST_CPU:
        if memory not in SMALLEST_MEMORY_MIB:
            raise ValueError(f"cpu={cpu} allows memory 512, 1024 or 2048 MiB (Fargate), not {memory}")
        return
    if cpu not in MEMORY_MIB:
        sizes = ", ".join(str(size) for size in (SMALLEST_CPU, *MEMORY_MIB))
        raise ValueError(f"cpu={cpu} is no size of Fargate: expected one of {sizes}")
    allowed = MEMORY_MIB[cpu]
    if memory not in allowed:
        raise ValueError(
            f"cpu={cpu} allows memory {allowed.start} to {allowed.stop - 1} MiB in steps of {allowed.step} (Fargate), "
            f"not {memory}"
        )


def check_architecture(architecture: str) -> None:
    if architecture not in ARCHITECTURES:
        raise ValueError(f"cpu_architecture is {architecture!r}: expected {' or '.join(ARCHITECTURES)}")


def check_retention(days: int) -> None:
    """Raises ValueError, with what is allowed, for days that CloudWatch does not offer."""
    if days not in RETENTION_DAYS:
        allowed = ", ".join(str(allowed) for allowed in RETENTION_DAYS)
        raise ValueError(f"CloudWatch does not keep logs for {days} days: expected one of {allowed}")

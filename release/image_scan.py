"""What ECR's scan of an image found. Basic scans and those of Amazon Inspector ("enhanced") answer alike.

https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImageScanFindings.html
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from functions.aws_errors import code
from release.registry import ECR, ImageError, Repository

if TYPE_CHECKING:
    from types_boto3_ecr import ECRClient
    from types_boto3_ecr.type_defs import DescribeImageScanFindingsResponseTypeDef

SEVERITIES: Final = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL")
"""The gravest first. UNDEFINED, and what else is not here, is of unknown severity."""
COMPLETE: Final = ("COMPLETE", "ACTIVE")
"""ACTIVE: Amazon Inspector has scanned the image, and scans it again when it learns of more."""
RUNNING: Final = ("IN_PROGRESS", "PENDING")
_FINDINGS: Final = "aws ecr describe-image-scan-findings"
_NOT_THERE: Final = ("ScanNotFoundException", "ImageNotFoundException", "RepositoryNotFoundException")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scan:
    image: str
    """`repository@sha256:…`"""
    counts: Mapping[str, int] | None = None
    """Findings by severity; None where there is no complete scan."""
    why_not: str = ""
    """Why there is none."""
    to_do: str = ""
    """The command after which there may be one."""
    is_missing: bool = False
    """The image, or a scan of it, is not there."""

    def __str__(self) -> str:
        if self.counts is None:
            return self.why_not
        return _listed(self.counts) or "no findings"


def read(images: Sequence[str], ecr: Callable[[str], ECRClient]) -> Scan:
    """The scan of one image that lies, or will lie, in several repositories: the first that is there.

    `ecr` makes a client for a region; "" is the environment's. What AWS does not answer is a scan that is not known.
    """
    scans = []
    for image in images:
        scan = _read(image, ecr)
        if not scan.is_missing:
            return scan
        scans.append(scan)
    return scans[-1]


def refusal(scan: Scan, severity: str) -> str:
    """Why the image is refused, where findings of `severity` or a graver one are; empty where it is not.

    A finding whose severity is not known counts, and so does a scan that is not complete.
    """
    if scan.counts is None:
        return f"{scan.image}: {scan.why_not}: {scan.to_do}"
    below = SEVERITIES[SEVERITIES.index(severity.upper()) + 1 :]
    grave = {name: count for name, count in scan.counts.items() if count and name not in below}
    if not grave:
        return ""
    return (
        f"{scan.image}: the scan has {_listed(grave)}, and refuseFindings is {severity}: release an image without "
        f"them; to see them:  {_command(_FINDINGS, scan.image)}"
    )


def _listed(counts: Mapping[str, int]) -> str:
    known = [name for name in SEVERITIES if counts.get(name)]
    others = sorted(name for name in counts if name not in SEVERITIES and counts[name])
    return ", ".join(f"{counts[name]} {name.lower()}" for name in (*known, *others))


def _read(image: str, ecr: Callable[[str], ECRClient]) -> Scan:
    try:
        registry, arguments = _asked(image)
        Repository.parse(image.partition("@")[0])
        client = ecr(registry["region"] if registry else "")
        try:
            return _read_answer(image, client.describe_image_scan_findings(**arguments))
        except ClientError as error:
            if code(error) not in _NOT_THERE:
                raise
            absent = "no scan yet, as the image is not there"
            why_not = _why_none(arguments, client) if code(error) == "ScanNotFoundException" else absent
            return Scan(image=image, why_not=why_not, to_do=_start(image), is_missing=True)
    except (BotoCoreError, ClientError, ImageError) as error:
        return Scan(image=image, why_not=f"not known ({error})", to_do=f"to see why:  {_command(_FINDINGS, image)}")


def _read_answer(image: str, answer: DescribeImageScanFindingsResponseTypeDef) -> Scan:
    scan, findings = answer.get("imageScanStatus", {}), answer.get("imageScanFindings")
    status, description = scan.get("status", "UNKNOWN"), scan.get("description")
    if status in COMPLETE and findings is not None:
        return Scan(image=image, counts=dict(findings.get("findingSeverityCounts", {}).items()))
    to_do = f"to see more:  {_command(_FINDINGS, image)}"
    if status in RUNNING:
        to_do = f"to wait for it:  {_command('aws ecr wait image-scan-complete', image)}"
    elif status == "FAILED":
        to_do = _start(image)
    return Scan(
        image=image, why_not=f"the scan is {status}" + (f" ({description})" if description else ""), to_do=to_do
    )


def _why_none(arguments: Mapping[str, Any], client: ECRClient) -> str:
    """Whether a scan is to come. A role that may not ask this about another environment's repository does not know."""
    where = {key: value for key, value in arguments.items() if key == "registryId"}
    try:
        (repository,) = client.describe_repositories(repositoryNames=[arguments["repositoryName"]], **where)[
            "repositories"
        ]
    except (ClientError, BotoCoreError):
        return "no scan yet"
    scanned = repository.get("imageScanningConfiguration", {}).get("scanOnPush", False)
    return "no scan yet" if scanned else "scanning is off"


def _asked(image: str) -> tuple[re.Match[str] | None, dict[str, Any]]:
    """ECR's registry, if it is one, and what is arguments about."""
    place, _, digest = image.partition("@")
    registry = ECR.match(place)
    account = {"registryId": registry["account"]} if registry else {}
    return registry, {**account, "repositoryName": place.partition("/")[2], "imageId": {"imageDigest": digest}}


def _start(image: str) -> str:
    return f"to start one:  {_command('aws ecr start-image-scan', image)}"


def _command(verb: str, image: str) -> str:
    registry, arguments = _asked(image)
    where = f" --registry-id {registry['account']} --region {registry['region']}" if registry else ""
    digest = image.rpartition("@")[2]
    return f"{verb}{where} --repository-name {arguments['repositoryName']} --image-id imageDigest={digest}"

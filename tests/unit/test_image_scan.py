"""What a scan of ECR found, and what is refused for it. Answers as the API reference has them."""

from __future__ import annotations

from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from release import image_scan
from release.image_scan import Scan

DIGEST = "sha256:" + "b" * 64
HERE = f"111111111111.dkr.ecr.us-west-2.amazonaws.com/easi-impl@{DIGEST}"
BEFORE = f"222222222222.dkr.ecr.us-east-2.amazonaws.com/easi-dev@{DIGEST}"


class Ecr:
    """Answers with what a test has for a repository: an answer, or the code of an error."""

    def __init__(self, answers: dict[str, Any], *, scan_on_push: bool | None = True) -> None:
        self.answers, self.scan_on_push = answers, scan_on_push
        self.asked: list[Any] = []

    def client(self, region: str) -> Any:
        self.asked.append(region)
        return self

    def describe_image_scan_findings(self, **asked: Any) -> Any:
        self.asked.append(asked)
        answer = self.answers[asked["repositoryName"]]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, str):
            raise ClientError({"Error": {"Code": answer, "Message": "no"}}, "DescribeImageScanFindings")
        return answer

    def describe_repositories(self, **_: Any) -> Any:
        if self.scan_on_push is None:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "DescribeRepositories")
        return {"repositories": [{"imageScanningConfiguration": {"scanOnPush": self.scan_on_push}}]}


def complete(status: str = "COMPLETE", **counts: int) -> Any:
    return {"imageScanStatus": {"status": status}, "imageScanFindings": {"findingSeverityCounts": counts}}


def read(answer: Any, **options: Any) -> Scan:
    return image_scan.read([HERE], Ecr({"easi-impl": answer}, **options).client)


def test_findings_are_counted_the_gravest_first() -> None:
    assert str(read(complete(LOW=3, CRITICAL=1, UNDEFINED=2, HIGH=0))) == "1 critical, 3 low, 2 undefined"
    assert str(read(complete())) == "no findings"
    assert str(read(complete("ACTIVE", HIGH=1))) == "1 high"


def test_a_registry_of_another_account_and_region_is_asked_there() -> None:
    ecr = Ecr({"easi-impl": "ImageNotFoundException", "easi-dev": complete(HIGH=1)})
    scan = image_scan.read([HERE, BEFORE], ecr.client)
    assert (scan.image, str(scan)) == (BEFORE, "1 high")
    assert ecr.asked[2:] == [
        "us-east-2",
        {"registryId": "222222222222", "repositoryName": "easi-dev", "imageId": {"imageDigest": DIGEST}},
    ]


def test_a_registry_without_an_account_is_the_environments_own() -> None:
    ecr = Ecr({"easi": complete()})
    image_scan.read([f"localhost:4566/easi@{DIGEST}"], ecr.client)
    assert ecr.asked == ["", {"repositoryName": "easi", "imageId": {"imageDigest": DIGEST}}]


@pytest.mark.parametrize(
    ("answer", "scan_on_push", "says", "to_do"),
    [
        ("ScanNotFoundException", True, "no scan yet", "to start one:  aws ecr start-image-scan"),
        ("ScanNotFoundException", None, "no scan yet", "to start one:"),
        ("ScanNotFoundException", False, "scanning is off", "to start one:"),
        ("AccessDeniedException", True, "not known (An error occurred (AccessDeniedException)", "to see why:"),
        (EndpointConnectionError(endpoint_url="https://ecr"), True, "not known (Could not connect", "to see why:"),
        ({}, True, "the scan is UNKNOWN", "to see more:"),
        (complete("IN_PROGRESS"), True, "the scan is IN_PROGRESS", "to wait for it:  aws ecr wait image-scan-complete"),
        (
            {"imageScanStatus": {"status": "UNSUPPORTED_IMAGE", "description": "an index"}},
            True,
            "the scan is UNSUPPORTED_IMAGE (an index)",
            "to see more:",
        ),
        ({"imageScanStatus": {"status": "ACTIVE"}}, True, "the scan is ACTIVE", "to see more:"),
        ({"imageScanStatus": {"status": "FAILED"}}, True, "the scan is FAILED", "to start one:"),
    ],
)
def test_a_scan_that_is_not_complete_is_refused_with_what_to_do(
    answer: Any, scan_on_push: bool | None, says: str, to_do: str
) -> None:
    scan = read(answer, scan_on_push=scan_on_push)
    assert scan.counts is None
    assert str(scan).startswith(says)
    refused = image_scan.refusal(scan, "critical")
    assert says in refused
    assert to_do in refused
    named = f"--registry-id 111111111111 --region us-west-2 --repository-name easi-impl --image-id imageDigest={DIGEST}"
    assert named in refused


@pytest.mark.parametrize(
    ("severity", "counts", "refused"),
    [
        ("critical", {"CRITICAL": 1}, True),
        ("critical", {"HIGH": 9}, False),
        ("high", {"HIGH": 1}, True),
        ("high", {"CRITICAL": 1}, True),
        ("high", {"MEDIUM": 9, "LOW": 1, "INFORMATIONAL": 1}, False),
        ("medium", {"MEDIUM": 1}, True),
        ("medium", {"LOW": 1}, False),
        ("critical", {"UNDEFINED": 1}, True),
        ("critical", {"CRITICAL": 0}, False),
        ("medium", {}, False),
    ],
)
def test_findings_of_a_severity_or_a_graver_one_are_refused(
    severity: str, counts: dict[str, int], refused: bool
) -> None:
    assert bool(image_scan.refusal(Scan(image=HERE, counts=counts), severity)) is refused


def test_the_refusal_names_what_was_found_and_how_to_see_it() -> None:
    said = image_scan.refusal(Scan(image=HERE, counts={"CRITICAL": 2, "LOW": 4}), "critical")
    assert "the scan has 2 critical, and refuseFindings is critical" in said
    assert "aws ecr describe-image-scan-findings --registry-id 111111111111" in said


def test_no_image_is_read_as_something_else() -> None:
    scan = image_scan.read(["not an image"], cast("Any", None))
    assert str(scan).startswith("not known (")

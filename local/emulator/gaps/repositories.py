"""Gaps: what ECR says and does of images, and where it is."""

from __future__ import annotations

import json
import os
from typing import Any

from ministack.services import ecr

from local.emulator.gaps import around


def _registry() -> str:
    """Gap: ECR names a host of AWS. Here the registry is the emulator, which Docker trusts without TLS at localhost."""
    return f"localhost:{os.environ['GATEWAY_PORT']}"


@around(ecr, "_repo_shape")
def repo_shape(shape: Any, repository: Any) -> Any:
    return shape(repository) | {"repositoryUri": f"{_registry()}/{repository['repositoryName']}"}


@around(ecr, "_get_authorization_token")
def get_authorization_token(get: Any, data: dict[str, Any]) -> Any:
    _, _, body = get(data)
    authorization = json.loads(body)["authorizationData"]
    return ecr.json_response(
        {"authorizationData": [{**one, "proxyEndpoint": f"http://{_registry()}"} for one in authorization]}
    )


@around(ecr, "_batch_delete_image")
def batch_delete_image(delete: Any, data: dict[str, Any]) -> Any:
    """Gap: an image is deleted with any of its tags; ECR takes the tag, and deletes the image with the last one.

    "Deleting an image in Amazon ECR", Amazon ECR User Guide.
    """
    name, rest, taken = data.get("repositoryName", ""), [], []
    for identifier in data.get("imageIds", []):
        image = ecr._find_image(name, identifier)
        if image and "imageDigest" not in identifier and len(image["imageTags"]) > 1:
            image["imageTags"].remove(identifier["imageTag"])
            taken.append({"imageTag": identifier["imageTag"], "imageDigest": image["imageDigest"]})
        else:
            rest.append(identifier)
    status, headers, body = delete({**data, "imageIds": rest})
    if status != 200 or not taken:
        return status, headers, body
    answer = json.loads(body)
    return ecr.json_response({**answer, "imageIds": [*taken, *answer["imageIds"]]})


@around(ecr, "handle_request")
async def handle_request(handle: Any, *request: Any) -> Any:
    _, _, headers, body, _ = request
    if headers.get("x-amz-target", "").endswith(".DescribeImageScanFindings"):
        return describe_image_scan_findings(json.loads(body))
    return await handle(*request)


def describe_image_scan_findings(data: dict[str, Any]) -> Any:
    """Gap: DescribeImageScanFindings is unknown; here it answers what ECR does of an image that was never scanned.

    Nothing is scanned on one machine. DescribeImageScanFindings, Amazon ECR API Reference.
    """
    name, image = data["repositoryName"], data["imageId"]
    shown = image.get("imageDigest") or image.get("imageTag")
    if name not in ecr._repositories:
        return ecr.error_response_json(
            "RepositoryNotFoundException", f"The repository with name '{name}' does not exist", 400
        )
    if ecr._find_image(name, image) is None:
        return ecr.error_response_json(
            "ImageNotFoundException", f"The image {shown} does not exist within the repository '{name}'", 400
        )
    return ecr.error_response_json(
        "ScanNotFoundException", f"Image scan does not exist for the image {shown} in the repository '{name}'", 400
    )

"""Gap: an image is deleted with any of its tags; ECR takes the tag, and deletes the image with the last one.

"Deleting an image in Amazon ECR", Amazon ECR User Guide.
"""

from __future__ import annotations

import json
from typing import Any

from ministack.services import ecr


def close() -> None:
    ecr._batch_delete_image = _tags_first(ecr._batch_delete_image)


def _tags_first(delete: Any) -> Any:
    def batch_delete_image(data: dict[str, Any]) -> Any:
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

    return batch_delete_image

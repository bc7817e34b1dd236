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
        for asked in data.get("imageIds", []):
            found = ecr._find_image(name, asked)
            if found and "imageDigest" not in asked and len(found["imageTags"]) > 1:
                found["imageTags"].remove(asked["imageTag"])
                taken.append({"imageTag": asked["imageTag"], "imageDigest": found["imageDigest"]})
            else:
                rest.append(asked)
        status, headers, body = delete({**data, "imageIds": rest})
        if status != 200 or not taken:
            return status, headers, body
        answer = json.loads(body)
        return ecr.json_response({**answer, "imageIds": [*taken, *answer["imageIds"]]})

    return batch_delete_image

"""Gap: a bucket behind a distribution has an object under a name with +; S3 reads the + of a path as a space.

So a browser, which does not encode it, gets no such object ("Naming Amazon S3 objects", Amazon S3 User Guide, has +
among the characters that need special handling; https://github.com/sveltejs/kit/issues/6451 is what comes of it).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_plus

from ministack.services import cloudfront


def close() -> None:
    cloudfront._s3_object_key = _object_key


def _object_key(origin: dict[str, Any], uri: str) -> str:
    return unquote_plus((origin.get("origin_path") or "") + uri).lstrip("/")

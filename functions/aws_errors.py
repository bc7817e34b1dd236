"""What AWS answered where a client raised a ClientError."""

from __future__ import annotations

from typing import Final

from botocore.exceptions import ClientError

NO_OBJECT: Final = frozenset({"NoSuchKey", "404"})
"""The answer of HeadObject has no body to name an error in: there, boto3 has the status as the code."""


def code(error: ClientError) -> str:
    """AWS's name of the error; empty where the answer has none."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_missing(error: ClientError) -> bool:
    """Whether S3 answered that there is no such object."""
    return code(error) in NO_OBJECT

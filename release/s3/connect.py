"""Clients of S3 for the credentials, the region and the endpoint that are in force."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import InvalidConfigError, NoCredentialsError, NoRegionError

from release.s3.client import S3Client
from release.s3.signing import Keys

if TYPE_CHECKING:
    import boto3

_REGIONS: Final = re.compile(r"(?:us|us-gov|eu|ap|ca|sa|me|af|il|mx)-[a-z]+-\d")
"""Those of the partitions whose endpoints end in `amazonaws.com`."""
_DECIDING: Final = ("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
"""What else decides which endpoint it is; botocore is asked then."""
_IN_HEADERS: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION")
_ONE_WORD: Final = re.compile(r"[!-~]*")


def check_variables() -> None:
    """Raises InvalidConfigError, without the value, for credentials or a region that no header of a request can have.

    Python's own error has the header in it.
    """
    for name in _IN_HEADERS:
        if not _ONE_WORD.fullmatch(os.environ.get(name, "")):
            wrong = "has a new line, a space or another character that does not belong there: set it anew"
            raise InvalidConfigError(error_msg=f"{name} {wrong}")


def for_environment() -> S3Client:
    """A client as the environment says, or the files of the AWS CLI.

    Where all of it is in environment variables, nothing of botocore's is imported. Raises BotoCoreError where
    credentials or region are missing or cannot be any.
    """
    check_variables()
    variable = os.environ.get
    region = variable("AWS_DEFAULT_REGION")
    access_key, secret_key = variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY")
    endpoint = variable("AWS_ENDPOINT_URL_S3") or variable("AWS_ENDPOINT_URL")
    config = Path(variable("AWS_CONFIG_FILE") or "~/.aws/config").expanduser()
    if endpoint is None and region and _REGIONS.fullmatch(region) and not config.exists():
        endpoint = f"https://s3.{region}.amazonaws.com"
    if not (access_key and secret_key and region and endpoint) or any(variable(name) for name in _DECIDING):
        import boto3  # noqa: PLC0415 - a quarter of a second, which most releases need not wait

        return for_session(boto3.Session(region_name=region))
    keys = Keys(access_key=access_key, secret_key=secret_key, token=variable("AWS_SESSION_TOKEN"))

    def botocore_client() -> Any:
        import boto3  # noqa: PLC0415 - as above

        return boto3.client("s3", region_name=region)

    return S3Client(endpoint=endpoint, region=region, keys=lambda: keys, botocore_client=botocore_client)


def for_session(session: boto3.Session, config: Any = None) -> S3Client:
    """A client with a session's credentials, which are refreshed when they expire, and what `config` says of waiting.

    Raises BotoCoreError where credentials or region are missing.
    """
    if session.region_name is None:
        raise NoRegionError
    client = session.client("s3", config=config)
    credentials = session.get_credentials()
    if credentials is None:
        raise NoCredentialsError

    def keys() -> Keys:
        # The stubs let a key be None, and credentials that have been resolved have both.
        frozen: Any = credentials.get_frozen_credentials()
        return Keys(access_key=frozen.access_key, secret_key=frozen.secret_key, token=frozen.token)

    settings = client.meta.config
    return S3Client(
        endpoint=client.meta.endpoint_url,
        region=client.meta.region_name,
        keys=keys,
        botocore_client=lambda: client,
        attempts=(settings.retries or {}).get("total_max_attempts", 5),
        connect_timeout_s=settings.connect_timeout,
        read_timeout_s=settings.read_timeout,
    )

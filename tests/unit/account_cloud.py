"""As much of KMS and S3 as the account's state needs, in memory: one key, one bucket."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

ACCOUNT, REGION = "111111111111", "us-west-2"


class MissingError(Exception):
    pass


def _http(status: int) -> ClientError:
    answer: Any = {"Error": {"Code": str(status)}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "operation")


class Cloud:
    """A session whose clients are this object; every call is noted by its name."""

    class exceptions:  # noqa: N801 - boto3's name
        NotFoundException = MissingError

    region_name = REGION
    key_arn = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.key_state = ""
        self.rotates = False
        self.key_policy: dict[str, Any] = {}
        self.owner = ""
        self.location: str | None = REGION
        self.versioned = False
        self.objects = 0
        self.encrypted_with = ""
        self.lifecycle: list[dict[str, Any]] = []
        self.bucket_policy: dict[str, Any] = {}

    @property
    def session(self) -> Any:
        return self

    def client(self, _service: str, **_: Any) -> Any:
        return _Client(self)

    def calls_that_change(self) -> list[str]:
        return [name for name in self.calls if name.startswith(("create", "put", "enable", "delete", "update"))]

    def get_caller_identity(self) -> Any:
        return {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/admin"}

    def describe_key(self, KeyId: str) -> Any:  # noqa: N803 - the API's name
        if not self.key_state:
            raise MissingError
        return {"KeyMetadata": {"Arn": self.key_arn, "KeyId": "1", "KeyState": self.key_state}}

    def create_key(self, Policy: str, **_: Any) -> Any:  # noqa: N803 - the API's name
        self.key_state, self.key_policy = "Enabled", json.loads(Policy)
        return self.describe_key("1")

    def create_alias(self, **_: Any) -> None:
        pass

    def get_key_policy(self, **_: Any) -> Any:
        return {"Policy": json.dumps(self.key_policy)}

    def put_key_policy(self, Policy: str, **_: Any) -> None:  # noqa: N803 - the API's name
        self.key_policy = json.loads(Policy)

    def get_key_rotation_status(self, **_: Any) -> Any:
        return {"KeyRotationEnabled": self.rotates}

    def enable_key_rotation(self, **_: Any) -> None:
        self.rotates = True

    def head_bucket(self, ExpectedBucketOwner: str, **_: Any) -> None:  # noqa: N803 - the API's name
        if not self.owner:
            raise _http(404)
        if self.owner != ExpectedBucketOwner:
            raise _http(403)

    def create_bucket(self, CreateBucketConfiguration: Any = None, **_: Any) -> None:  # noqa: N803 - the API's name
        """Its region is named, unless it is us-east-1, which has no name there (CreateBucket in the API reference)."""
        named = (CreateBucketConfiguration or {}).get("LocationConstraint")
        if named != (None if self.region_name == "us-east-1" else self.region_name):
            raise _http(400)
        self.owner, self.location = ACCOUNT, named

    def get_bucket_location(self, **_: Any) -> Any:
        return {"LocationConstraint": self.location}

    def get_bucket_versioning(self, **_: Any) -> Any:
        return {"Status": "Enabled"} if self.versioned else {}

    def list_objects_v2(self, **_: Any) -> Any:
        return {"KeyCount": self.objects}

    def get_bucket_encryption(self, **_: Any) -> Any:
        # Every bucket has had this one since 2023 ("Setting default server-side encryption behavior for S3 buckets").
        default = {"SSEAlgorithm": "AES256"}
        if self.encrypted_with:
            default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": self.encrypted_with}
        return {"ServerSideEncryptionConfiguration": {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}}

    def put_bucket_encryption(self, ServerSideEncryptionConfiguration: Any, **_: Any) -> None:  # noqa: N803 - as above
        (rule,) = ServerSideEncryptionConfiguration["Rules"]
        self.encrypted_with = rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"]

    def put_bucket_versioning(self, **_: Any) -> None:
        self.versioned = True

    def put_public_access_block(self, PublicAccessBlockConfiguration: Any, **_: Any) -> None:  # noqa: N803 - as above
        assert len(PublicAccessBlockConfiguration) == 4
        assert all(PublicAccessBlockConfiguration.values())

    def put_bucket_ownership_controls(self, **_: Any) -> None:
        pass

    def get_bucket_lifecycle_configuration(self, **_: Any) -> Any:
        if not self.lifecycle:
            raise _http(404)
        return {"Rules": self.lifecycle}

    def put_bucket_lifecycle_configuration(self, LifecycleConfiguration: Any, **_: Any) -> None:  # noqa: N803 - as above
        self.lifecycle = LifecycleConfiguration["Rules"]

    def get_bucket_policy(self, **_: Any) -> Any:
        if not self.bucket_policy:
            raise _http(404)
        return {"Policy": json.dumps(self.bucket_policy)}

    def put_bucket_policy(self, Policy: str, **_: Any) -> None:  # noqa: N803 - as above
        self.bucket_policy = json.loads(Policy)


class _Client:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud, self.exceptions = cloud, cloud.exceptions

    def __getattr__(self, name: str) -> Any:
        self._cloud.calls.append(name)
        return getattr(self._cloud, name)

"""Where all stacks keep their state: a bucket and a key, made once by an administrator of the account that holds it.

    python -m account.state --bucket NAME --region REGION [--share-with ACCOUNT=STACK[:BEFORE…] ...]

Run again at will: it makes what is missing and deletes or loosens nothing.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from account import state_policies as policies
from components.aws_limits import REGION
from settings import names

if TYPE_CHECKING:
    from types_boto3_kms.client import KMSClient
    from types_boto3_s3.client import S3Client
    from types_boto3_s3.literals import BucketLocationConstraintType
    from types_boto3_s3.type_defs import (
        CreateBucketRequestTypeDef,
        LifecycleRuleTypeDef,
        ServerSideEncryptionRuleTypeDef,
    )

NONCURRENT_DAYS = 90
"""Days that a replaced state can be restored. The engine itself keeps a backup of each, which no rule removes."""
LIFECYCLE_RULE = "replaced-states"

_FOLDER = Path(__file__).parent
_BUCKET = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_REGION = re.compile(REGION)
_SHARED = re.compile(r"(\d{12})=(?:([a-z][a-z0-9-]*)/)?([a-z][a-z0-9-]*)(?::([a-z][a-z0-9-]*(?::[a-z][a-z0-9-]*)*))?")
_RETRIES = Config(retries={"mode": "standard", "total_max_attempts": 5})

Say = Callable[[str], None]


class StateError(Exception):
    """What exists is not what was asked for; says what to do."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StateStore:
    """The bucket by name, the account that it is in, and who else keeps state there."""

    bucket: str
    region: str
    account: str
    partition: str
    shared: Sequence[policies.Shared]
    """The stacks of other accounts."""

    @property
    def other_accounts(self) -> list[str]:
        return sorted({stack.root(self.partition) for stack in self.shared})

    @property
    def alias(self) -> str:
        return f"alias/{self.bucket}"


def ensure(session: boto3.Session, bucket: str, share_with: Sequence[policies.Shared], say: Say) -> str:
    """Make the key and the bucket, or bring them to what they must be. Returns what to do next. Raises StateError."""
    region = str(session.region_name)
    caller = session.client("sts", config=_RETRIES).get_caller_identity()
    account, partition = caller["Account"], caller["Arn"].split(":")[1]
    shared = sorted({stack for stack in share_with if stack.account != account}, key=str)
    store = StateStore(bucket=bucket, region=region, account=account, partition=partition, shared=shared)
    s3 = session.client("s3", config=_RETRIES)
    _make_bucket(s3, store, say)  # first, because its name may be taken
    statements = _bucket_policy(s3, store)
    key = _ensure_key(session.client("kms", config=_RETRIES), store, say)
    _set_up(s3, store, key, say)
    merged = policies.merged(statements, policies.of_bucket(f"arn:{partition}:s3:::{bucket}", partition, shared))
    if merged != statements:
        s3.put_bucket_policy(Bucket=bucket, Policy=policies.document(merged))
    say(f"the bucket {bucket}: versioned, encrypted with the key, private, over TLS only")
    alias = f"arn:{partition}:kms:{region}:{account}:{store.alias}"
    return (
        "to sign in, here and in CI:\n"
        f"  pulumi login 's3://{bucket}?region={region}&awssdk=v2'\n"
        "to make a stack, in the project's folder; it writes the encrypted key into the stack's settings file:\n"
        f"  pulumi stack init STACK --secrets-provider 'awskms:///{alias}?region={region}&awssdk=v2'\n"
        "for the settings of the program in account/:\n"
        f"  stateBucket  {bucket}\n"
        f"  stateKeyArn  {key}"
    )


def _ensure_key(kms: KMSClient, store: StateStore, say: Say) -> str:
    alias = store.alias
    statements = policies.of_key(f"arn:{store.partition}:iam::{store.account}:root", store.other_accounts)
    try:
        key = kms.describe_key(KeyId=alias)["KeyMetadata"]
    except kms.exceptions.NotFoundException:
        key = kms.create_key(
            Description=f"State of Pulumi stacks in {store.bucket}, and their secrets",
            Policy=policies.document(statements),
        )["KeyMetadata"]
        kms.create_alias(AliasName=alias, TargetKeyId=key["KeyId"])
        say(f"made the key {key['Arn']} as {alias}")
    else:
        if key["KeyState"] != "Enabled":
            raise StateError(
                f"the key {key['Arn']} ({alias}) is {key['KeyState']}: the state would not be readable. "
                "To use it again:\n"
                f"  aws kms cancel-key-deletion --region {store.region} --key-id {key['KeyId']}\n"
                f"  aws kms enable-key --region {store.region} --key-id {key['KeyId']}"
            )
        existing = policies.read(kms.get_key_policy(KeyId=key["KeyId"], PolicyName="default")["Policy"])
        # What the account's own people may do with a key that exists is theirs to say.
        merged = policies.merged(existing, statements[1:])
        if merged != existing:
            kms.put_key_policy(KeyId=key["KeyId"], PolicyName="default", Policy=policies.document(merged))
            say(f"the key {alias}: other accounts may use it now, too")
    if not kms.get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"]:
        kms.enable_key_rotation(KeyId=key["KeyId"])
        say(f"the key {alias}: rotates every year now")
    return str(key["Arn"])


def _set_up(s3: S3Client, store: StateStore, key: str, say: Say) -> None:
    bucket = store.bucket
    _set_encryption(s3, bucket, key)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_public_access_block(
        Bucket=bucket,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        },
    )
    s3.put_bucket_ownership_controls(
        Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    )
    rules = _read_or(lambda: s3.get_bucket_lifecycle_configuration(Bucket=bucket), {"Rules": []})["Rules"]
    if LIFECYCLE_RULE not in {rule.get("ID") for rule in rules}:
        s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [*rules, _EXPIRY]})


def _bucket_policy(s3: S3Client, store: StateStore) -> list[policies.Statement]:
    """The statements that are there. Raises StateError for what would be left open because nobody says for whom."""
    policy = _read_or(lambda: s3.get_bucket_policy(Bucket=store.bucket), {"Policy": policies.document([])})["Policy"]
    statements = policies.read(policy)
    if open_to := policies.reaching_every_stack(statements, store.shared):
        shares = " ".join(f"--share-with {account}=STACK:BEFORE" for account in open_to)
        raise StateError(
            f"the accounts {', '.join(open_to)} may write and delete the state of every stack in {store.bucket}, as an "
            "earlier version of this command let them: say which stacks are theirs, which takes the rest away\n"
            f"  python -m account.state --bucket {store.bucket} --region {store.region} {shares}"
        )
    return statements


def _make_bucket(s3: S3Client, store: StateStore, say: Say) -> None:
    """Make the bucket, or see that the one there can be used."""
    bucket, region, account = store.bucket, store.region, store.account
    try:
        s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=account)
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status == 404:
            request: CreateBucketRequestTypeDef = {"Bucket": bucket, "ObjectOwnership": "BucketOwnerEnforced"}
            if region != "us-east-1":
                request["CreateBucketConfiguration"] = {
                    "LocationConstraint": cast("BucketLocationConstraintType", region)
                }
            s3.create_bucket(**request)
            say(f"made the bucket {bucket} in {region}")
            return
        if status == 403:
            raise StateError(
                f"the bucket {bucket} belongs to another account than {account}, or its policy shuts you out: "
                "names of buckets are unique in the world, choose another one"
            ) from error
        raise
    where = s3.get_bucket_location(Bucket=bucket).get("LocationConstraint") or "us-east-1"
    if where != region:
        raise StateError(f"the bucket {bucket} is in {where}, not in {region}: give --region {where}, or another name")
    versioned = s3.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled"
    if not versioned and s3.list_objects_v2(Bucket=bucket, MaxKeys=1).get("KeyCount"):
        raise StateError(
            f"the bucket {bucket} has objects and no versioning, so it is in use for something that does not expect "
            "its objects to be kept: choose another name. If it does hold Pulumi's state, turn versioning on first:\n"
            f"  aws s3api put-bucket-versioning --bucket {bucket} --versioning-configuration Status=Enabled"
        )


def _set_encryption(s3: S3Client, bucket: str, key: str) -> None:
    encryption = _read_or(
        lambda: s3.get_bucket_encryption(Bucket=bucket), {"ServerSideEncryptionConfiguration": {"Rules": []}}
    )
    for rule in encryption["ServerSideEncryptionConfiguration"]["Rules"]:
        used = rule.get("ApplyServerSideEncryptionByDefault", {}).get("KMSMasterKeyID")
        if used not in {None, key}:
            raise StateError(
                f"the bucket {bucket} is encrypted with {used}, not with {key}: choose another name, or, if nothing "
                f"depends on it, remove that:  aws s3api delete-bucket-encryption --bucket {bucket}"
            )
    rule_of_key: ServerSideEncryptionRuleTypeDef = {
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key},
        "BucketKeyEnabled": True,
    }
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule_of_key]})


def _read_or(read: Callable[[], Any], nothing: Any) -> Any:
    """What is set, or `nothing` where S3 says by an error that nothing is."""
    try:
        return read()
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return nothing
        raise


_EXPIRY: LifecycleRuleTypeDef = {
    "ID": LIFECYCLE_RULE,
    "Status": "Enabled",
    "Filter": {"Prefix": ""},
    "NoncurrentVersionExpiration": {"NoncurrentDays": NONCURRENT_DAYS},
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
}


def _matching(pattern: re.Pattern[str], expected: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise argparse.ArgumentTypeError(f"{text!r} is not {expected}")
        return text

    return check


def _shared(text: str) -> policies.Shared:
    match = _SHARED.fullmatch(text)
    if not match:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an account's number (12 digits) and its stack, with the stack that it promotes from: "
            f"222222222222=impl:dev; or 222222222222={names.project(_FOLDER)}/impl for a stack of another project"
        )
    account, project, stack, before = match.groups()
    stacks = tuple(before.split(":")) if before else ()
    return policies.Shared(account, project or names.project(_FOLDER.parent), stack, stacks)


def main(argv: Sequence[str]) -> int:
    """Exit code 0: the bucket and the key are as they must be; 1: they are not, and why; 2: wrong arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m account.state", description="Make the bucket and the key of Pulumi's state.", allow_abbrev=False
    )
    parser.add_argument(
        "--bucket",
        required=True,
        type=_matching(_BUCKET, "a bucket's name: 3 to 63 of a-z, 0-9 and -, no dots"),
        help="name of the bucket; the key's alias is the same",
    )
    parser.add_argument("--region", required=True, type=_matching(_REGION, "an AWS region, as us-west-2 is one"))
    parser.add_argument(
        "--share-with",
        action="append",
        default=[],
        metavar="ACCOUNT=STACK[:BEFORE…]",
        type=_shared,
        help="another account that deploys a stack, and the stacks before that; may be given several times",
    )
    arguments = parser.parse_args(argv)
    try:
        print(ensure(boto3.Session(region_name=arguments.region), arguments.bucket, arguments.share_with, print))
    except NoCredentialsError:
        print(
            "account.state: no credentials: expected some of an administrator of the account\n"
            "  sign in, or set AWS_PROFILE; to check:  aws sts get-caller-identity",
            file=sys.stderr,
        )
        return 1
    except (StateError, BotoCoreError, ClientError) as error:
        print(f"account.state: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

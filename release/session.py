"""Clients of AWS for one environment, with the same credentials that the AWS provider uses."""

from __future__ import annotations

import dataclasses
import functools
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from functions.aws_errors import code
from release import sigv4a
from release.request import Connection
from release.s3.connect import check_variables, for_session
from release.static.parallel import CONCURRENCY
from settings.errors import ExpectedError

if TYPE_CHECKING:
    from types_boto3_ec2.client import EC2Client
    from types_boto3_ecr.client import ECRClient
    from types_boto3_ecs.client import ECSClient
    from types_boto3_elbv2.client import ElasticLoadBalancingv2Client
    from types_boto3_iam.client import IAMClient
    from types_boto3_secretsmanager.client import SecretsManagerClient
    from types_boto3_ssm.client import SSMClient
    from types_boto3_sts.type_defs import AssumeRoleRequestTypeDef

READS = Config(retries={"mode": "standard", "total_max_attempts": 5}, max_pool_connections=CONCURRENCY)
"""For calls that may be repeated: reads, and writes of the same bytes to the same key."""
RECORDS = READS.merge(Config(connect_timeout=5, read_timeout=20))
"""For S3, which keeps the lease, too: one connection that hangs must not outlive it."""
QUICK = READS.merge(Config(retries={"mode": "standard", "total_max_attempts": 2}, connect_timeout=3, read_timeout=5))
"""For questions of people who wait for the answer: without a network they hear of it within seconds."""
MAX_FUNCTION_S: Final = 900
"""Seconds that a function may take: https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html"""
ONCE = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=70)
"""For calls that the caller repeats itself, knowing what that does. The deploy function answers within 60 s."""


HOOK: Final = Config(
    retries={"total_max_attempts": 1}, connect_timeout=10, read_timeout=MAX_FUNCTION_S + 30, tcp_keepalive=True
)
"""For functions of others, which may take minutes and must not run twice."""


class WrongAccountError(ExpectedError):
    """The credentials are of another account than the environment, or there are none."""


def _unmade(service: str, *_more: object) -> Any:
    raise LookupError(f"nobody said how to make a client of {service}")


def _made(service: str) -> Any:
    """A client that is made when it is first asked for."""
    return functools.cached_property(lambda clients: clients.make(service, ""))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Clients:
    """What a release talks to. What only some of them need is made when it is first asked for."""

    # boto3's clients, or others with the methods that are used of these.
    s3: Any
    cloudfront: Any
    function: Any
    """AWS Lambda."""
    caller: str = ""
    """ARN of whose credentials these are."""
    make: Callable[..., Any] = _unmade
    """Makes the client of a service in a region; "" is the environment's. A third argument is its own configuration."""

    def hook(self, region: str) -> Any:
        """AWS Lambda, for functions of others."""
        return self.make("lambda", region, HOOK)

    # Of the environment's region.
    routes: ClassVar[Any] = _made("cloudfront-keyvaluestore")
    """Changes of what a CloudFront KeyValueStore has."""
    ecs: ClassVar[ECSClient] = _made("ecs")
    """Reads of what the service is and runs. Changes go through the function."""
    elbv2: ClassVar[ElasticLoadBalancingv2Client] = _made("elbv2")
    ec2: ClassVar[EC2Client] = _made("ec2")
    iam: ClassVar[IAMClient] = _made("iam")

    def ecr(self, region: str = "") -> ECRClient:
        """Credentials of registries, and the environment's images."""
        return cast("ECRClient", self.make("ecr", region))

    def secretsmanager(self, region: str = "") -> SecretsManagerClient:
        """Descriptions of secrets, never their values; a task may take them from another region."""
        return cast("SecretsManagerClient", self.make("secretsmanager", region))

    def ssm(self, region: str = "") -> SSMClient:
        """Descriptions of parameters, never their values; a task may take them from another region."""
        return cast("SSMClient", self.make("ssm", region))


def connect(connection: Connection, *, account: str, region: str, quick: bool = False) -> Clients:
    """Clients for `account` and `region`; `quick` ones, which only ask, give up after seconds.

    Raises WrongAccountError where the credentials are of another account: a release must not prove one environment
    and change another.
    """
    reads, records = (QUICK, QUICK) if quick else (READS, RECORDS)
    try:
        session = sign_in(connection, region, reads)
        caller = session.client("sts", config=reads).get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise WrongAccountError(
            f"the AWS credentials could not be identified ({error}): expected some of account {account}. "
            "Sign in, or set AWS_PROFILE or aws:profile"
        ) from error
    if caller["Account"] != account:
        raise WrongAccountError(
            f"these credentials are of account {caller['Account']} ({caller['Arn']}), and the service is in {account}: "
            "sign in to that account, or select the stack of this one"
        )
    return Clients(
        s3=for_session(session, records),
        cloudfront=session.client("cloudfront", config=reads),
        function=session.client("lambda", config=ONCE),
        caller=caller["Arn"],
        make=maker(session, reads),
    )


def sign_in(connection: Connection, region: str, config: Config = READS) -> boto3.Session:
    """A session with the credentials of the last role. Raises BotoCoreError or ClientError."""
    check_variables()
    session = boto3.Session(profile_name=connection.profile, region_name=region)
    for role in connection.assume_roles:
        session = _assume(session, dict(role), region, config)
    return session


def maker(session: boto3.Session, config: Config = READS) -> Callable[..., Any]:
    """Makes clients one at a time, as a session asks for: threads share it."""
    making = threading.Lock()
    sigv4a.install(session)

    def make(service: str, region: str, own: Config = config) -> Any:
        with making:
            return session.client(service, region_name=region or None, config=own)

    return make


def is_denied(error: BaseException) -> bool:
    """Whether AWS would not let these credentials do something, however that was wrapped."""
    cause = error.__cause__ or error
    # EC2 has its own word, and the answer to HeadObject no body that would name one.
    words = ("AccessDenied", "UnauthorizedOperation", "403")
    return isinstance(cause, ClientError) and code(cause).startswith(words)


def _assume(session: boto3.Session, role: dict[str, str], region: str, config: Config) -> boto3.Session:
    request: AssumeRoleRequestTypeDef = {
        "RoleArn": role["roleArn"],
        "RoleSessionName": role.get("sessionName") or "release",
    }
    if role.get("externalId"):
        request["ExternalId"] = role["externalId"]
    credentials = session.client("sts", config=config).assume_role(**request)["Credentials"]
    return boto3.Session(
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
        region_name=region,
    )

"""`python -m local secret`: secrets of a developer, which the first release of a new environment needs already.

They are kept in a file of the clone that Git ignores and only its owner reads. `make up` makes them in the local AWS
before it releases. `make down` leaves the file: what is in it was not made here, and cannot be made again.
"""

from __future__ import annotations

import getpass
import hashlib
import re
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from functions.aws_errors import code
from local.clients import client
from local.emulator import process as emulator
from local.layout import ENVIRONMENTS, Layout, LocalError, read_json, write_json
from local.project import region
from local.terminal import say

FILE = ".secrets.local.json"
ACCOUNT = "000000000000"
"""The account of the emulator."""
MAX_BYTES = {"secret": 65_536, "parameter": 8_192}
"""https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html and the advanced tier of
https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html"""
NAME = re.compile(r"/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")
"""What is allowed in the names of secrets and of parameters alike."""
_OURS = uuid.UUID("0f7f1f0e-6d3b-4f5c-9f0e-5ec2e75ec2e7")


@dataclass(frozen=True, kw_only=True)
class Secret:
    """One that is kept, without its value: a parameter of Systems Manager if its name begins with a slash."""

    name: str
    environment: str | None
    """None: it is the same in every environment."""

    @property
    def kind(self) -> str:
        return "parameter" if self.name.startswith("/") else "secret"

    @property
    def key(self) -> str:
        """Its name in the local AWS, where all environments are in one account."""
        if self.environment is None:
            return self.name
        return f"/{self.environment}{self.name}" if self.kind == "parameter" else f"{self.environment}/{self.name}"

    @property
    def token(self) -> str:
        """Of the request that creates it. The emulator derives the end of the ARN from it: always the same here."""
        return str(uuid.uuid5(_OURS, self.key))

    def arn(self, in_region: str) -> str:
        if self.kind == "parameter":
            return f"arn:aws:ssm:{in_region}:{ACCOUNT}:parameter{self.key}"
        return f"arn:aws:secretsmanager:{in_region}:{ACCOUNT}:secret:{self.key}-{ending(self.token)}"


def ending(token: str) -> str:
    """The six characters that Secrets Manager adds to the ARN of a secret made with this token, here."""
    return hashlib.sha256(token.encode()).hexdigest()[:6]


def put(layout: Layout, name: str, environment: str | None, file: Path | None) -> int:
    """`secret set`: keep a value from a file or from standard input."""
    secret = _secret(name, environment)
    value = _value(file)
    limit = MAX_BYTES[secret.kind]
    if not value or len(value.encode()) > limit:
        raise LocalError(f"the value of {name} has {len(value.encode())} bytes: expected 1 to {limit}")
    kept = _kept(layout)
    _keep(layout, {**kept, secret: value})
    if (endpoint := _endpoint(layout)) is not None:
        _make(secret, value, endpoint, region(layout))
    when = "made in the local AWS" if endpoint else "made in the local AWS by the next `make up`"
    say(f"{name}: kept in {FILE}, {when}. For the settings:")
    say(f"  {secret.arn(region(layout))}")
    return 0


def show(layout: Layout) -> int:
    """`secret list`: names and ARNs, no values."""
    for secret in sorted(_kept(layout), key=lambda secret: secret.key):
        say(f"{secret.name}  {secret.environment or 'all environments'}  {secret.arn(region(layout))}")
    return 0


def remove(layout: Layout, name: str, environment: str | None) -> int:
    """`secret remove`: from the file and from the local AWS."""
    secret, kept = _secret(name, environment), _kept(layout)
    if secret not in kept:
        where = f" for {environment}" if environment else ""
        raise LocalError(f"{FILE} has no secret {name}{where}. What it has:  python -m local secret list")
    _keep(layout, {other: value for other, value in kept.items() if other != secret})
    if (endpoint := _endpoint(layout)) is not None:
        _unmake(secret, endpoint, region(layout))
    say(f"{name}: removed")
    return 0


def make_all(layout: Layout, endpoint: str) -> None:
    """Make what is kept in the local AWS. What has its value already stays as it is."""
    kept = _kept(layout)
    for secret, value in kept.items():
        _make(secret, value, endpoint, region(layout))
    if kept:
        say(f"  {len(kept)} secrets of {FILE} are in the local AWS")


def _secret(name: str, environment: str | None) -> Secret:
    if not NAME.fullmatch(name):
        raise LocalError(
            f"{name!r} is no name of a secret: expected letters, digits and _ . - /, without a slash at the end"
        )
    return Secret(name=name, environment=environment)


def _value(file: Path | None) -> str:
    """The value, without the line's end that an editor or `echo` adds."""
    try:
        if file is not None:
            value = file.read_bytes().decode()
        elif sys.stdin.isatty():
            value = getpass.getpass("value: ")
        else:
            value = sys.stdin.buffer.read().decode()
    except OSError as error:
        raise LocalError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise LocalError("the value is not UTF-8 text") from None  # the cause would quote it
    return value.removesuffix("\n").removesuffix("\r")


def _kept(layout: Layout) -> dict[Secret, str]:
    path = layout.root / FILE
    content = read_json(path)
    if path.exists() and not content:
        raise LocalError(f"{FILE} is damaged: remove it, and set the secrets again")
    return {
        Secret(name=name, environment=environment if environment in ENVIRONMENTS else None): str(value)
        for environment, values in content.items()
        for name, value in values.items()
    }


def _keep(layout: Layout, secrets: Mapping[Secret, str]) -> None:
    path = layout.root / FILE
    if not secrets:
        path.unlink(missing_ok=True)
        return
    content: dict[str, dict[str, str]] = {}
    for secret, value in secrets.items():
        content.setdefault(secret.environment or "all", {})[secret.name] = value
    write_json(path, content, mode=0o600)


def _endpoint(layout: Layout) -> str | None:
    running = emulator.running(layout.emulator)
    return running.endpoint if running else None


def _make(secret: Secret, value: str, endpoint: str, in_region: str) -> None:
    """Raises LocalError, whose text has no value: the services' own messages do not quote it either."""
    try:
        if secret.kind == "parameter":
            tier = "Standard" if len(value.encode()) <= 4096 else "Advanced"
            ssm = client("ssm", endpoint, in_region)
            ssm.put_parameter(Name=secret.key, Value=value, Type="SecureString", Overwrite=True, Tier=tier)
            return
        manager = client("secretsmanager", endpoint, in_region)
        try:
            if manager.get_secret_value(SecretId=secret.key).get("SecretString") != value:
                manager.put_secret_value(SecretId=secret.key, SecretString=value)
        except ClientError as error:
            if code(error) != "ResourceNotFoundException":
                raise
            manager.create_secret(Name=secret.key, SecretString=value, ClientRequestToken=secret.token)
    except (ClientError, BotoCoreError) as error:
        raise LocalError(f"the {secret.kind} {secret.key} could not be made in the local AWS: {error}") from error


def _unmake(secret: Secret, endpoint: str, in_region: str) -> None:
    try:
        if secret.kind == "parameter":
            client("ssm", endpoint, in_region).delete_parameter(Name=secret.key)
        else:
            manager = client("secretsmanager", endpoint, in_region)
            manager.delete_secret(SecretId=secret.key, ForceDeleteWithoutRecovery=True)
    except (ClientError, BotoCoreError) as error:
        if not (isinstance(error, ClientError) and code(error) in ("ResourceNotFoundException", "ParameterNotFound")):
            raise LocalError(f"the {secret.kind} {secret.key} stays in the local AWS: {error}") from error

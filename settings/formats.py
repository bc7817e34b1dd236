"""What a setting has to be beyond its type. The field of a setting is annotated with it."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from components import aws_limits

PRIVATE = "private"
"""Annotates a setting of which no message repeats a value: somebody may have put a secret there."""

ONCE = "once"
"""Annotates a list of which AWS or its provider keeps each item once: one that is there twice would be a change in
every update."""

ANY_CASE = "any case"
"""Annotates such a list in which upper and lower case make no other item."""


class About(NamedTuple):
    """Annotates a field of the description with what it is: docs/settings.md has it from here."""

    text: str


class Text(NamedTuple):
    """What a text looks like; of a list, each item, and of a map, each value."""

    pattern: str
    expected: str
    may_be_empty: bool = True

    def takes(self, value: Any) -> bool:
        return bool(re.fullmatch(self.pattern, value)) or (self.may_be_empty and not value)


class Range(NamedTuple):
    """A whole number between two, both included."""

    low: int
    high: int

    @property
    def expected(self) -> str:
        return f"{self.low} to {self.high}"

    def takes(self, value: Any) -> bool:
        return bool(self.low <= value <= self.high)


class Choice(NamedTuple):
    values: tuple[str | int, ...]

    @property
    def expected(self) -> str:
        return "one of " + ", ".join(str(value) for value in self.values)

    def takes(self, value: Any) -> bool:
        return value in self.values


Format = Text | Range | Choice


KMS_KEY = Text(aws_limits.KEY_ARN, "the ARN of a KMS key, not of an alias: arn:aws:kms:<region>:<account>:key/…")
HOSTED_ZONE = Text(r"Z[A-Z0-9]{1,31}", "the id of a Route 53 hosted zone: Z…")
ROLE_PATH = Text(r"/([\x21-\x7e]{1,510}/)?", "a path that begins and ends with /", may_be_empty=False)
PERMISSIONS_BOUNDARY = Text(aws_limits.POLICY_ARN, "the ARN of an IAM policy: arn:aws:iam::<account>:policy/…")
HEADER = Text(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?", "one line of printable ASCII, without a space at either end")
COMMAND = Text(r"[^\0]+", "a text that is not empty", may_be_empty=False)
MEMBER = Text(r"[\w-]+(\.[\w-]+)*", "the name of a member of the answer, or its path, such as build.version")
REQUIRED_MEMBER = MEMBER._replace(may_be_empty=False)
USER = Text(r"[\w.-]+(:[\w.-]+)?", "a user, or user:group")
FOLDER = Text(r"(?!/).+", "a folder, relative to the project", may_be_empty=False)
DAYS_OF_LOGS = Range(0, 3653)
PUBLIC_URL = Text(r"https?://[^/\s@]+", "http(s)://host[:port] without a path")
CONNECT_TO = Text(
    r"\{distribution\}(:\d{1,5})?|(\{distribution\}\.)?[^\s:/{}]+:\d{1,5}", "host:port, or {distribution}"
)
PROBE_SECRET = Text(r"[\x21-\x7e]{16,512}", "16 to 512 characters of printable ASCII without spaces")
DOMAIN = Text(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}", "a host name in lower case")
CERTIFICATE = Text(
    aws_limits.certificate_arn(), "the ARN of an ACM certificate: arn:aws:acm:<region>:<account>:certificate/…"
)
US_EAST_1_CERTIFICATE = Text(
    aws_limits.certificate_arn("us-east-1"),
    "the ARN of an ACM certificate in us-east-1, where CloudFront looks: arn:aws:acm:us-east-1:<account>:…",
)
US_EAST_1_KMS_KEY = Text(
    aws_limits.arn("kms", r"key/[\w-]+", region="us-east-1"),
    "the ARN of a KMS key in us-east-1: arn:aws:kms:us-east-1:…",
)
WEB_ACL = Text(
    aws_limits.WEB_ACL_ARN,
    "the ARN of a web ACL of scope CLOUDFRONT: arn:aws:wafv2:us-east-1:<account>:global/webacl/…",
)
SECRET_ARN = Text(
    "|".join((aws_limits.SECRET_ARN, aws_limits.PARAMETER_ARN)),
    "the ARN of a secret (arn:aws:secretsmanager:…:secret:…) or of a parameter (arn:aws:ssm:…:parameter/…)",
    may_be_empty=False,
)
EMAIL = Text(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+", "an e-mail address", may_be_empty=False)

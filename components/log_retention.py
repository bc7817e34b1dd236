"""How long CloudWatch keeps logs."""

from __future__ import annotations

RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""The days that a log group can have.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
"""


def check_retention(days: int) -> None:
    """Raises ValueError, with what is allowed, for days that CloudWatch does not offer."""
    if days not in RETENTION_DAYS:
        allowed = ", ".join(str(allowed) for allowed in RETENTION_DAYS)
        raise ValueError(f"CloudWatch does not keep logs for {days} days: expected one of {allowed}")

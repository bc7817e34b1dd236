"""Having the edges of the CDN forget paths."""

import hashlib
import time
from collections.abc import Sequence
from typing import Any, Final

from botocore.exceptions import ClientError

from functions.aws_errors import code
from release.progress import counted
from release.static.store import reported

INVALIDATION_WAIT_S: Final = 60.0
INVALIDATION_POLL_S: Final = 2.0
NOBODYS: Final = "I00000000000000"
"""The form of an invalidation's ID."""


def check_distribution(cloudfront: Any, distribution: str) -> None:
    """Raises StaticReleaseError if there is no such distribution, or it may not be asked. One request.

    It asks for an invalidation that nobody made: `invalidate` needs the same right.
    """
    with reported(f"look for the distribution {distribution}"):
        try:
            cloudfront.get_invalidation(DistributionId=distribution, Id=NOBODYS)
        except ClientError as error:
            if code(error) in ("NoSuchDistribution", "AccessDenied"):
                raise


def invalidate(cloudfront: Any, distribution: str | None, paths: Sequence[str], what: str) -> str:
    """Has the edges forget `paths`, and waits a while for it; returns what to say.

    It is a second means: the files are `no-cache`, so that edges ask again anyway. Hence a slow one is said, not a
    failure. The reference makes a repeated request the same invalidation, and a later activation another one.
    """
    if not paths:
        return "nothing to invalidate"
    if distribution is None:
        return f"nothing is invalidated: no distribution was given ({counted(len(paths), 'path')} changed)"
    reference = hashlib.sha256(" ".join((what, *paths)).encode()).hexdigest()
    with reported(f"invalidate {len(paths)} paths of the distribution {distribution}"):
        batch = {"Paths": {"Quantity": len(paths), "Items": list(paths)}, "CallerReference": reference}
        answer = cloudfront.create_invalidation(DistributionId=distribution, InvalidationBatch=batch)["Invalidation"]
        deadline = time.monotonic() + INVALIDATION_WAIT_S
        while answer["Status"] != "Completed" and time.monotonic() < deadline:
            time.sleep(INVALIDATION_POLL_S)
            answer = cloudfront.get_invalidation(DistributionId=distribution, Id=answer["Id"])["Invalidation"]
    shown = " ".join(paths[:5]) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")
    ended = (
        ""
        if answer["Status"] == "Completed"
        else f"; not at every edge after {INVALIDATION_WAIT_S:.0f} s, they ask again anyway"
    )
    return f"invalidated {shown}{ended}"

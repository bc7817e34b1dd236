"""One question about what a release needs, and how many are asked at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import BotoCoreError, ClientError

from release.registry import ImageError
from release.session import is_denied

PARALLEL = 8
"""Checks at the same time; each asks AWS a few times, one after the other."""

Check = tuple[str, Callable[[], Iterable[str]]]
"""What is checked, and how: yields what is wrong, one line each: what, a colon, and how it is mended."""


def all_of(checks: Sequence[Check]) -> tuple[list[str], list[str]]:
    """What is wrong, and what could not be checked for lack of permission; each in the order of the checks."""
    with ThreadPoolExecutor(PARALLEL, thread_name_prefix="check") as threads:
        results = list(threads.map(_one, checks))
    return [text for problems, _ in results for text in problems], [text for _, denied in results for text in denied]


def _one(check: Check) -> tuple[list[str], list[str]]:
    what, ask = check
    try:
        return list(ask()), []
    except (ClientError, BotoCoreError, ImageError) as error:
        if is_denied(error):
            return [], [f"{what} was not checked, which this role may not ({error})"]
        return [f"{what} could not be checked: {error}"], []

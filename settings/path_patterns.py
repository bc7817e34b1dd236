"""Which paths a path pattern takes, as CloudFront and Elastic Load Balancing have it, and the patterns of services."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from settings.service import Service


def matches(pattern: str, path: str) -> bool:
    """`*` is any text and `?` any character, "/" too; upper and lower case differ.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/DownloadDistValuesCacheBehavior.html
    """
    return fnmatch.fnmatchcase(path, pattern.replace("[", "[[]"))


def of_services(services: Mapping[str, Service]) -> list[str]:
    """What every site asks the services for, and not its own files."""
    return [path for service in services.values() for path in service.paths]

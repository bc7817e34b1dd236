"""Which settings of sites belong together."""

from __future__ import annotations

import difflib
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from settings.names import prefix
from settings.service import Service
from settings.site import Site

NAME: Final = r"[a-z]([a-z0-9-]{0,18}[a-z0-9])?"
"""Names of buckets, 63 characters, begin with <project>-<stack>-<site>-logs-: "Bucket naming rules", Amazon S3."""


def path(name: str, key: str = "") -> str:
    return f"{prefix()}sites.{name}" + (f".{key}" if key else "")


def _names(sites: Mapping[str, Site]) -> Iterator[str]:
    for name in sites:
        if not re.fullmatch(NAME, name):
            yield (
                f"{prefix()}sites has {name!r}: expected a name of at most 20 characters, a-z, 0-9 and -, that begins "
                "with a letter"
            )


def _certificate_of_the_domain(at: str, site: Site) -> Iterator[str]:
    certificates = {"certificateArn": site.certificate_arn, "hostedZoneId": site.hosted_zone_id}
    keys = [f"{at}.{key}" for key, value in certificates.items() if value]
    if site.domain and not keys:
        yield (
            f"{at}.domain needs certificateArn (a certificate that exists) or hostedZoneId (the zone in which this "
            "program makes and validates one), or both"
        )
    if keys and not site.domain:
        yield f"{' and '.join(keys)} without domain: they are for the host name of the site"


def _certificate_of_the_load_balancer(at: str, site: Site, load_balancer_certificate_arn: str) -> Iterator[str]:
    if load_balancer_certificate_arn and not site.domain:
        yield f"{prefix()}loadBalancerCertificateArn without {at}.domain: CloudFront expects that name in it"


def _files(at: str, site: Site, sites: Mapping[str, Site], services: Mapping[str, Service]) -> Iterator[str]:
    if site.folder:
        return
    others = [name for name, other in sites.items() if other.folder]
    near = difflib.get_close_matches(next((name for name, other in sites.items() if other is site), ""), others, n=1)
    meant = f"; or is {near[0]} meant?" if near else ""
    if not any(service.paths for service in services.values()):
        yield (
            f"{at} has no folder and no service has paths, so that nothing would answer there: give it a folder, or a "
            f"service paths{meant}"
        )
    if site.build:
        yield f"{at}.build without {at}.folder: expected the folder that it makes{meant}"
    of_files = {
        "pages": site.pages != "single",
        "publish": site.publish,
        "config": site.config,
        "originShieldRegion": site.origin_shield_region,
    }
    if keys := [f"{at}.{key}" for key, value in of_files.items() if value]:
        yield f"{' and '.join(keys)} without {at}.folder: there are no files that it could be about{meant}"


def _one_domain(sites: Mapping[str, Site]) -> Iterator[str]:
    owners: dict[str, str] = {}
    for name, site in sites.items():
        if site.domain in owners:
            yield (
                f"{path(name, 'domain')} is {site.domain}, as is {path(owners[site.domain], 'domain')}: expected "
                "another name, as a distribution has its name alone"
            )
        elif site.domain:
            owners[site.domain] = name


def _one_build(sites: Mapping[str, Site]) -> Iterator[str]:
    """The second command would change what the first built."""
    builds: dict[str, tuple[str, tuple[str, str]]] = {}
    for name, site in sites.items():
        if not site.folder:
            continue
        folder, build = posixpath.normpath(site.folder), (site.build, site.build_folder)
        first, other = builds.setdefault(folder, (name, build))
        if other != build:
            yield (
                f"{path(name, 'folder')} is that of {path(first)}, which another command builds: expected a folder of "
                "its own, or the same build and buildFolder"
            )


RULES: Sequence[Callable[..., Iterator[str]]] = (
    _names,
    _certificate_of_the_domain,
    _certificate_of_the_load_balancer,
    _files,
    _one_domain,
    _one_build,
)

"""What the description says of one site: its files, how they are built and published, and its address."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, Final

from components import aws_limits
from settings import formats
from settings.formats import ONCE, About, Choice, Text
from settings.site_build import HASHED, Pages

DISTRIBUTION_PLACEHOLDER: Final = "{distribution}"
"""In `publicUrl`, the first label of the distribution's own domain name: d111111abcdef8 of …cloudfront.net. In
`connectTo` that too, and alone it is the whole name."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Site:
    """One distribution, with files, in front of the services."""

    folder: Annotated[
        str,
        formats.FOLDER._replace(may_be_empty=True),
        About("The built files, relative to the project. Empty: no files, a name that only leads to the services."),
    ] = ""
    build: Annotated[
        str,
        About(
            "Command for `sh` that builds `folder`, with the version in `RELEASE_VERSION`; `python -m release build` "
            "runs it. Empty: something else builds it."
        ),
    ] = ""
    build_folder: Annotated[
        str,
        formats.FOLDER._replace(may_be_empty=True),
        About(
            "Where `build` runs, relative to the project, and whose files are the site's source. Empty: the folder "
            "above `folder` that has a package.json, and where none has, the one just above it."
        ),
    ] = ""
    pages: Annotated[
        str,
        Choice(("single", "multi")),
        About("`single`: any path without a file is the application's page. `multi`: it is the page 404.html."),
    ] = "single"
    hashed: Annotated[
        tuple[str, ...],
        Text(r"(?!/).+", "a pattern of paths in the folder", may_be_empty=False),
        ONCE,
        About("Patterns of files whose name has a hash of their content: caches keep them for a year."),
    ] = HASHED
    publish: Annotated[
        tuple[str, ...],
        Text(r"(?!/).+", "a path in the folder", may_be_empty=False),
        ONCE,
        About(
            "Paths of files in `folder` that are public on purpose, although they look like keys, credentials, "
            "environment variables, version control, or pointers of Git LFS. Any other such file is refused."
        ),
    ] = ()
    config: Annotated[
        Mapping[str, Any],
        About("What the site's /config.json has beside `environment`: any JSON. It is public: no secrets."),
    ] = dataclasses.field(default_factory=dict)
    domain: Annotated[
        str,
        formats.DOMAIN,
        About(
            "Host name of the site, for example dev.example.gov; without `publicUrl`, releases are proven there. "
            "Empty uses the distribution's own name."
        ),
    ] = ""
    certificate_arn: Annotated[
        str,
        formats.US_EAST_1_CERTIFICATE,
        About(
            "An existing ACM certificate (us-east-1) for `domain`. Empty, with `hostedZoneId`, makes and validates one."
        ),
    ] = ""
    hosted_zone_id: Annotated[
        str,
        formats.HOSTED_ZONE,
        About("Route 53 zone of `domain`. Its records are made there. Empty if the DNS is someone else's."),
    ] = ""
    public_url: Annotated[
        str,
        formats.PUBLIC_URL,
        About(
            'Address at which a release is proven, without a path. "{distribution}" stands for the first label of the '
            "distribution's name. Empty is https:// and the domain."
        ),
    ] = ""
    connect_to: Annotated[
        str,
        formats.CONNECT_TO,
        About(
            "host:port to connect to instead of the host in `publicUrl`. Request and certificate keep that host, and "
            'no proxy is used. "{distribution}" is the distribution\'s own name, port 443. For proving before a DNS '
            "switch; see docs/set-up-a-domain.md."
        ),
    ] = ""
    web_acl_arn: Annotated[
        str, formats.WEB_ACL, About("AWS WAF web ACL (scope CLOUDFRONT) for the distribution. Empty for none.")
    ] = ""
    content_security_policy: Annotated[
        str,
        formats.HEADER,
        About("Content-Security-Policy header of the site's answers. Empty allows what comes from the site itself."),
    ] = ""
    permissions_policy: Annotated[
        str,
        formats.HEADER,
        About(
            "Permissions-Policy header of the site's answers, for example camera=(), microphone=(). Empty sends none."
        ),
    ] = ""
    hsts_subdomains: Annotated[
        bool,
        About(
            "Have browsers use HTTPS for every host below the site's name, too (includeSubDomains), for a year. This "
            "includes other teams' hosts."
        ),
    ] = False
    origin_shield_region: Annotated[
        str,
        Text(aws_limits.REGION, "a region"),
        About("Region of CloudFront's Origin Shield, one more cache in front of the bucket. Empty for none."),
    ] = ""
    access_log_days: Annotated[
        int,
        formats.DAYS_OF_LOGS,
        About("Days to keep the distribution's access logs, in a bucket of their own. 0 writes none."),
    ] = 0

    @property
    def page_mode(self) -> Pages:
        """`pages`, as its check leaves it."""
        return "multi" if self.pages == "multi" else "single"

    def url(self, distribution_domain_name: str) -> str:
        """Where people reach the site, and where its releases are proven, without a path."""
        if not self.public_url:
            return f"https://{self.domain or distribution_domain_name}"
        return _filled(self.public_url, distribution_domain_name)

    def address(self, distribution_domain_name: str) -> str:
        """`host:port` to connect to in place of the URL's own; empty for that one."""
        host, _, port = self.connect_to.partition(":")
        if host == DISTRIBUTION_PLACEHOLDER:
            return f"{distribution_domain_name}:{port or 443}"
        return _filled(self.connect_to, distribution_domain_name)


def _filled(text: str, distribution_domain_name: str) -> str:
    return text.replace(DISTRIBUTION_PLACEHOLDER, distribution_domain_name.partition(".")[0])

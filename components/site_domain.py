"""A site's own name: its certificate, and its records in DNS."""

from __future__ import annotations

import dataclasses
import re

import pulumi
import pulumi_aws as aws

from components.aws_limits import certificate_arn
from components.component import Component

CERTIFICATE_REGION = "us-east-1"
"""https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cnames-and-https-requirements.html"""
_NAME = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Domain:
    """A name, and who looks after its certificate and its DNS.

    Without `certificate_arn` a certificate is made and validated in the zone; without `zone_id` both are somebody
    else's, who points the name at `distribution_domain_name`. Raises ValueError for what is neither or cannot be.
    """

    name: str
    """For example `reports.example.gov`; lower case, without a dot at its end."""
    certificate_arn: str | None = None
    """ACM certificate in us-east-1 that covers the name, which exists."""
    zone_id: str | None = None
    """Route 53 hosted zone of the name: its A and AAAA records are made there."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(
                f"domain {self.name!r} is no host name: expected lower case without a dot at the end, for example "
                "reports.example.gov"
            )
        if not self.certificate_arn and not self.zone_id:
            raise ValueError(
                f"domain {self.name} needs certificate_arn (a certificate in {CERTIFICATE_REGION} that exists) or "
                "zone_id (one is made, and validated there)"
            )
        if self.certificate_arn and not re.fullmatch(certificate_arn(CERTIFICATE_REGION), self.certificate_arn):
            raise ValueError(
                f"certificate_arn {self.certificate_arn!r} cannot serve domain {self.name}: CloudFront takes an ACM "
                f"certificate of {CERTIFICATE_REGION}, arn:aws:acm:{CERTIFICATE_REGION}:<account>:certificate/<id>"
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class SiteDomainArgs:
    domain: Domain
    us_east_1: aws.Provider | None = None
    """Needed where a certificate is made."""


class SiteDomain(Component):
    """The certificate of a name, and once `point_to` says to what, the name's records.

    Another name makes another certificate, valid and in use before the old one is deleted. Raises ValueError if a
    certificate has to be made and there is no provider for us-east-1.
    """

    certificate_arn: pulumi.Output[str]
    """Of a valid certificate."""

    def __init__(self, name: str, args: SiteDomainArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        if args.domain.certificate_arn is None and args.us_east_1 is None:
            raise ValueError(
                f"domain {args.domain.name} has no certificate: one is made with the provider us_east_1, which is "
                f"missing; CloudFront takes certificates of {CERTIFICATE_REGION} only"
            )
        super().__init__("easi:site:SiteDomain", name, opts)
        self._name, self._domain = name, args.domain
        if args.domain.certificate_arn is not None:
            self.certificate_arn = pulumi.Output.from_input(args.domain.certificate_arn)
        else:
            self.certificate_arn = self._certificate(args)
        self.register_outputs({"certificateArn": self.certificate_arn})

    def point_to(self, distribution: aws.cloudfront.Distribution) -> None:
        """Have the zone answer the name with the addresses of a distribution, if it is ours to write."""
        if self._domain.zone_id is None:
            return
        for kind in ("A", "AAAA"):
            aws.route53.Record(
                f"{self._name}-{kind.lower()}",
                zone_id=self._domain.zone_id,
                name=self._domain.name,
                type=kind,
                aliases=[
                    {
                        "name": distribution.domain_name,
                        "zone_id": distribution.hosted_zone_id,
                        "evaluate_target_health": False,
                    }
                ],
                opts=self.child,
            )

    def _certificate(self, args: SiteDomainArgs) -> pulumi.Output[str]:
        in_us_east_1 = pulumi.ResourceOptions(parent=self, provider=args.us_east_1)
        zone = args.domain.zone_id
        assert zone is not None  # noqa: S101 - Domain has one of the two
        certificate = aws.acm.Certificate(
            self._name, domain_name=args.domain.name, validation_method="DNS", opts=in_us_east_1
        )
        proof = certificate.domain_validation_options[0]
        record = aws.route53.Record(
            f"{self._name}-validation",
            zone_id=zone,
            name=proof.resource_record_name,
            type=proof.resource_record_type,
            records=[proof.resource_record_value],
            ttl=60,
            # ACM asks the same record for all certificates of a name in an account: a load balancer's may have made it.
            allow_overwrite=True,
            opts=self.child,
        )
        validation = aws.acm.CertificateValidation(
            self._name,
            certificate_arn=certificate.arn,
            validation_record_fqdns=[record.fqdn],
            opts=in_us_east_1,
        )
        return validation.certificate_arn

"""Certificates."""

from __future__ import annotations

from datetime import UTC, datetime

from local.plugin.provider import PluginError
from local.plugin.wire import Props

from ..kind import Change, Kind, words
from ..session import Aws, tries

ISSUE_DEADLINE_S = 300


class Certificate(Kind):
    """A certificate that is asked for; one that is imported is refused."""

    resource = "aws:acm/certificate:Certificate"
    service, make, identity, remove = "acm", "request_certificate", "CertificateArn", "delete_certificate"
    get, answer_path, keys = "describe_certificate", "Certificate", {"CertificateArn": "id"}
    spelled = {"validationOptions": "DomainValidationOptions"}
    changes = (Change("update_certificate_options", "options"),)
    defaults = {"options": {"certificateTransparencyLoggingPreference": "ENABLED"}}
    outputs = {"arn": "CertificateArn"}
    alike = words("domainName keyAlgorithm status subjectAlternativeNames type")
    replaces = words(
        "certificateAuthorityArn domainName keyAlgorithm subjectAlternativeNames validationMethod validationOptions"
    )
    unordered = words("subjectAlternativeNames")
    volatile = words("status")
    tagged = "arn"

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        proofs = []
        for option in self.find(aws, identity, state).get("DomainValidationOptions") or []:
            record = option.get("ResourceRecord") or {}
            named = {f"resourceRecord{key}": value for key, value in record.items()}
            proofs.append({"domainName": option["DomainName"]} | named)
        return super().read(aws, identity, state) | {"domainValidationOptions": proofs}


class CertificateValidation(Kind):
    """Waits until a certificate is issued; there is nothing of it in AWS."""

    resource = "aws:acm/certificateValidation:CertificateValidation"
    service, get, answer_path, keys = "acm", "describe_certificate", "Certificate", {"CertificateArn": "certificateArn"}
    replaces = words("certificateArn validationRecordFqdns")
    unordered = words("validationRecordFqdns")
    honoured = words("certificateArn")
    recorded = words("validationRecordFqdns")

    def create(self, aws: Aws, new: Props) -> str:
        return str(datetime.now(UTC))

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        for _ in tries(ISSUE_DEADLINE_S):
            status = self.find(aws, identity, state)["Status"]
            if status == "ISSUED":
                return {}
            if status != "PENDING_VALIDATION":
                break
        raise PluginError(f"{state['certificateArn']} is {status}: expected ISSUED")

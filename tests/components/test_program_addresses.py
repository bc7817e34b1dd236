"""The names of sites, and where a release connects to, on mocks: what is warned of and what is refused."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

from tests.components import aws_answers, program
from tests.components.aws_answers import answering, before_first_update


@pytest.mark.parametrize(
    ("url", "domain", "warned"),
    [
        ("https://easi.example.gov", "easi.example.gov", False),
        ("https://d1.cloudfront.net", "easi.example.gov", False),
        ("https://easi.example.gov", "new.example.gov", True),
        ("https://easi.example.gov", "", True),
    ],
)
def test_a_preview_warns_that_the_site_loses_its_name(
    url: str, domain: str, warned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(aws_answers, "OTHER_STACK_OUTPUTS", {"sites": {"site": {"url": url}}})
    monkeypatch.setattr(pulumi.log, "warn", lambda message, *_a, **_k: warnings.append(message))
    certificate = {} if domain else {"sites.site.certificateArn": ""}
    program.run("prod", {"sites.site.domain": domain, **certificate}, preview=True)
    assert warned == any(message.startswith("domain of the site site changes") for message in warnings)


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({}, False),  # as committed: the name is another team's, and its first release is proven at the distribution
        ({"sites.site.connectTo": ""}, True),
        ({"sites.site.connectTo": "", "sites.site.hostedZoneId": "Z0123456789PROD"}, False),
        ({"sites.site.connectTo": "", "sites.site.publicUrl": "https://proof.easi.example.gov"}, False),
        ({"sites.site.connectTo": "", "sites.site.domain": "", "sites.site.certificateArn": ""}, False),
    ],
)
def test_first_release_that_dns_cannot_lead_to_is_refused(
    changes: dict[str, Any], refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, readStackOutputs=before_first_update)
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda message, *_a, **_k: warnings.append(message))
    if refused:
        with pytest.raises(pulumi.RunError, match=r"--path easi:sites.site.connectTo '\{distribution\}'"):
            program.run("prod", changes)
    else:
        program.run("prod", changes)
    program.run("prod", changes, preview=True)
    assert refused == any("easi:sites.site.connectTo" in message for message in warnings)


@pytest.mark.parametrize("updated", [True, False])
def test_only_before_a_first_update_aws_is_asked_for_what_one_left_behind(
    updated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not updated:
        answering(monkeypatch, readStackOutputs=before_first_update)
    program.FIND_ORIGIN.reset_mock()
    program.run("prod")
    assert program.FIND_ORIGIN.called is not updated


@pytest.mark.parametrize(
    ("given", "there"),
    [
        ("{distribution}", "d111111abcdef8.cloudfront.net:443"),
        ("{distribution}:8443", "d111111abcdef8.cloudfront.net:8443"),
        ("{distribution}.cloudfront.net:443", "d111111abcdef8.cloudfront.net:443"),
        ("127.0.0.1:4570", "127.0.0.1:4570"),
        ("", ""),
    ],
)
def test_release_connects_to_the_distribution_itself(given: str, there: str, monkeypatch: pytest.MonkeyPatch) -> None:
    computed = aws_answers.computed

    def named(token: str, name: str, output: str, inputs: Any) -> Any:
        distribution = token.endswith(":Distribution") and output == "domainName"
        return "d111111abcdef8.cloudfront.net" if distribution else computed(token, name, output, inputs)

    monkeypatch.setattr(aws_answers, "computed", named)
    site = program.run("prod", {"sites.site.connectTo": given}).one(aws_answers.RELEASE)["sites"]["site"]
    assert (site["url"], site["connectTo"]) == ("https://easi.example.gov", there)

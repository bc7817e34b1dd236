"""The secret by which a firewall knows the requests of a release."""

from __future__ import annotations

import dataclasses

import pytest

from release import http
from release.healthcheck import NotProven, prove
from release.identity import first
from release.inputs import from_inputs
from release.request import ReleaseRequest
from release.static.errors import StaticReleaseError
from release.static.readback import read_back
from tests.unit.environments import INPUTS
from tests.unit.servers import VERSION, Served, Server, serving
from tests.unit.test_static_store import MANIFEST

SECRET = "0123456789abcdef"


def request_for(server: Server, **connection: str) -> ReleaseRequest:
    site = {**INPUTS["site"], "url": f"http://127.0.0.1:{server.port}"}
    given = {"environment": "dev", "version": VERSION, "recordsBucket": "records", "site": site}
    return from_inputs({**INPUTS, **given, "connection": {**INPUTS["connection"], **connection}})


@pytest.mark.parametrize(
    ("given", "sent"), [({"probeSecret": SECRET}, {SECRET}), ({"probeSecret": ""}, {None}), ({}, {None})]
)
def test_health_check_and_read_back_send_it_and_nothing_shows_it(
    given: dict[str, str], sent: set[str | None], capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(Served(status=403, headers={"Server": "CloudFront"})) as server:
        request = request_for(server, **given)
        health = first(request.services).health
        assert health is not None
        with pytest.raises(NotProven, match="answered 403 from CloudFront/WAF: it refuses") as unproven:
            prove(dataclasses.replace(health, deadline_s=0.1), print)
        with pytest.raises(StaticReleaseError, match=r"version\.json answered 403 from CloudFront/WAF") as unserved:
            read_back(site=first(request.sites).site, manifest=MANIFEST, say=print, deadline_s=0)
    assert {headers.get(http.PROBE_HEADER) for headers in server.headers} == sent
    assert SECRET not in f"{request} {unproven.value} {unserved.value} {capsys.readouterr()}"

"""What the local environments reach without the proxy that the caller's shell names."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import pytest
from botocore.utils import should_bypass_proxies

from local import proxies
from local.emulator import process
from local.emulator.process import EmulatorSettings

HERE = "localhost,.localhost,127.0.0.1"
ADDRESSES = ("http://127.0.0.1:4566", "http://localhost:4566", "http://d1.cloudfront.localhost:4566")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, HERE),
        ({"NO_PROXY": ""}, HERE),
        ({"NO_PROXY": "example.gov, 10.0.0.0/8"}, f"example.gov,10.0.0.0/8,{HERE}"),
        ({"no_proxy": "example.gov", "NO_PROXY": "other.gov"}, f"other.gov,example.gov,{HERE}"),
        ({"no_proxy": "localhost,127.0.0.1"}, "localhost,127.0.0.1,.localhost"),
        ({"no_proxy": "*"}, "*"),
        ({"NO_PROXY": "example.gov,*"}, "*"),
    ],
)
def test_this_machine_is_added_to_what_the_caller_has_in_both_spellings(before: dict[str, str], after: str) -> None:
    assert proxies.without(before) == {"NO_PROXY": after, "no_proxy": after}
    assert proxies.without(proxies.without(before)) == proxies.without(before)


@pytest.mark.parametrize("before", ["", "example.gov", "*"])
def test_python_and_boto3_take_it_so(before: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in proxies.without({"NO_PROXY": before}).items():
        monkeypatch.setenv(name, value)
    for address in ADDRESSES:
        assert should_bypass_proxies(address), address
        assert urllib.request.proxy_bypass(address.split("/")[2]), address
    assert should_bypass_proxies("http://169.254.170.2.example.com") is (before == "*")


def test_the_command_that_is_printed_asks_this_machine_itself() -> None:
    assert proxies.curl({"NO_PROXY": "x", "no_proxy": "x", "PATH": "/bin"}) == "curl -s"
    assert proxies.curl({"https_proxy": "http://proxy:1"}) == "curl -s --noproxy localhost"


def test_the_emulator_knows_no_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "https_proxy", "ALL_PROXY", "NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "http://proxy.example.gov:3128")
    environment = process._environment(EmulatorSettings(folder=tmp_path), 4566)
    assert not [name for name in environment if proxies.is_proxy(name)]
    assert "PATH" in environment

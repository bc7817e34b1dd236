"""Which subnet a clone's own Docker engine gets."""

from __future__ import annotations

from ipaddress import IPv4Network as Net
from pathlib import Path

import pytest

from local import docker_engine, docker_network, preflight
from local.docker_network import POOLS, choose
from local.layout import Layout, LocalError

HERE = Layout(Path("/home/somebody/easi"))


def test_a_clone_gets_the_same_subnet_again_and_another_one_a_different_one() -> None:
    subnet = choose("00000000a7", [Net("192.0.2.0/24")])
    assert subnet == Net("10.213.167.0/24")
    assert choose("00000000a7", [Net("0.0.0.0/1"), Net("128.0.0.0/1"), Net("127.0.0.0/8")]) == subnet
    assert choose("00000000a8", []) == Net("10.213.168.0/24")


def test_no_subnet_overlaps_a_route() -> None:
    assert choose("00000000ff", [Net("10.213.255.64/28")]) == Net("10.213.0.0/24")
    assert choose("00000000ff", [Net("10.213.255.64/28"), Net("10.213.0.1/32")]) == Net("10.213.1.0/24")
    assert choose("0000000001", [Net("10.0.0.0/8")]) == Net("172.30.1.0/24")
    assert choose("0000000001", [Net("10.0.0.0/8"), Net("172.16.0.0/12")]) == Net("192.168.1.0/24")
    assert choose("0000000001", [Net(pool) for pool in POOLS]) is None


def test_the_bridge_is_named_by_the_clone_with_no_more_characters_than_linux_allows() -> None:
    name = docker_network.bridge(HERE)
    assert name == f"aws-{HERE.identity}"
    assert len(name) <= 15


def test_a_machine_that_lacks_the_tools_is_told_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda tool: None if tool == "ip" else f"/usr/sbin/{tool}")
    monkeypatch.setattr(preflight, "installable", lambda: False)
    answer = preflight.DockerAnswer(None, None)
    monkeypatch.setattr(preflight, "find_docker", lambda _: answer)
    monkeypatch.setattr("os.getuid", lambda: 0)
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    problems = preflight.docker(answer).problems
    assert len(problems) == 1
    assert "ip must be on PATH (packages: iproute2)" in problems[0]
    with pytest.raises(LocalError, match="packages: iproute2"):
        docker_engine.ensure(HERE, print)

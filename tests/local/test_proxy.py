"""The local environments behind a proxy: nothing on this machine is asked for through it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from http.server import ThreadingHTTPServer

import pytest

from tests.http_servers import Handler, listening
from tests.local.clone import Clone

NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
pytestmark = pytest.mark.moves_on


class Proxy(ThreadingHTTPServer):
    """Answers 502 to everything, and remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Refusing)
        self.asked: list[str] = []

    @property
    def variables(self) -> Mapping[str, str]:
        """What a caller's shell has set; NO_PROXY is of a company, too."""
        address = f"http://127.0.0.1:{self.server_address[1]}"
        return {**dict.fromkeys(NAMES, address), "NO_PROXY": "example.gov"}

    @property
    def asked_for_this_machine(self) -> list[str]:
        """Requests for what is reached without it."""
        return [asked for asked in self.asked if "localhost" in asked or "127.0.0.1" in asked]


class Refusing(Handler):
    server: Proxy

    def refuse(self) -> None:
        self.server.asked.append(self.requestline)
        self.send_error(502)

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self.refuse
        raise AttributeError(name)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    server = Proxy()
    with listening(server):
        yield server


def test_a_shell_that_names_a_proxy_can_do_what_another_can(easi: Clone, proxy: Proxy) -> None:
    shell = """
        echo "$NO_PROXY $no_proxy"
        pulumi preview -s dev --non-interactive
        python -m release verify -s dev
        python -m release status -s dev
        curl -fsS "$(pulumi stack output -s dev healthcheckUrl)"
    """
    done = easi.shell(shell, variables=proxy.variables)
    assert done.returncode == 0, done.stdout + done.stderr
    listed = done.stdout.splitlines()[0].split()
    assert listed[0] == listed[1]
    assert {"example.gov", "localhost", "127.0.0.1"} <= set(listed[0].split(","))
    shown = easi.local("status", variables=proxy.variables)
    assert f"{easi.version[:12]} pass" in shown.stdout, shown.stdout
    assert proxy.asked_for_this_machine == []


def test_make_up_works_behind_a_proxy(easi: Clone, proxy: Proxy) -> None:
    """With an emulator that is started there, too: its functions and its load balancer reach what they need."""
    stop = "from local.emulator import process; from local.layout import here; process.stop(here().emulator, print)"
    easi.run(f"python -c '{stop}'")
    easi.commit("released behind a proxy")
    said = easi.up("--env", "dev", variables=proxy.variables)
    assert easi.health("dev")["version"] == easi.version
    printed = re.search(r"^  check +(curl .*)$", said, re.MULTILINE)
    assert printed is not None, said
    asked = subprocess.run(printed[1], shell=True, env=dict(proxy.variables), capture_output=True, check=False)
    assert json.loads(asked.stdout)["version"] == easi.version
    assert proxy.asked_for_this_machine == []

"""How a host is reached: all of its addresses share the time, and proxies are followed as boto3 does."""

from __future__ import annotations

import base64
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from botocore.utils import should_bypass_proxies
from urllib3.exceptions import HTTPError

from cli.github import Api, GithubError
from release import http
from release.http import HttpError, UnknownNameError
from release.registry import ImageError, Registries, Repository
from release.transport import Pools, ProxyRefusedError, proxy_of
from tests.unit.proxies import HttpProxy, black_hole, proxying
from tests.unit.servers import Served, serving, tls_for

NAME = "public.example.com"
PASSWORD = "Winter@2026!"
CREDENTIALS = f"easi:{PASSWORD.replace('@', '%40')}@"
POOLS = Pools(retries=False, timeout=urllib3.Timeout(connect=5, read=5))
BASIC = base64.b64encode(f"easi:{PASSWORD}".encode()).decode()


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme in ("http", "https", "no", "all"):
        monkeypatch.delenv(f"{scheme}_proxy", raising=False)
        monkeypatch.delenv(f"{scheme}_proxy".upper(), raising=False)


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> None:
    """Let NAME have these addresses, in this order."""
    real = socket.getaddrinfo

    def getaddrinfo(host: str, *more: Any, **named: Any) -> Any:
        if host != NAME:
            return real(host, *more, **named)
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port of a site with TLS and a trusted certificate for NAME."""
    tls = tls_for(tmp_path, NAME)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    with serving(Served(b"here"), tls=tls) as server:
        yield server.port


def test_address_that_does_not_answer_leaves_the_others_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Served(b"here")) as server, black_hole() as nowhere:
        resolving(monkeypatch, nowhere, nowhere, ("127.0.0.1", server.port))
        began = time.monotonic()
        assert http.get(f"http://{NAME}/", timeout_s=5).body == b"here"
        assert POOLS.request("GET", f"http://{NAME}/").data == b"here"
        assert time.monotonic() - began < 3


def test_address_that_refuses_is_passed_over_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        refusing = closed.getsockname()
    with serving(Served(b"here")) as server:
        resolving(monkeypatch, *[refusing] * 8, ("127.0.0.1", server.port))
        began = time.monotonic()
        assert http.get(f"http://{NAME}/").body == b"here"
        assert time.monotonic() - began < 1
    resolving(monkeypatch, refusing, refusing)
    with pytest.raises(HttpError, match=f"{NAME}:80 refused the connection"):
        http.get(f"http://{NAME}/")


def test_all_addresses_together_have_the_time_of_one_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with black_hole() as nowhere:
        resolving(monkeypatch, *[nowhere] * 8)
        began = time.monotonic()
        with pytest.raises(HttpError, match=f"{NAME}:80 did not answer within 0\\.4 s"):
            http.get(f"http://{NAME}/", timeout_s=0.4)
        with pytest.raises(HTTPError, match=r"did not connect within 0\.4 s"):
            Pools(retries=False, timeout=urllib3.Timeout(connect=0.4)).request("GET", f"http://{NAME}/")
        assert time.monotonic() - began < 2


def test_resolver_that_does_not_answer_ends_with_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(3))
    began = time.monotonic()
    with pytest.raises(HttpError, match=f"{NAME}:80 did not answer within 0\\.2 s"):
        http.get(f"http://{NAME}/", timeout_s=0.2)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b", "x" * 64 + ".example.com"])
def test_name_that_does_not_exist_is_told_from_a_resolver_in_trouble(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UnknownNameError, match="does not resolve"):
        http.get(f"http://{host}/")

    def troubled(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", troubled)
    with pytest.raises(HttpError, match="does not resolve: Temporary failure") as caught:
        http.get(f"http://{NAME}/")
    assert not isinstance(caught.value, UnknownNameError)


def test_https_goes_through_the_proxy_with_its_password(site: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with proxying(HttpProxy(target=site, password=BASIC)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("//", f"//{CREDENTIALS}"))
        answer = http.get(f"https://{NAME}/x")
        assert (answer.body, answer.proxy) == (b"here", f"127.0.0.1:{proxy.port}")
        assert POOLS.request("GET", f"https://{NAME}/x").data == b"here"
    assert proxy.requests[0] == f"CONNECT {NAME}:443 HTTP/1.0"
    assert len(proxy.requests) == 2


def test_http_is_sent_to_the_proxy_with_its_whole_address(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Served(b"here")) as server, proxying(HttpProxy(target=server.port)) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.removeprefix("http://"))  # also without a scheme, as for boto3
        assert http.get(f"http://{NAME}/x?y").body == b"here"
    assert proxy.requests == [f"GET http://{NAME}/x?y HTTP/1.1"]
    assert [host for _, host, _ in server.requests] == [NAME]


def test_proxy_is_spoken_to_over_tls_where_its_address_says_so(
    site: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "proxy").mkdir()
    tls = tls_for(tmp_path / "proxy", "proxy.example.com")
    trusted = tmp_path / "cert.pem"
    trusted.write_bytes(trusted.read_bytes() + (tmp_path / "proxy/cert.pem").read_bytes())
    with proxying(HttpProxy(target=site), tls) as proxy:
        real = socket.getaddrinfo
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda host, *more, **named: real("127.0.0.1" if host == "proxy.example.com" else host, *more, **named),
        )
        monkeypatch.setenv("HTTPS_PROXY", f"https://proxy.example.com:{proxy.port}")
        assert http.get(f"https://{NAME}/").body == b"here"
        monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{proxy.port}")
        with pytest.raises(HttpError, match=r"the proxy 127\.0\.0\.1:\d+ has no valid certificate for 127\.0\.0\.1"):
            http.get(f"https://{NAME}/")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_proxy_that_wants_a_password_says_so_and_its_password_is_not_shown(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxying(HttpProxy(target=1, password="other")) as proxy:
        address = f"127.0.0.1:{proxy.port}"
        monkeypatch.setenv(f"{scheme}_proxy", f"http://{CREDENTIALS}{address}")
        with pytest.raises(HttpError) as caught:
            http.get(f"{scheme}://{NAME}/")
    said = str(caught.value)
    assert said.startswith(f"the proxy {address} answered 407: it wants a name and a password")
    assert f"in {scheme.upper()}_PROXY: http://name:password@{address}" in said
    assert "Winter" not in said + repr(caught.value.__cause__) + repr(proxy_of(f"{scheme}://x/"))


def test_proxy_that_wants_a_password_says_so_with_whatever_page(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Served(b"x" * (http.MAX_BODY_BYTES + 1), status=407)) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(HttpError, match=rf"^the proxy 127\.0\.0\.1:{proxy.port} answered 407: it wants a name"):
            http.get(f"http://{NAME}/")


def test_proxy_that_does_not_connect_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with proxying(HttpProxy(target=1, refuses=403)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with pytest.raises(HttpError, match=rf"proxy 127\.0\.0\.1:{proxy.port} answered 403 .* connect to {NAME}:443"):
            http.get(f"https://{NAME}/")
    with pytest.raises(HttpError, match=rf"the proxy 127\.0\.0\.1:{proxy.port} refused the connection"):
        http.get(f"https://{NAME}/")
    with pytest.raises(HTTPError, match=rf"the proxy 127\.0\.0\.1:{proxy.port} cannot be reached"):
        POOLS.request("GET", f"https://{NAME}/")


@pytest.mark.parametrize(("status", "kind"), [(403, ProxyRefusedError), (407, ProxyRefusedError), (503, HTTPError)])
def test_what_a_proxy_refuses_is_not_asked_again_unless_it_may_pass(
    status: int, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxying(HttpProxy(target=1, refuses=status)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("//", f"//{CREDENTIALS}"))
        with pytest.raises(kind, match=rf"the proxy 127\.0\.0\.1:{proxy.port} answered {status}"):
            POOLS.request("GET", f"https://{NAME}/")


def test_github_and_registry_are_reached_through_the_proxy_and_say_what_it_refuses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    repository = Repository.parse(f"{NAME}/easi")
    api = Api({"GITHUB_REPOSITORY": "o/r", "GITHUB_TOKEN": "t"}, sleep=lambda _: None)
    with proxying(HttpProxy(target=1, password="other")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("//", f"//{CREDENTIALS}"))
        with pytest.raises(GithubError, match=r"GitHub cannot be reached .*: the proxy .* answered 407") as github:
            api.get("issues/1")
        with pytest.raises(ImageError, match=f"{NAME} cannot be asked: the proxy .* answered 407") as registry:
            Registries(repository, repository, lambda _: None).digest(repository, "latest")
    assert proxy.requests == ["CONNECT api.github.com:443 HTTP/1.0", f"CONNECT {NAME}:443 HTTP/1.0"]
    assert "Winter" not in str(github.value) + str(registry.value)


def test_address_that_one_says_is_connected_to_without_the_proxy(site: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with proxying(HttpProxy(target=1)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        assert http.get(f"https://{NAME}/", connect_to=f"127.0.0.1:{site}").body == b"here"
    assert proxy.requests == []


@pytest.mark.parametrize(
    ("url", "excepted", "direct"),
    [
        ("https://api.example.com/", "", False),
        ("https://api.example.com/", "example.com", True),
        ("https://api.example.com/", ".example.com", True),
        ("https://api.example.com/", "other.org, EXAMPLE.com ", True),
        ("https://api.example.com/", "ample.com", False),
        ("https://api.example.com:8443/", "api.example.com:8443", True),
        ("https://api.example.com:8443/", "api.example.com:443", False),
        ("https://api.example.com/", "*", True),
        ("http://127.0.0.1:4566/", "localhost", False),
        ("http://127.0.0.1:4566/", "localhost,127.0.0.1", True),
        ("http://localhost:4566/", "localhost", True),
    ],
)
def test_what_goes_without_a_proxy_is_as_boto3_has_it(
    url: str, excepted: str, direct: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example.org:3128")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.org:3128")
    monkeypatch.setenv("NO_PROXY", excepted)
    assert should_bypass_proxies(url) is direct
    assert (proxy_of(url) is None) is direct


@pytest.mark.parametrize(
    ("url", "excepted", "direct"),
    [
        ("http://10.1.2.3/", "10.0.0.0/8", True),
        ("http://10.1.2.3:8080/", "192.168.0.0/16,10.1.0.0/16", True),
        ("http://11.1.2.3/", "10.0.0.0/8", False),
        ("http://[fd00::1]:80/", "fd00::/8", True),
        ("http://[fd00::1]/", "fd00::1", True),
        ("http://ten.example.com/", "10.0.0.0/8", False),
    ],
)
def test_networks_go_without_a_proxy_too(
    url: str, excepted: str, direct: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "proxy.example.org")
    monkeypatch.setenv("NO_PROXY", excepted)
    proxy = proxy_of(url)
    assert (proxy is None) is direct
    assert proxy is None or (str(proxy), proxy.authorization) == ("proxy.example.org:80", None)


@pytest.mark.parametrize(
    "address", ["socks5://me:Winter@p:1080", "http://", "http://me:Winter@:x", "http://p:99999", "http://p/path"]
)
def test_variable_that_names_no_proxy_is_refused_without_its_value(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", address)
    with pytest.raises(HttpError, match="HTTPS_PROXY is not the address of a proxy: expected http://") as caught:
        http.get(f"https://{NAME}/")
    assert "Winter" not in str(caught.value)

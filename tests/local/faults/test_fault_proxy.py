"""The proxy itself: what it makes of calls, against boto3's own clients and a server that always answers the same."""

from __future__ import annotations

import time
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionClosedError, EndpointConnectionError

from release import http, objects
from tests.http_servers import Handler, listening
from tests.local import emulated
from tests.local.faults.cases import DEPLOY, TIMED_OUT
from tests.local.faults.proxy import On, Proxy, Rule, cut, delay, do, lose, status, throttle

PUT, GET = On(service="s3", operation="PutObject"), On(service="s3", operation="GetObject")


@pytest.fixture(scope="module")
def upstream() -> Iterator[ThreadingHTTPServer]:
    """Answers `{"hello": "world"}`, to a PUT nothing, and remembers what it was asked."""

    class Answering(Handler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.server.asked.append(f"{self.command} {self.path}")  # type: ignore[attr-defined] # ours, below
            self.reply(b"" if self.command == "PUT" else b'{"hello": "world"}', {"ETag": '"1"'})

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _answer  # noqa: N815 - the base class's names

    with listening(Answering) as server:
        server.asked = []  # type: ignore[attr-defined] # what came through
        yield server


@pytest.fixture
def proxy(upstream: ThreadingHTTPServer) -> Iterator[Proxy]:
    upstream.asked = []  # type: ignore[attr-defined] # each test counts its own
    with Proxy(upstream.server_address[1]) as proxy:
        yield proxy


def client(proxy: Proxy, service: str) -> Any:
    return emulated.client(proxy.endpoint, service, config=Config(retries={"total_max_attempts": 1}))


def put(proxy: Proxy, key: str = "a") -> None:
    client(proxy, "s3").put_object(Bucket="bucket", Key=key, Body=b"x")


def asked(upstream: ThreadingHTTPServer) -> list[str]:
    return list(upstream.asked)  # type: ignore[attr-defined] # ours, above


def test_calls_are_known_by_service_operation_and_key(proxy: Proxy) -> None:
    s3 = client(proxy, "s3")
    put(proxy, "a folder/ä.html")
    s3.get_object(Bucket="bucket", Key="lease.json")
    s3.head_object(Bucket="bucket", Key="b")
    client(proxy, "ecs").list_clusters()
    client(proxy, "lambda").invoke(FunctionName="easi-dev-deploy", Payload=b'{"command": "deploy"}')
    client(proxy, "lambda").invoke(FunctionName="f", Payload=b'{"command": "run_task"}')
    http.get("http://d1.cloudfront.localhost/version.json?probe=1", connect_to=f"127.0.0.1:{proxy.port}")
    assert [(call.service, call.operation, call.key) for call in proxy.calls] == [
        ("s3", "PutObject", "a folder/ä.html"),
        ("s3", "GetObject", "lease.json"),
        ("s3", "HeadObject", "b"),
        ("ecs", "ListClusters", "/"),
        ("lambda", "Invoke.deploy", "/2015-03-31/functions/easi-dev-deploy/invocations"),
        ("lambda", "Invoke.rehearse", "/2015-03-31/functions/f/invocations"),
        ("cdn", "GET", "/version.json"),
    ]


def test_a_rule_is_for_so_many_calls_after_so_many_others(proxy: Proxy, upstream: ThreadingHTTPServer) -> None:
    proxy.use([Rule(on=PUT, fault=status(500, "InternalError"), times=2, skip=1)])
    codes = []
    for _ in range(4):
        try:
            put(proxy)
            codes.append("ok")
        except ClientError as error:
            codes.append(error.response["Error"]["Code"])
    client(proxy, "s3").get_object(Bucket="bucket", Key="a")
    assert codes == ["ok", "InternalError", "InternalError", "ok"]
    assert len(asked(upstream)) == 3
    proxy.use([])
    put(proxy)


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "code"),
    [
        ("s3", "get_object", {"Bucket": "bucket", "Key": "a"}, "SlowDown"),
        ("ecs", "list_clusters", {}, "ThrottlingException"),
        ("lambda", "invoke", {"FunctionName": "f"}, "TooManyRequestsException"),
        ("cloudfront", "get_invalidation", {"DistributionId": "E1", "Id": "I1"}, "Throttling"),
        ("elbv2", "describe_load_balancers", {}, "ThrottlingException"),
    ],
)
def test_each_service_throttles_in_its_own_words(
    proxy: Proxy, service: str, operation: str, arguments: dict[str, str], code: str
) -> None:
    proxy.use([Rule(on=On(service="*"), fault=throttle())])
    with pytest.raises(ClientError) as raised:
        getattr(client(proxy, service), operation)(**arguments)
    assert raised.value.response["Error"]["Code"] == code


@pytest.mark.parametrize("after", [False, True])
def test_a_lost_call_is_carried_out_only_if_it_was_forwarded_first(
    proxy: Proxy, upstream: ThreadingHTTPServer, after: bool
) -> None:
    proxy.use([Rule(on=PUT, fault=lose, after=after)])
    with pytest.raises(ConnectionClosedError):
        put(proxy)
    assert asked(upstream) == (["PUT /bucket/a"] if after else [])


@pytest.mark.parametrize("reset", [False, True])
def test_an_answer_that_is_cut_is_not_taken_for_whole(proxy: Proxy, reset: bool) -> None:
    proxy.use([Rule(on=GET, fault=cut(reset=reset), after=True)])
    with pytest.raises((BotoCoreError, ConnectionResetError)):
        client(proxy, "s3").get_object(Bucket="bucket", Key="a")["Body"].read()


@pytest.mark.parametrize("reset", [False, True])
def test_a_release_reads_an_object_again_whose_answer_was_cut(proxy: Proxy, reset: bool) -> None:
    proxy.use([Rule(on=GET, fault=cut(reset=reset), after=True, times=2)])
    _, body = objects.read(client(proxy, "s3"), "bucket", "a")
    assert body == b'{"hello": "world"}'


def test_the_function_can_fail_after_it_did_its_work(proxy: Proxy, upstream: ThreadingHTTPServer) -> None:
    proxy.use([Rule(on=DEPLOY, fault=TIMED_OUT, after=True)])
    answer = client(proxy, "lambda").invoke(FunctionName="f", Payload=b'{"command": "deploy"}')
    assert answer["FunctionError"] == "Unhandled"
    assert b"Task timed out after" in answer["Payload"].read()
    assert len(asked(upstream)) == 1


def test_something_can_happen_meanwhile_and_calls_can_be_late(proxy: Proxy) -> None:
    happened: list[str] = []
    proxy.use([Rule(on=PUT, fault=delay(0.3)), Rule(on=PUT, fault=do(lambda: happened.append("it")), after=True)])
    began = time.monotonic()
    put(proxy)
    assert time.monotonic() - began >= 0.3
    assert happened == ["it"]


def test_a_proxy_that_ended_refuses_and_begins_again_on_its_port(proxy: Proxy) -> None:
    put(proxy)
    port = proxy.port
    proxy.__exit__()
    with pytest.raises(EndpointConnectionError):
        put(proxy)
    proxy.__enter__()
    assert proxy.port == port
    put(proxy)

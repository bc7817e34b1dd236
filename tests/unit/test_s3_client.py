"""The client of S3 against an endpoint that answers as S3 does, and badly where it is told to.

Each behaviour that botocore's client has too is asked of both.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    FlexibleChecksumError,
    IncompleteReadError,
    InvalidConfigError,
    InvalidEndpointConfigurationError,
    ReadTimeoutError,
    SSLError,
)

from cli.errors import message_of
from release import session
from release.request import Connection
from release.s3 import answers
from release.s3.client import S3Client
from release.s3.signing import Keys
from tests.bench import endpoint
from tests.bench.endpoint import Endpoint
from tests.unit.proxies import HttpProxy, proxying
from tests.unit.servers import tls_for

ODD_KEYS = [
    "a b+c",
    "ünïcode/日本語",
    "e\u0301",
    "a//b",
    "/lead",
    "x/../y",
    "p%2Fq",
    "q?r#s&t=u",
    "'(z)*!~;,:@$",
    "-/-",
]
KEYS = Keys(access_key="AKID", secret_key="secret")
IMMUTABLE = "public, max-age=31536000, immutable"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return endpoint.build(tmp_path_factory.mktemp("endpoint"))


@pytest.fixture(scope="module")
def s3_endpoint(program: Path) -> Iterator[Endpoint]:
    with endpoint.running(program) as started:
        yield started


@pytest.fixture
def at(s3_endpoint: Endpoint) -> Endpoint:
    s3_endpoint.faults()
    s3_endpoint.reset(objects=True)
    return s3_endpoint


def ours(at: Endpoint, **more: Any) -> S3Client:
    arguments: dict[str, Any] = {"sleep": lambda _seconds: None, "botocore_client": lambda: botocores(at), **more}
    return S3Client(endpoint=at.url, region="us-west-2", keys=lambda: KEYS, **arguments)


def botocores(at: Endpoint) -> Any:
    session = boto3.Session("AKID", "secret", region_name="us-west-2")
    return session.client("s3", endpoint_url=at.url, config=Config(s3={"addressing_style": "path"}))


@pytest.fixture(params=[ours, botocores])
def s3(request: pytest.FixtureRequest, at: Endpoint) -> Any:
    make: Callable[[Endpoint], Any] = request.param
    return make(at)


def checksum(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def failure(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    response = error.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize("key", ODD_KEYS)
@pytest.mark.parametrize("body", [b"", b"content"])
def test_what_is_put_is_there_under_its_name(s3: Any, key: str, body: bytes) -> None:
    put = s3.put_object(
        Bucket="site",
        Key=key,
        Body=body,
        ContentType="text/html; charset=utf-8",
        CacheControl=IMMUTABLE,
        ChecksumSHA256=checksum(body),
    )
    head = s3.head_object(Bucket="site", Key=key, ChecksumMode="ENABLED")
    got = s3.get_object(Bucket="site", Key=key)
    listed = s3.list_objects_v2(Bucket="site", Prefix=key)
    assert put["ETag"] == head["ETag"] == got["ETag"] == listed["Contents"][0]["ETag"]
    assert put["ChecksumSHA256"] == head["ChecksumSHA256"] == checksum(body)
    assert (head["ContentLength"], head["ContentType"], head["CacheControl"]) == (
        len(body),
        "text/html; charset=utf-8",
        IMMUTABLE,
    )
    assert got["Body"].read() == body
    assert (listed["Contents"][0]["Key"], listed["Contents"][0]["Size"]) == (key, len(body))
    assert abs((listed["Contents"][0]["LastModified"] - head["LastModified"]).total_seconds()) < 1.5


@pytest.mark.parametrize("key", ODD_KEYS)
def test_a_copy_says_what_arrived(s3: Any, key: str) -> None:
    s3.put_object(Bucket="records", Key=key, Body=b"content")
    copied = s3.copy_object(
        Bucket="site",
        Key="to " + key,
        CopySource={"Bucket": "records", "Key": key},
        MetadataDirective="REPLACE",
        ContentType="text/css",
        CacheControl="no-cache",
        ChecksumAlgorithm="SHA256",
    )
    head = s3.head_object(Bucket="site", Key="to " + key)
    assert copied["CopyObjectResult"]["ChecksumSHA256"] == checksum(b"content")
    assert copied["CopyObjectResult"]["ETag"] == head["ETag"]
    assert (head["ContentType"], head["CacheControl"]) == ("text/css", "no-cache")


def test_a_listing_goes_on_and_knows_folders(s3: Any, at: Endpoint) -> None:
    client = ours(at)
    for number in range(5):
        client.put_object(Bucket="site", Key=f"f/{number} &", Body=b"")
    client.put_object(Bucket="site", Key="g", Body=b"")
    first = s3.list_objects_v2(Bucket="site", MaxKeys=3)
    rest = s3.list_objects_v2(Bucket="site", ContinuationToken=first["NextContinuationToken"])
    keys = [item["Key"] for page in (first, rest) for item in page["Contents"]]
    assert keys == [*(f"f/{number} &" for number in range(5)), "g"]
    assert (first["IsTruncated"], rest["IsTruncated"], first["KeyCount"]) == (True, False, 3)
    folders = s3.list_objects_v2(Bucket="site", Delimiter="/")
    assert [item["Prefix"] for item in folders["CommonPrefixes"]] == ["f/"]
    assert "Contents" not in s3.list_objects_v2(Bucket="site", Prefix="none")


def test_many_are_deleted_at_once(s3: Any) -> None:
    for key in ("a&b", "<c>", "d"):
        s3.put_object(Bucket="site", Key=key, Body=b"")
    answer = s3.delete_objects(Bucket="site", Delete={"Objects": [{"Key": "a&b"}, {"Key": "<c>"}], "Quiet": True})
    assert not answer.get("Errors")
    assert [item["Key"] for item in s3.list_objects_v2(Bucket="site")["Contents"]] == ["d"]
    s3.delete_object(Bucket="site", Key="d")
    assert "Contents" not in s3.list_objects_v2(Bucket="site")


def test_a_version_is_deleted_and_not_hidden() -> None:
    """Without its version, DeleteObjects leaves the content and puts a delete marker before it: "Deleting object
    versions from a versioning-enabled bucket", user guide."""
    document = answers.delete_document({"Objects": [{"Key": "a&b", "VersionId": "v1"}, {"Key": "c"}]})
    assert b"<Object><Key>a&amp;b</Key><VersionId>v1</VersionId></Object><Object><Key>c</Key></Object>" in document


def test_what_is_not_there_has_the_code_that_botocore_has(s3: Any) -> None:
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket="site", Key="none")
    assert failure(error) == ("NoSuchKey", 404)
    with pytest.raises(ClientError) as error:
        s3.head_object(Bucket="site", Key="none")
    assert failure(error) == ("404", 404)
    with pytest.raises(ClientError, match="HeadObject"):
        s3.head_object(Bucket="site", Key="none")


def test_a_condition_that_does_not_hold(s3: Any) -> None:
    etag = s3.put_object(Bucket="site", Key="k", Body=b"1", IfNoneMatch="*")["ETag"]
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket="site", Key="k", Body=b"2", IfNoneMatch="*")
    assert failure(error) == ("PreconditionFailed", 412)
    s3.put_object(Bucket="site", Key="k", Body=b"2", IfMatch=etag)
    with pytest.raises(ClientError) as error:
        s3.delete_object(Bucket="site", Key="k", IfMatch=etag)
    assert failure(error) == ("PreconditionFailed", 412)


def test_other_content_than_its_checksum_says_is_refused(s3: Any) -> None:
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket="site", Key="k", Body=b"other", ChecksumSHA256=checksum(b"this"))
    assert failure(error)[1] == 400


@pytest.mark.parametrize("how", ["503 SlowDown", "500 InternalError", "cut", "late cut"])
def test_what_may_be_repeated_is(at: Endpoint, how: str) -> None:
    at.faults(*({"kind": kind, "how": how, "times": 4} for kind in ("PUT", "HEAD", "GET", "LIST")))
    client = ours(at)
    client.put_object(Bucket="site", Key="k", Body=b"content")
    client.head_object(Bucket="site", Key="k")
    assert client.get_object(Bucket="site", Key="k")["Body"].read() == b"content"
    assert len(client.list_objects_v2(Bucket="site")["Contents"]) == 1
    assert at.counts() == {"PUT": 5, "HEAD": 5, "GET": 5, "LIST": 5}


def test_the_fifth_failure_is_the_last_one(at: Endpoint) -> None:
    pauses: list[float] = []
    at.faults({"kind": "HEAD", "how": "503 SlowDown", "times": 9})
    with pytest.raises(ClientError, match="503"):
        ours(at, sleep=pauses.append).head_object(Bucket="site", Key="k")
    assert at.counts() == {"HEAD": 5}
    assert all(pause < 2**number for number, pause in enumerate(pauses))


@pytest.mark.parametrize("body", [b"", b"<html><body>Sign in</body></html>"])
def test_a_listing_that_is_none_is_no_empty_bucket(body: bytes) -> None:
    response: Any = types.SimpleNamespace(status=200, headers={}, data=body)
    with pytest.raises(ClientError, match="the answer is no listing of S3"):
        answers.checked(answers.Answer(operation="ListObjectsV2", response=response))


def test_what_is_no_fault_of_s3_is_not_repeated(at: Endpoint) -> None:
    at.faults({"kind": "PUT", "how": "403 AccessDenied", "times": 1})
    with pytest.raises(ClientError) as error:
        ours(at).put_object(Bucket="site", Key="k", Body=b"content")
    assert failure(error) == ("AccessDenied", 403)
    assert at.counts() == {"PUT": 1}


def test_a_copy_that_fails_after_its_status_is_repeated_and_then_an_error(at: Endpoint) -> None:
    client = ours(at)
    client.put_object(Bucket="site", Key="k", Body=b"content")
    at.faults({"kind": "COPY", "how": "200 InternalError", "times": 2})
    source = {"Bucket": "site", "Key": "k"}
    client.copy_object(Bucket="site", Key="l", CopySource=source, ChecksumAlgorithm="SHA256")
    at.faults({"kind": "COPY", "how": "200 InternalError", "times": 9})
    with pytest.raises(ClientError) as error:
        client.copy_object(Bucket="site", Key="l", CopySource=source, ChecksumAlgorithm="SHA256")
    assert failure(error) == ("InternalError", 500)


@pytest.mark.parametrize("condition", [{"IfNoneMatch": "*"}, {"IfMatch": "before"}])
def test_a_conditional_write_whose_answer_was_lost_knows_its_own_work(at: Endpoint, condition: dict[str, str]) -> None:
    client = ours(at)
    if "IfMatch" in condition:
        condition = {"IfMatch": client.put_object(Bucket="site", Key="k", Body=b"before")["ETag"]}
    at.faults({"kind": "PUT", "how": "late cut", "times": 1})
    etag = client.put_object(Bucket="site", Key="k", Body=b"mine", **condition)["ETag"]
    assert client.head_object(Bucket="site", Key="k")["ETag"] == etag


def test_a_conditional_write_whose_answer_was_lost_does_not_claim_the_work_of_another(at: Endpoint) -> None:
    client = ours(at, sleep=lambda _seconds: ours(at).put_object(Bucket="site", Key="k", Body=b"another's"))
    at.faults({"kind": "PUT", "how": "cut", "times": 1})
    with pytest.raises(ClientError) as error:
        client.put_object(Bucket="site", Key="k", Body=b"mine", IfNoneMatch="*")
    assert failure(error) == ("PreconditionFailed", 412)


def test_a_body_that_breaks_off_and_one_of_other_bytes_are_told(at: Endpoint) -> None:
    client = ours(at)
    client.put_object(Bucket="site", Key="k", Body=b"content")
    at.faults({"kind": "GET", "how": "cut body", "times": 1})
    with pytest.raises(IncompleteReadError):
        client.get_object(Bucket="site", Key="k")["Body"].read()
    at.faults({"kind": "GET", "how": "corrupt", "times": 1})
    with pytest.raises(FlexibleChecksumError):
        client.get_object(Bucket="site", Key="k")["Body"].read()
    assert client.get_object(Bucket="site", Key="k")["Body"].read() == b"content"


def test_silence_ends_after_the_timeout(at: Endpoint) -> None:
    at.faults({"kind": "HEAD", "how": "hang", "seconds": 2, "times": 9})
    with pytest.raises(ReadTimeoutError):
        ours(at, attempts=2, read_timeout_s=0.2).head_object(Bucket="site", Key="k")


def test_nobody_there(at: Endpoint) -> None:
    client = ours(Endpoint("http://127.0.0.1:9", 0), attempts=2)
    with pytest.raises(EndpointConnectionError, match=re.escape("127.0.0.1:9")):
        client.head_object(Bucket="site", Key="k")


def test_a_connection_that_ended_while_it_was_idle_is_not_used(at: Endpoint) -> None:
    client = ours(at, attempts=1)
    at.faults({"kind": "HEAD", "how": "cut", "times": 1})
    client.put_object(Bucket="site", Key="k", Body=b"")
    with pytest.raises(ConnectionClosedError):
        client.head_object(Bucket="site", Key="k")
    client.head_object(Bucket="site", Key="k")


class _Counting(io.BytesIO):
    largest = 0

    def read(self, size: int | None = -1) -> bytes:
        piece = super().read(size)
        self.largest = max(self.largest, len(piece))
        return piece


def test_a_file_is_sent_in_pieces_from_where_it_stands_and_again_from_there(at: Endpoint) -> None:
    content = bytes(range(256)) * 8192
    opened = _Counting(b"before" + content + b"after")
    opened.seek(6)
    at.faults({"kind": "PUT", "how": "503 SlowDown", "times": 1})
    ours(at).put_object(
        Bucket="site", Key="k", Body=opened, ContentLength=len(content), ChecksumSHA256=checksum(content)
    )
    assert ours(at).get_object(Bucket="site", Key="k")["Body"].read() == content
    assert opened.largest < len(content) / 4


def test_a_file_that_became_shorter_is_an_error_at_once(at: Endpoint) -> None:
    with pytest.raises(ClientError, match="ends 5 bytes early"):
        ours(at).put_object(
            Bucket="site", Key="k", Body=io.BytesIO(b"12345"), ContentLength=10, ChecksumSHA256=checksum(b"12345")
        )


def test_what_it_does_not_know_is_botocores(at: Endpoint) -> None:
    client = ours(at)
    client.put_object(Bucket="site", Key="k", Body=b"")
    assert client.exceptions.NoSuchKey
    pages = list(client.get_paginator("list_objects_v2").paginate(Bucket="site"))
    assert [item["Key"] for page in pages for item in page["Contents"]] == ["k"]


def test_an_argument_that_it_does_not_know_is_refused(at: Endpoint) -> None:
    with pytest.raises(TypeError, match="Metadata"):
        ours(at).put_object(Bucket="site", Key="k", Body=b"", Metadata={"a": "b"})


@pytest.mark.parametrize("proxied", [False, True])
def test_over_tls_and_through_a_proxy(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxied: bool
) -> None:
    tls_for(tmp_path, "site.example.org" if proxied else "localhost")
    files = (f"-certificate={tmp_path / 'cert.pem'}", f"-key={tmp_path / 'key.pem'}")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "cert.pem"))
    with endpoint.running(program, *files) as at:
        port = int(at.url.rpartition(":")[2])
        with proxying(HttpProxy(target=port)) as proxy:
            if proxied:
                monkeypatch.setenv("HTTPS_PROXY", proxy.url)
            host = "site.example.org" if proxied else f"localhost:{port}"
            client = ours(Endpoint(f"https://{host}", at.pid))
            for _ in range(2):
                client.put_object(Bucket="site", Key="k", Body=b"content")
            assert client.get_object(Bucket="site", Key="k")["Body"].read() == b"content"
        assert proxy.requests == (["CONNECT site.example.org:443 HTTP/1.0"] if proxied else [])


def test_a_certificate_that_nobody_signed_is_an_error_at_once(program: Path, tmp_path: Path) -> None:
    tls_for(tmp_path, "localhost")
    files = (f"-certificate={tmp_path / 'cert.pem'}", f"-key={tmp_path / 'key.pem'}")
    with endpoint.running(program, *files) as at, pytest.raises(SSLError, match="certificate verify failed"):
        ours(Endpoint(at.url.replace("127.0.0.1", "localhost"), at.pid)).head_object(Bucket="site", Key="k")


@pytest.mark.parametrize(
    ("endpoint_url", "bucket", "url"),
    [
        ("https://s3.us-west-2.amazonaws.com", "site", "https://site.s3.us-west-2.amazonaws.com/k"),
        ("https://s3.us-west-2.amazonaws.com", "a.site", "https://s3.us-west-2.amazonaws.com/a.site/k"),
        ("https://s3.example.org:9000", "site", "https://s3.example.org:9000/site/k"),
    ],
)
def test_where_a_bucket_is(endpoint_url: str, bucket: str, url: str) -> None:
    client = S3Client(
        endpoint=endpoint_url,
        region="us-west-2",
        keys=lambda: KEYS,
        botocore_client=lambda: None,
    )
    assert client.url(bucket, "k") == url


def test_the_endpoint_refuses_to_list_versions_which_it_does_not_keep(at: Endpoint) -> None:
    # Answered as ListObjects, it would look as if there were none, and a purge as if all were gone.
    with pytest.raises(ClientError, match="NotImplemented"):
        ours(at).list_object_versions(Bucket="site")


@pytest.mark.parametrize(
    "url",
    [
        *("localhost:4566", "http://a b", "http://exämple.org", "http://[::1", "http://[a]x", "http://h:99999"),
        *("http://h:x", "http://h/path"),
    ],
)
def test_an_endpoint_that_is_none_is_an_error_that_people_are_told(url: str) -> None:
    with pytest.raises(InvalidEndpointConfigurationError) as caught:
        S3Client(endpoint=url, region="us-west-2", keys=lambda: KEYS, botocore_client=lambda: None)
    assert f"{url!r} is no endpoint of S3: expected https://host" in message_of(caught.value)


@pytest.mark.parametrize("url", ["http://[::1]:9000", "https://s3_local.example.org", "http://localhost:4566/"])
def test_an_endpoint_may_be_an_address_or_a_name(url: str) -> None:
    client = S3Client(endpoint=url, region="us-west-2", keys=lambda: KEYS, botocore_client=lambda: None)
    assert client.url("site", "k") == f"{url.removesuffix('/')}/site/k"


def test_credentials_that_cannot_be_any_are_named_before_a_release_signs_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "S3CRET\n")
    with pytest.raises(InvalidConfigError, match=r"^AWS_SESSION_TOKEN has a new line, a space or") as caught:
        session.sign_in(Connection(profile=None, assume_roles=()), "us-west-2")
    assert "S3CRET" not in str(caught.value)


ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKID",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-west-2",
    "AWS_CONFIG_FILE": "/nonexistent",
}
LOADED = """
import sys
from release.s3.connect import for_environment
client = for_environment()
print(client.url("site", "k"), "botocore.session" in sys.modules)
"""


@pytest.mark.parametrize(
    ("more", "printed"),
    [
        ({}, "https://site.s3.us-west-2.amazonaws.com/k False"),
        ({"AWS_ENDPOINT_URL": "http://localhost:4566"}, "http://localhost:4566/site/k False"),
        ({"AWS_DEFAULT_REGION": "cn-north-1"}, "https://site.s3.cn-north-1.amazonaws.com.cn/k True"),
        ({"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "https://site.s3.dualstack.us-west-2.amazonaws.com/k True"),
    ],
)
def test_what_is_in_the_environment_needs_no_botocore(tmp_path: Path, more: dict[str, str], printed: str) -> None:
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin", **ENVIRONMENT, **more}
    done = subprocess.run([sys.executable, "-c", LOADED], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == printed


def test_a_profile_of_the_configuration_is_used(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("[default]\nregion = eu-west-1\nendpoint_url = http://localhost:9000\n")
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin", **ENVIRONMENT, "AWS_CONFIG_FILE": str(config)}
    del environment["AWS_DEFAULT_REGION"]
    done = subprocess.run([sys.executable, "-c", LOADED], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "http://localhost:9000/site/k"

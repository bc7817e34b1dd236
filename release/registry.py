"""The repositories of an image and the HTTP API of their registries (the OCI distribution specification).

Spoken directly, as that is little and exact. The libraries on PyPI were looked at: `oras` parses and re-serialises
manifests, which changes their digest; `aioregistry` does not verify TLS certificates unless told to, nor the digest of
what it copied; `python-dxf` does not copy multi-platform images and needs a `mediaType` that OCI manifests may leave
out. A tool (crane, skopeo) would have to be on every machine that releases.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from functions import strict_json
from functions.strict_json import DamagedError, Form
from release.transport import Pools, ProxyRefusedError
from release.version import Digest

if TYPE_CHECKING:
    from types_boto3_ecr.client import ECRClient

Credentials = Callable[[str], tuple[str, str] | None]
"""Name and password for a registry (`host` or `host:port`), None for one that asks for none."""
Result = TypeVar("Result")

MAX_MANIFEST_BYTES: Final = 4 * 1024 * 1024
"""The limit that registries have for a manifest."""
CHUNK_BYTES: Final = 1024 * 1024
PARALLEL_LAYERS: Final = 4
ATTEMPTS: Final = 4
TIMEOUT: Final = urllib3.Timeout(connect=10, read=120)

INDEXES: Final = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFESTS: Final = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_ACCEPT: Final = {"Accept": ", ".join((*INDEXES, *MANIFESTS))}
_PART: Final = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REPOSITORY: Final = re.compile(rf"(?P<registry>[A-Za-z0-9.-]+(?::[0-9]+)?)/(?P<name>{_PART}(?:/{_PART})*)")
# "Amazon ECR endpoints and quotas", AWS General Reference: the older form, FIPS, and the dual-stack one.
ECR: Final = re.compile(r"(?P<account>[0-9]{12})\.dkr[.-]ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.")
_LOOPBACK: Final = ("localhost", "127.0.0.1")
_BUSY: Final = (429, 500, 502, 503, 504)


class ImageError(Exception):
    """An image that cannot be copied or must not run: one message that says which, where it is, and what to do."""


class _BusyError(Exception):
    """A registry asks to come back later."""


_TRANSIENT: Final = (HTTPError, OSError, _BusyError)


@dataclass(frozen=True, kw_only=True)
class Repository:
    """A repository of a registry.

    A registry on this machine is spoken to in plain HTTP, as Docker does; all others over TLS.
    """

    registry: str
    name: str

    @classmethod
    def parse(cls, text: str) -> Repository:
        """From `registry/name`, as ECR's `repositoryUrl` has it. Raises ImageError for another form."""
        match = _REPOSITORY.fullmatch(text)
        if match is None:
            raise ImageError(f"{text!r} is no repository; expected registry/name without a scheme, a tag or a digest")
        return cls(registry=match["registry"], name=match["name"])

    def url(self, rest: str) -> str:
        scheme = "http" if self.registry.split(":")[0] in _LOOPBACK else "https"
        return f"{scheme}://{self.registry}/v2/{self.name}/{rest}"

    def __str__(self) -> str:
        return f"{self.registry}/{self.name}"


@dataclass(frozen=True)
class Platform:
    """What an image is for; its configuration says it in the same words."""

    os: str | None = None
    architecture: str | None = None


@dataclass(frozen=True)
class Descriptor:
    """What a manifest names: a layer, a configuration, another manifest."""

    digest: Digest
    size: Annotated[int, Form(lambda size: size >= 0, "0 or more bytes")]
    urls: tuple[str, ...] | None = None
    platform: Platform | None = None


@dataclass(frozen=True)
class Document:
    """What a manifest or an index says, as far as it counts here."""

    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] | None = None
    manifests: tuple[Descriptor, ...] | None = None
    """Of an index: those of several platforms."""


@dataclass(frozen=True)
class Manifest:
    """A manifest or an index, byte for byte."""

    body: bytes
    media_type: str
    document: Document


def ecr_credentials(ecr: Callable[[str], ECRClient]) -> Credentials:
    """Credentials, good for 12 hours, for every registry that the caller may use; `ecr` makes the client of a region.

    A token opens the registries of one region: "Private registry authentication in Amazon ECR", Amazon ECR User Guide.
    """

    def of(registry: str) -> tuple[str, str]:
        match = ECR.match(registry)
        answer = ecr(match["region"] if match else "").get_authorization_token()
        token = base64.b64decode(answer["authorizationData"][0]["authorizationToken"]).decode()
        name, _, password = token.partition(":")
        return name, password

    return of


def next_place(base: str, answer: BaseHTTPResponse) -> str:
    """Where an answer sends its reader."""
    return urljoin(base, answer.headers.get("Location", ""))


def patiently(action: Callable[[], Result], failure: str) -> Result:
    """Repeat what a broken connection or a busy registry ended. Raises ImageError, which begins with `failure`."""
    last: Exception | None = None
    for attempt in range(ATTEMPTS):
        try:
            return action()
        except _TRANSIENT as error:
            last = error
            time.sleep(0.5 * 2**attempt)
    raise ImageError(f"{failure} ({ATTEMPTS} attempts): {last}; release again, the copy continues")


class Registries:
    """The connections to the repository that an image comes from and the one that it goes to."""

    def __init__(self, source: Repository, target: Repository, credentials: Credentials) -> None:
        self.source = source
        self.target = target
        self.pool = Pools(maxsize=2 * PARALLEL_LAYERS, retries=False, timeout=TIMEOUT)
        self._credentials = credentials
        self._headers: dict[str, dict[str, str]] = {}

    def digest(self, place: Repository, reference: str) -> str | None:
        """The digest of what a repository has under a tag or digest, None if it has nothing."""
        answer = self.ask("HEAD", place, f"manifests/{reference}", headers=_ACCEPT)
        if answer.status == 404:
            return None
        self.expect(answer, 200, f"look for {reference} in {place}")
        return answer.headers.get("Docker-Content-Digest") or (reference if ":" in reference else None)

    def manifest(self, place: Repository, digest: str) -> Manifest:
        """The manifest, with its digest verified."""
        what = f"read the manifest {digest} from {place}"
        answer = self.ask("GET", place, f"manifests/{digest}", headers=_ACCEPT)
        if answer.status == 404:
            raise ImageError(
                f"{place} has no image {digest}: was it removed there? Release the version in the environment before "
                "again, then here"
            )
        self.expect(answer, 200, what)
        body = answer.data
        if len(body) > MAX_MANIFEST_BYTES or "sha256:" + hashlib.sha256(body).hexdigest() != digest:
            raise ImageError(f"could not {what}: the answer ({len(body)} bytes) does not have that digest")
        media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        if media_type not in (*INDEXES, *MANIFESTS):
            raise ImageError(f"could not {what}: it is {media_type or 'of no type'}, which is no image")
        try:
            document = strict_json.read(Document, strict_json.decode(body))
        except DamagedError as error:
            raise ImageError(f"could not {what}: {error}") from error
        if document.config is None and document.manifests is None:
            raise ImageError(f"could not {what}: it names no configuration of an image, and no other manifests")
        return Manifest(body, media_type, document)

    def blob(self, place: Repository, digest: str, size: int) -> Iterator[bytes]:
        """A blob's bytes, verified: the last piece is held back until the digest is known to be right."""
        what = f"read the layer {digest} from {place}"
        url = place.url(f"blobs/{digest}")
        answer = self.request("GET", url, preload_content=False)
        try:
            if answer.status in (301, 302, 303, 307, 308):  # to storage, which must not get the registry's password
                answer.release_conn()
                answer = self.request("GET", next_place(url, answer), preload_content=False)
            self.expect(answer, 200, what)
            sha256, count, held = hashlib.sha256(), 0, b""
            for chunk in answer.stream(CHUNK_BYTES, decode_content=False):
                sha256.update(chunk)
                count += len(chunk)
                if held:
                    yield held
                held = chunk
            if count != size or "sha256:" + sha256.hexdigest() != digest:
                raise ImageError(f"could not {what}: the {count} bytes that came do not have that digest")
            if held:
                yield held
        finally:
            answer.release_conn()

    def ask(self, method: str, place: Repository, rest: str, **more: Any) -> BaseHTTPResponse:
        """A small request, repeated when the connection breaks or the registry is busy."""

        def once() -> BaseHTTPResponse:
            answer = self.request(method, place.url(rest), **more)
            if answer.status in _BUSY:
                raise _BusyError(f"status {answer.status}")
            return answer

        return patiently(once, f"the registry {place.registry} does not answer")

    def request(self, method: str, url: str, headers: dict[str, str] | None = None, **more: Any) -> BaseHTTPResponse:
        """One request; a redirect is an answer."""
        host = urlsplit(url).netloc
        sent = {**self._authorization(host), **(headers or {})}
        try:
            return self.pool.request(method, url, headers=sent, redirect=False, **more)
        except ProxyRefusedError as error:
            raise ImageError(f"{host} cannot be asked: {error}") from error

    def expect(self, answer: BaseHTTPResponse, status: int, what: str) -> None:
        """Raise ImageError, or an error that is worth another attempt, unless this is the answer's status."""
        if answer.status == status:
            return
        if answer.status in _BUSY:
            raise _BusyError(f"could not {what}: status {answer.status}")
        if answer.status in (401, 403):
            raise ImageError(
                f"could not {what}: not allowed ({answer.status}); the role of this release needs to pull from "
                f"{self.source} and push to {self.target}"
            )
        raise ImageError(f"could not {what}: status {answer.status}, expected {status}: {answer.data[:300]!r}")

    def _authorization(self, host: str) -> dict[str, str]:
        """The header for one of the two registries, asked for when it is first needed; none for any other host."""
        if host not in (self.source.registry, self.target.registry):
            return {}
        if host not in self._headers:
            credentials = self._credentials(host)
            self._headers[host] = dict(urllib3.make_headers(basic_auth=":".join(credentials))) if credentials else {}
        return self._headers[host]

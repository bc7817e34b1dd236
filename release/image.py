"""Copies an image from one registry to another, byte for byte, so that its digest stays what was proven.

Spoken directly to the registries' HTTP API (the OCI distribution specification), as that is little and exact. The
libraries on PyPI were looked at: `oras` parses and re-serialises manifests, which changes their digest; `aioregistry`
does not verify TLS certificates unless told to, nor the digest of what it copied; `python-dxf` does not copy multi-
platform images and needs a `mediaType` that OCI manifests may leave out. A tool (crane, skopeo) would have to be on
every machine that releases.

The copy is idempotent and continues: what the target has is not sent again, and the manifest goes last, so that an
image is either complete under its digest or not there.
"""

import base64
import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode, urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

Say = Callable[[str], None]
Credentials = Callable[[str], tuple[str, str] | None]
"""Name and password for a registry (`host` or `host:port`), None for one that asks for none."""

MAX_MANIFEST_BYTES: Final = 4 * 1024 * 1024
"""The limit that registries have for a manifest."""
CHUNK_BYTES: Final = 1024 * 1024
PARALLEL_LAYERS: Final = 4
ATTEMPTS: Final = 4
TIMEOUT: Final = urllib3.Timeout(connect=10, read=120)

_INDEXES: Final = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_MANIFESTS: Final = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_PART: Final = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REPOSITORY: Final = re.compile(rf"(?P<registry>[A-Za-z0-9.-]+(?::[0-9]+)?)/(?P<name>{_PART}(?:/{_PART})*)")
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_LOOPBACK: Final = ("localhost", "127.0.0.1")
_BUSY: Final = (429, 500, 502, 503, 504)


class ImageCopyError(Exception):
    """An image could not be copied: one message that says which, from where, and what to do."""


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
    def parse(cls, text: str) -> "Repository":
        """From `registry/name`, as ECR's `repositoryUrl` has it. Raises ImageCopyError for another form."""
        match = _REPOSITORY.fullmatch(text)
        if match is None:
            raise ImageCopyError(
                f"{text!r} is no repository; expected registry/name without a scheme, a tag or a digest"
            )
        return cls(registry=match["registry"], name=match["name"])

    def url(self, rest: str) -> str:
        """The address of something in this repository."""
        scheme = "http" if self.registry.split(":")[0] in _LOOPBACK else "https"
        return f"{scheme}://{self.registry}/v2/{self.name}/{rest}"

    def __str__(self) -> str:
        return f"{self.registry}/{self.name}"


def ecr_credentials(ecr: Any) -> tuple[str, str]:
    """Name and password for the registry of the account and region of this ECR client; good for 12 hours."""
    answer = ecr.get_authorization_token()
    token = base64.b64decode(answer["authorizationData"][0]["authorizationToken"]).decode()
    name, _, password = token.partition(":")
    return name, password


def copy_image(
    *, source: str, target_repository: str, digest: str, credentials: Credentials, say: Say, tag: str | None = None
) -> str:
    """Copies `digest` from the repository `source` to `target_repository`, and gives it `tag` there.

    Returns `target_repository@digest`. One request if the target has the image (by its tag, if one is given). Raises
    ImageCopyError; run again, it continues.
    """
    if not _DIGEST.fullmatch(digest):
        raise ImageCopyError(f"an image's digest is sha256:<64 hexadecimal digits>, not {digest!r}")
    if tag is not None and not _TAG.fullmatch(tag):
        raise ImageCopyError(f"{tag!r} is no tag: letters, digits, `_`, `.` and `-`, 128 at most")
    copy = _Copy(Repository.parse(source), Repository.parse(target_repository), credentials)
    reference = f"{target_repository}@{digest}"
    with copy.pool:
        if tag is not None and copy.target_digest(tag) == digest:
            say(f"image {digest[:19]} is in {copy.target} already, as {tag}")
            return reference
        if tag is None and copy.target_digest(digest) is not None:
            say(f"image {digest[:19]} is in {copy.target} already")
            return reference
        copy.image(digest, tag)
    tagged = f", as {tag}" if tag else ""
    say(f"image {digest[:19]} copied to {copy.target}{tagged} ({copy.sent} of {copy.seen} layers sent)")
    return reference


class _Copy:
    """One copy between two repositories: their addresses, the connections, and what was done."""

    def __init__(self, source: Repository, target: Repository, credentials: Credentials) -> None:
        self.source = source
        self.target = target
        self.pool = urllib3.PoolManager(maxsize=2 * PARALLEL_LAYERS, retries=False, timeout=TIMEOUT)
        self.sent = 0
        self.seen = 0
        self._credentials = credentials
        self._headers: dict[str, dict[str, str]] = {}

    def target_digest(self, reference: str) -> str | None:
        """The digest of what the target has under a tag or digest, None if it has nothing."""
        accept = {"Accept": ", ".join((*_INDEXES, *_MANIFESTS))}
        answer = self._ask("HEAD", self.target, f"manifests/{reference}", headers=accept)
        if answer.status == 404:
            return None
        self._expect(answer, 200, f"look for {reference} in {self.target}")
        return answer.headers.get("Docker-Content-Digest") or (reference if ":" in reference else None)

    def image(self, digest: str, tag: str | None) -> None:
        """Copies the image, or gives it the tag that it lacks."""
        if tag is not None and self.target_digest(digest) is not None:
            self._write_manifest(digest, *self._read_manifest(digest), tag)
        else:
            self._manifest(digest, tag)

    def _manifest(self, digest: str, tag: str | None) -> None:
        """Copies a manifest after everything that it names."""
        body, media_type = self._read_manifest(digest)
        document = json.loads(body)
        if media_type in _INDEXES or "manifests" in document:
            for entry in document["manifests"]:
                if self.target_digest(_checked(entry["digest"])) is None:
                    self._manifest(entry["digest"], None)
        else:
            self._blobs([document["config"], *document["layers"]])
        self._write_manifest(digest, body, media_type, tag)

    def _read_manifest(self, digest: str) -> tuple[bytes, str]:
        accept = {"Accept": ", ".join((*_INDEXES, *_MANIFESTS))}
        what = f"read the manifest {digest} from {self.source}"
        answer = self._ask("GET", self.source, f"manifests/{digest}", headers=accept)
        if answer.status == 404:
            raise ImageCopyError(
                f"{self.source} has no image {digest}: was it removed there? Release the version in the environment "
                "before again, then here"
            )
        self._expect(answer, 200, what)
        body = answer.data
        if len(body) > MAX_MANIFEST_BYTES or "sha256:" + hashlib.sha256(body).hexdigest() != digest:
            raise ImageCopyError(f"could not {what}: the answer ({len(body)} bytes) does not have that digest")
        media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        if media_type not in (*_INDEXES, *_MANIFESTS):
            raise ImageCopyError(f"could not {what}: it is {media_type or 'of no type'}, which is no image")
        return body, media_type

    def _write_manifest(self, digest: str, body: bytes, media_type: str, tag: str | None) -> None:
        what = f"write the manifest {digest} to {self.target}" + (f" as {tag}" if tag else "")
        headers = {"Content-Type": media_type}
        answer = self._ask("PUT", self.target, f"manifests/{tag or digest}", headers=headers, body=body)
        if (answer.status == 400 and b"TAG_INVALID" in answer.data) or answer.status == 409:
            raise ImageCopyError(f"could not {what}: the tag belongs to another image and tags here do not move")
        self._expect(answer, 201, what)
        written = answer.headers.get("Docker-Content-Digest", digest)
        if written != digest:
            raise ImageCopyError(f"could not {what}: the registry says that its digest is {written}")

    def _blobs(self, descriptors: list[dict[str, Any]]) -> None:
        wanted = {_checked(entry["digest"]): int(entry["size"]) for entry in descriptors if not entry.get("urls")}
        self.seen += len(wanted)
        with ThreadPoolExecutor(PARALLEL_LAYERS, thread_name_prefix="layer") as threads:
            self.sent += sum(threads.map(lambda item: self._blob(*item), wanted.items()))

    def _blob(self, digest: str, size: int) -> bool:
        """Brings one layer to the target; False if it was there, or could be taken from a repository beside it."""
        answer = self._ask("HEAD", self.target, f"blobs/{digest}")
        if answer.status in (200, 307):
            return False
        if answer.status != 404:
            self._expect(answer, 200, f"look for the layer {digest} in {self.target}")
        last: Exception | None = None
        for attempt in range(ATTEMPTS):
            try:
                return self._send_blob(digest, size)
            except _TRANSIENT as error:
                last = error
                time.sleep(0.5 * 2**attempt)
        raise ImageCopyError(
            f"could not copy the layer {digest} ({size} bytes) from {self.source} to {self.target} in {ATTEMPTS} "
            f"attempts: {last}; release again, the copy continues"
        )

    def _send_blob(self, digest: str, size: int) -> bool:
        query = ""
        if self.source.registry == self.target.registry:
            query = "?" + urlencode({"mount": digest, "from": self.source.name})
        what = f"send the layer {digest} to {self.target}"
        answer = self._ask("POST", self.target, "blobs/uploads/" + query, headers={"Content-Length": "0"})
        if query and answer.status == 201:
            return False
        self._expect(answer, 202, what)
        place = self._next(self.target.url("blobs/uploads/"), answer)
        content = self._read_blob(digest, size)
        sized = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        answer = self._request("PATCH", place, headers=sized, body=content)
        self._expect(answer, 202, what)
        place = self._next(place, answer)
        end = place + ("&" if urlsplit(place).query else "?") + "digest=" + quote(digest, safe="")
        self._expect(self._request("PUT", end, headers={"Content-Length": "0"}), 201, what)
        return True

    def _read_blob(self, digest: str, size: int) -> Iterator[bytes]:
        """The layer's bytes, verified: the last piece is held back until the digest is known to be right."""
        what = f"read the layer {digest} from {self.source}"
        place = self.source.url(f"blobs/{digest}")
        answer = self._request("GET", place, preload_content=False)
        try:
            if answer.status in (301, 302, 303, 307, 308):  # to storage, which must not get the registry's password
                answer.release_conn()
                answer = self._request("GET", self._next(place, answer), preload_content=False)
            self._expect(answer, 200, what)
            sha256, count, held = hashlib.sha256(), 0, b""
            for chunk in answer.stream(CHUNK_BYTES, decode_content=False):
                sha256.update(chunk)
                count += len(chunk)
                if held:
                    yield held
                held = chunk
            if count != size or "sha256:" + sha256.hexdigest() != digest:
                raise ImageCopyError(f"could not {what}: the {count} bytes that came do not have that digest")
            if held:
                yield held
        finally:
            answer.release_conn()

    def _next(self, base: str, answer: BaseHTTPResponse) -> str:
        return urljoin(base, answer.headers.get("Location", ""))

    def _ask(self, method: str, side: Repository, rest: str, **more: Any) -> BaseHTTPResponse:
        """A small request, repeated when the connection breaks or the registry is busy."""
        last: Exception | None = None
        for attempt in range(ATTEMPTS):
            try:
                answer = self._request(method, side.url(rest), **more)
                if answer.status in _BUSY:
                    raise _BusyError(f"status {answer.status}")
            except _TRANSIENT as error:
                last = error
                time.sleep(0.5 * 2**attempt)
            else:
                return answer
        raise ImageCopyError(f"the registry {side.registry} does not answer: {last}; release again, the copy continues")

    def _request(self, method: str, url: str, headers: dict[str, str] | None = None, **more: Any) -> BaseHTTPResponse:
        authorization = self._authorization(urlsplit(url).netloc)
        return self.pool.request(method, url, headers={**authorization, **(headers or {})}, redirect=False, **more)

    def _authorization(self, host: str) -> dict[str, str]:
        """The header for one of the two registries, asked for when it is first needed; none for any other host."""
        if host not in (self.source.registry, self.target.registry):
            return {}
        if host not in self._headers:
            found = self._credentials(host)
            self._headers[host] = dict(urllib3.make_headers(basic_auth=":".join(found))) if found else {}
        return self._headers[host]

    def _expect(self, answer: BaseHTTPResponse, status: int, what: str) -> None:
        if answer.status == status:
            return
        if answer.status in _BUSY:
            raise _BusyError(f"could not {what}: status {answer.status}")
        if answer.status in (401, 403):
            raise ImageCopyError(
                f"could not {what}: not allowed ({answer.status}); the role of this release needs to pull from "
                f"{self.source} and push to {self.target}"
            )
        raise ImageCopyError(f"could not {what}: status {answer.status}, expected {status}: {answer.data[:300]!r}")


def _checked(digest: str) -> str:
    if not _DIGEST.fullmatch(digest):
        raise ImageCopyError(f"the manifest names {digest!r}, which is no sha256 digest")
    return digest

"""Copies an image from one registry to another, byte for byte, so that its digest stays what was proven.

The copy is idempotent and continues: what the target has is not sent again, and the manifest goes last, so that an
image is either complete under its digest or not there.
"""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from functions import strict_json
from functions.strict_json import DamagedError
from release.progress import Say
from release.registry import (
    MAX_MANIFEST_BYTES,
    PARALLEL_LAYERS,
    Credentials,
    Descriptor,
    ImageError,
    Manifest,
    Platform,
    Registries,
    Repository,
    next_place,
    patiently,
)
from release.version import is_digest

PLATFORMS: Final = {"X86_64": "linux/amd64", "ARM64": "linux/arm64"}
"""ECS's names of CPU architectures, and what images call them."""
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


def copy_image(
    *,
    source: str,
    target_repository: str,
    digest: str,
    cpu_architecture: str,
    credentials: Credentials,
    say: Say,
    tag: str | None = None,
) -> str:
    """Copies `digest` from the repository `source` to `target_repository`, and gives it `tag` there.

    Returns `target_repository@digest`. Three small requests if the target has the image (by its tag, if one is given).
    Raises ImageError, for an image of another `cpu_architecture` (X86_64 or ARM64) before anything is copied; run
    again, it continues.
    """
    if not is_digest(digest):
        raise ImageError(f"an image's digest is sha256:<64 hexadecimal digits>, not {digest!r}")
    if tag is not None and not _TAG.fullmatch(tag):
        raise ImageError(f"{tag!r} is no tag: letters, digits, `_`, `.` and `-`, 128 at most")
    registries = Registries(Repository.parse(source), Repository.parse(target_repository), credentials)
    target, tagged = registries.target, f", as {tag}" if tag else ""
    with registries.pool:
        is_there = registries.digest(target, tag or digest) == digest
        # An image that is there already may be all that is left of it.
        require(registries, target if is_there else registries.source, digest, cpu_architecture)
        if is_there:
            say(f"image {digest[:19]} is in {target} already{tagged}")
        else:
            copy = _Copy(registries)
            copy.image(digest, tag)
            brought = "tagged in" if registries.source == target else "copied to"
            sent = f" ({copy.sent} of {copy.seen} layers sent)" if copy.seen else ""
            say(f"image {digest[:19]} {brought} {target}{tagged}{sent}")
    return f"{target_repository}@{digest}"


class _Copy:
    def __init__(self, registries: Registries) -> None:
        self.sent = 0
        self.seen = 0
        self._registries = registries
        self._source = registries.source
        self._target = registries.target

    def image(self, digest: str, tag: str | None) -> None:
        """Copies the image, or gives it the tag that it lacks."""
        if tag is not None and self._registries.digest(self._target, digest) is not None:
            self._write_manifest(digest, self._registries.manifest(self._source, digest), tag)
        else:
            self._manifest(digest, tag)

    def _manifest(self, digest: str, tag: str | None) -> None:
        """Copies a manifest after everything that it names."""
        manifest = self._registries.manifest(self._source, digest)
        document = manifest.document
        for entry in document.manifests or ():
            if self._registries.digest(self._target, entry.digest) is None:
                self._manifest(entry.digest, None)
        if document.config is not None:
            self._blobs([document.config, *(document.layers or ())])
        self._write_manifest(digest, manifest, tag)

    def _write_manifest(self, digest: str, manifest: Manifest, tag: str | None) -> None:
        what = f"write the manifest {digest} to {self._target}" + (f" as {tag}" if tag else "")
        headers = {"Content-Type": manifest.media_type}
        place = f"manifests/{tag or digest}"
        answer = self._registries.ask("PUT", self._target, place, headers=headers, body=manifest.body)
        if (answer.status == 400 and b"TAG_INVALID" in answer.data) or answer.status == 409:
            raise ImageError(f"could not {what}: the tag belongs to another image and tags here do not move")
        self._registries.expect(answer, 201, what)
        written = answer.headers.get("Docker-Content-Digest", digest)
        if written != digest:
            raise ImageError(f"could not {what}: the registry says that its digest is {written}")

    def _blobs(self, descriptors: list[Descriptor]) -> None:
        sizes = {entry.digest: entry.size for entry in descriptors if not entry.urls}
        self.seen += len(sizes)
        with ThreadPoolExecutor(PARALLEL_LAYERS, thread_name_prefix="layer") as threads:
            self.sent += sum(threads.map(lambda item: self._blob(*item), sizes.items()))

    def _blob(self, digest: str, size: int) -> bool:
        """Brings one layer to the target; False if it was there, or could be taken from a repository beside it."""
        answer = self._registries.ask("HEAD", self._target, f"blobs/{digest}")
        if answer.status in (200, 307):
            return False
        if answer.status != 404:
            self._registries.expect(answer, 200, f"look for the layer {digest} in {self._target}")
        failure = f"could not copy the layer {digest} ({size} bytes) from {self._source} to {self._target}"
        return patiently(lambda: self._send_blob(digest, size), failure)

    def _send_blob(self, digest: str, size: int) -> bool:
        registries, query = self._registries, ""
        if self._source.registry == self._target.registry:
            query = "?" + urlencode({"mount": digest, "from": self._source.name})
        what = f"send the layer {digest} to {self._target}"
        answer = registries.ask("POST", self._target, "blobs/uploads/" + query, headers={"Content-Length": "0"})
        if query and answer.status == 201:
            return False
        registries.expect(answer, 202, what)
        place = next_place(self._target.url("blobs/uploads/"), answer)
        content = registries.blob(self._source, digest, size)
        sized = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        answer = registries.request("PATCH", place, headers=sized, body=content)
        registries.expect(answer, 202, what)
        place = next_place(place, answer)
        end = place + ("&" if urlsplit(place).query else "?") + "digest=" + quote(digest, safe="")
        registries.expect(registries.request("PUT", end, headers={"Content-Length": "0"}), 201, what)
        return True


def require(registries: Registries, place: Repository, digest: str, cpu_architecture: str) -> None:
    """Raise ImageError unless the image runs on `cpu_architecture`: X86_64 or ARM64.

    One that does not would be pulled, end each task with `exec format error`, and be taken back after minutes.
    """
    needed, platforms = PLATFORMS[cpu_architecture], _platforms(registries, place, digest)
    if needed in platforms:
        return
    others = [name for name, platform in PLATFORMS.items() if platform in platforms]
    way_out = f"set the service's cpuArchitecture to {others[0]} here, or " if others else ""
    raise ImageError(
        f"the image {place}@{digest[:19]} is for {', '.join(sorted(platforms)) or 'no platform'}, and this stack's "
        f"tasks need {needed} (the service's cpuArchitecture is {cpu_architecture}): {way_out}release a version that "
        f"was built for {cpu_architecture}"
    )


def _platforms(registries: Registries, place: Repository, digest: str) -> set[str]:
    """`os/architecture` of each image under this digest: of an index several, else one."""
    document = registries.manifest(place, digest).document
    platforms = {_platform(_config(registries, place, document.config))} if document.config else set()
    for entry in document.manifests or ():
        platforms |= {_platform(entry.platform)} if entry.platform else _platforms(registries, place, entry.digest)
    # So BuildKit lists what it attests of an image.
    return platforms - {"unknown/unknown"} if document.manifests else platforms


def _platform(entry: Platform) -> str:
    return f"{entry.os or 'unknown'}/{entry.architecture or 'unknown'}"


def _config(registries: Registries, place: Repository, entry: Descriptor) -> Platform:
    what = f"could not read the image's configuration {entry.digest} from {place}"
    if entry.size > MAX_MANIFEST_BYTES:
        raise ImageError(f"{what}: it has {entry.size} bytes, {MAX_MANIFEST_BYTES} at most were expected")
    body = patiently(lambda: b"".join(registries.blob(place, entry.digest, entry.size)), what)
    try:
        return strict_json.read(Platform, strict_json.decode(body))
    except DamagedError as error:
        raise ImageError(f"{what}: {error}") from error

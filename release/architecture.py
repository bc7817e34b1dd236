"""For which processors an image was built, and whether the tasks that are to run it have one of them."""

from typing import Final

from release import strict_json
from release.registry import (
    MAX_MANIFEST_BYTES,
    Descriptor,
    ImageError,
    Platform,
    Registries,
    Repository,
    patiently,
)
from release.strict_json import DamagedError

PLATFORMS: Final = {"X86_64": "linux/amd64", "ARM64": "linux/arm64"}
"""ECS's names of CPU architectures, and what images call them."""


def require(registries: Registries, place: Repository, digest: str, cpu_architecture: str) -> None:
    """Raise ImageError unless the image runs on `cpu_architecture`: X86_64 or ARM64.

    One that does not would be pulled, end each task with `exec format error`, and be taken back after minutes.
    """
    wanted, found = PLATFORMS[cpu_architecture], platforms(registries, place, digest)
    if wanted in found:
        return
    others = [name for name, platform in PLATFORMS.items() if platform in found]
    way_out = f"set easi:cpuArchitecture to {others[0]} here, or " if others else ""
    raise ImageError(
        f"the image {place}@{digest[:19]} is for {', '.join(sorted(found)) or 'no platform'}, and this stack's tasks "
        f"need {wanted} (easi:cpuArchitecture is {cpu_architecture}): {way_out}release a version that was built for "
        f"{cpu_architecture}"
    )


def platforms(registries: Registries, place: Repository, digest: str) -> set[str]:
    """`os/architecture` of each image under this digest: of an index several, else one."""
    document = registries.manifest(place, digest).document
    found = {_platform(_config(registries, place, document.config))} if document.config else set()
    for entry in document.manifests or ():
        found |= {_platform(entry.platform)} if entry.platform else platforms(registries, place, entry.digest)
    # So BuildKit lists what it attests of an image.
    return found - {"unknown/unknown"} if document.manifests else found


def _platform(found: Platform) -> str:
    return f"{found.os or 'unknown'}/{found.architecture or 'unknown'}"


def _config(registries: Registries, place: Repository, entry: Descriptor) -> Platform:
    what = f"could not read the image's configuration {entry.digest} from {place}"
    if entry.size > MAX_MANIFEST_BYTES:
        raise ImageError(f"{what}: it has {entry.size} bytes, {MAX_MANIFEST_BYTES} at most were expected")
    body = patiently(lambda: b"".join(registries.blob(place, entry.digest, entry.size)), what)
    try:
        return strict_json.read(Platform, strict_json.decode(body))
    except DamagedError as error:
        raise ImageError(f"{what}: {error}") from error

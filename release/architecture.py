"""For which processors an image was built, and whether the tasks that are to run it have one of them."""

import json
from typing import Any, Final

from release.registry import MAX_MANIFEST_BYTES, ImageError, Registries, Repository, checked_digest, patiently

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
    manifest = registries.manifest(place, digest)
    if not manifest.is_index:
        return {_platform(_config(registries, place, manifest.document["config"]))}
    found: set[str] = set()
    for entry in manifest.document["manifests"]:
        if "platform" in entry:
            found.add(_platform(entry["platform"]))
        else:
            found |= platforms(registries, place, checked_digest(entry["digest"]))
    # So BuildKit lists what it attests of an image.
    return found - {"unknown/unknown"}


def _platform(found: dict[str, Any]) -> str:
    return f"{found.get('os') or 'unknown'}/{found.get('architecture') or 'unknown'}"


def _config(registries: Registries, place: Repository, entry: dict[str, Any]) -> Any:
    digest, size = checked_digest(entry["digest"]), int(entry["size"])
    what = f"read the image's configuration {digest} from {place}"
    if size > MAX_MANIFEST_BYTES:
        raise ImageError(f"could not {what}: it has {size} bytes, {MAX_MANIFEST_BYTES} at most were expected")
    return json.loads(patiently(lambda: b"".join(registries.blob(place, digest, size)), f"could not {what}"))

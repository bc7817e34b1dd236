"""The times of a build, taken out of the image as BuildKit does it for the build argument SOURCE_DATE_EPOCH.

BuildKit writes it as the time of the image and of each step, and leaves the files in the layers as they are ("Build
reproducibility" in its documentation). The BuildKit of a Docker engine before 23 does not, and notes in
the image what it built from.
"""

from __future__ import annotations

import datetime
import hashlib
import io
import json
import tarfile
import tempfile
from typing import Any

from local.plugin.provider import PluginError

ARGUMENT = "SOURCE_DATE_EPOCH"
_OF_THE_BUILDER = "moby.buildkit."
"""How the names begin of what BuildKit keeps for itself in an image's configuration."""


def take_out(client: Any, name: str, seconds: str, architecture: str) -> None:
    """Give `name` to the same image with `seconds` since 1970 as its time, and as one for `architecture`.

    The image that was built stays without a name, until `make down`: another clone may be giving it one.
    """
    if not seconds.isdecimal():
        raise PluginError(f"build.args.{ARGUMENT} is {seconds!r}: expected whole seconds since 1970")
    with tempfile.TemporaryFile() as saved, tempfile.TemporaryFile() as changed:
        saved.writelines(client.images.get(name).save())
        saved.seek(0)
        with tarfile.open(fileobj=saved) as old, tarfile.open(fileobj=changed, mode="w") as new:
            entry = json.loads(_read(old, "manifest.json"))[0]
            built = json.loads(_read(old, entry["Config"]))
            config = json.dumps(_without_times(built, int(seconds), architecture)).encode()
            _add(new, config_name := f"{hashlib.sha256(config).hexdigest()}.json", config)
            for layer in dict.fromkeys(entry["Layers"]):
                _add(new, layer, _read(old, layer))
            manifest = {"Config": config_name, "RepoTags": [name], "Layers": entry["Layers"]}
            _add(new, "manifest.json", json.dumps([manifest]).encode())
        changed.seek(0)
        client.images.load(changed)


def _without_times(config: dict[str, Any], seconds: int, architecture: str) -> dict[str, Any]:
    at = datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    kept = {key: value for key, value in config.items() if not key.startswith(_OF_THE_BUILDER)}
    history = [{**step, "created": at} for step in config.get("history") or []]
    changed = {"architecture": architecture, "created": at, "history": history}
    return {**kept, **changed}


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise PluginError(f"Docker saved an image whose {name} is no file")
    return file.read()


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))

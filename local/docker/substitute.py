"""An image made on this machine that stands for a public one which cannot be pulled."""

from __future__ import annotations

import hashlib
import os
import ssl
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from local.layout import LocalError
from local.terminal import Heartbeat, Say

REPOSITORIES = "release-local/"
"""Where the names of all substitutes begin."""
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
"""Where Debian has the certificates of authorities in one file; Go, OpenSSL and Python look there."""


@dataclass(frozen=True, kw_only=True)
class Substitute:
    family: str
    """The last part of the name of the image that it stands for."""
    contents: str
    """What it is made of, for people."""
    changes: Sequence[str]
    """Instructions of a Dockerfile that are added to it."""
    write: Callable[[IO[bytes], Say], None]
    """Writes its file system as a tar."""

    def ensure(self, client: Any, identity: str, say: Say) -> str:
        """The name of the image in a clone of `identity`, made now if the engine has none like it. Raises LocalError.

        An image that another clone made of the same is given a name of this clone's: each clone removes just its own.
        """
        repository = f"{REPOSITORIES}{self.family}"
        described = "\n".join([self.contents, *self.changes, hashlib.sha256(certificates().read_bytes()).hexdigest()])
        key = hashlib.sha256(described.encode()).hexdigest()[:12]
        name = f"{repository}:{key}-{identity}"
        for image in client.images.list(name=repository):
            if name in image.tags or any(tag.startswith(f"{repository}:{key}-") for tag in image.tags):
                image.tag(repository, f"{key}-{identity}")
                return name
        say(f"making {name} from {self.contents}")
        with tempfile.TemporaryFile() as file, Heartbeat(f"making {name}", say):
            self.write(file, say)
            file.seek(0)
            # In pieces: docker-py announces chunks for a stream, and only an iterator is sent as such.
            pieces = iter(lambda: file.read(1 << 20), b"")
            client.api.import_image_from_stream(
                pieces, repository=repository, tag=f"{key}-{identity}", changes=[*self.changes]
            )
        if not any(name in image.tags for image in client.images.list(name=repository)):
            raise LocalError(f"Docker: {name} could not be imported.")
        return name


def certificates() -> Path:
    """The certificates of authorities that this machine trusts. Raises LocalError where there are none."""
    paths = [os.environ.get("SSL_CERT_FILE"), CERTIFICATES, ssl.get_default_verify_paths().cafile]
    for path in paths:
        if path and Path(path).is_file():
            return Path(path)
    raise LocalError(f"this machine has no certificates of authorities at {CERTIFICATES}: install ca-certificates")

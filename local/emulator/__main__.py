"""The emulator's process: `python -m local.emulator FOLDER`, configured by its environment (see `process.py`)."""

from __future__ import annotations

import sys
from importlib import import_module, metadata

from local import docker_credentials

SUPPORTED = "1.5.33"
"""The gaps are closed in private functions of this version; in another one they may not even be gaps."""


def main() -> None:
    """Check the version, close the gaps, serve."""
    try:
        version = metadata.version("ministack")
    except metadata.PackageNotFoundError:
        sys.exit("the emulator needs ministack, which is not installed here: make setup installs it")
    if version != SUPPORTED:
        sys.exit(f"ministack {version} is installed, but the emulator's gaps are closed for {SUPPORTED}: make setup")
    del sys.argv[1:]  # the folder, there for who looks at a list of processes; ministack reads arguments too
    docker_credentials.go_on_without()  # ECS does not read what the person's Docker configuration says of them
    import_module("local.emulator.gaps").close()  # only now: it needs the version that was checked
    import_module("ministack.app").main()


if __name__ == "__main__":
    main()

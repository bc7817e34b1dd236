"""The plugin's process: `python -m local.docker ENGINE`, started by Pulumi."""

from __future__ import annotations

from local.docker.provider import DockerProvider
from local.plugin.servicer import Servicer
from release.plugin import serve


def main() -> None:
    serve(Servicer(DockerProvider()))


if __name__ == "__main__":
    main()

"""The plugin's process: `python -m local.docker ENGINE`, started by Pulumi."""

from __future__ import annotations

from local.docker.provider import VERSION, DockerProvider
from local.plugin import serve

if __name__ == "__main__":
    serve(DockerProvider(), "docker", VERSION)

"""`python -m local.aws [engine address]`: prints a port and serves the engine there until it goes away."""

from __future__ import annotations

from release.plugin import serve

from .provider import AwsProvider
from .servicer import Servicer

if __name__ == "__main__":
    serve(Servicer(AwsProvider()))

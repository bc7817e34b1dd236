"""`python -m local.aws [engine address]`: prints a port and serves the engine there until it goes away."""

from __future__ import annotations

from local.plugin.servicer import Servicer
from release.plugin import serve

from .provider import AwsProvider


def main() -> None:
    serve(Servicer(AwsProvider()))


if __name__ == "__main__":
    main()

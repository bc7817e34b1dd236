"""A process that makes one release, as Pulumi's provider process does: inputs from standard input, one line of JSON for
everything that is said, and one for the end.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from release import engine, session
from release.inputs import from_inputs


def _tell(**line: Any) -> None:
    print(json.dumps(line), flush=True)


def main() -> int:
    """Release; exit code 0 when it is proven."""
    began = time.monotonic()
    try:
        request = from_inputs(json.load(sys.stdin))
        clients = session.connect(request.connection, account=request.account, region=request.region)
        release = engine.run(request, clients, lambda line: _tell(said=line))
    except Exception as error:
        _tell(error=f"{type(error).__name__}: {error}", seconds=time.monotonic() - began)
        return 1
    _tell(proven=release.version, seconds=time.monotonic() - began)
    return 0


if __name__ == "__main__":
    sys.exit(main())

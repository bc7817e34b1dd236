"""What is reached without a proxy, whichever the caller's shell names. Standard library only, readable by old Pythons.

The emulator, the plugins and the language host are all on this machine. boto3, the gRPC of Python, npm and curl ask a
proxy for them, too, unless NO_PROXY names them: some read it in capitals, some in small letters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

NAMES = ("NO_PROXY", "no_proxy")
HERE = ("localhost", ".localhost", "127.0.0.1")
EVERYTHING = "*"


def without(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that add this machine to those that `environment` reaches without a proxy."""
    listed = [entry for name in NAMES for entry in re.split(r"[,\s]+", environment.get(name, "")) if entry]
    # Python takes "*" as everything only where it stands alone.
    value = EVERYTHING if EVERYTHING in listed else ",".join(dict.fromkeys([*listed, *HERE]))
    return dict.fromkeys(NAMES, value)


def curl(environment: Mapping[str, str]) -> str:
    """The beginning of a command that asks this machine, in a shell with `environment`."""
    named = any(is_proxy(name) and name not in NAMES for name in environment)
    return "curl -s --noproxy localhost" if named else "curl -s"


def is_proxy(variable: str) -> bool:
    """Whether a variable is about proxies: HTTP_PROXY, https_proxy, ALL_PROXY, and the like."""
    return variable.lower().endswith("_proxy")

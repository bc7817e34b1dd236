"""What the stacks of the current folder say of themselves, read as a person in the local shell reads it."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

ENVIRONMENT = "dev"
"""The environment that is measured, unless `--stack` names another."""


def of_stack(name: str) -> dict[str, Any]:
    """The outputs of a stack. Ends the program, saying what to do, where there is none."""
    if not os.environ.get("AWS_ENDPOINT_URL"):
        raise SystemExit('this measures the local environments: `make up`, then eval "$(python -m local env)"')
    try:
        done = subprocess.run(
            ["pulumi", "stack", "output", "-s", name, "--json"], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise SystemExit('there is no `pulumi` on the PATH: eval "$(python -m local env)" puts one there') from None
    if done.returncode != 0:
        raise SystemExit(f"no outputs of {name}: {done.stderr.strip()}")
    found: dict[str, Any] = json.loads(done.stdout)
    if "release" not in found:
        raise SystemExit(f"{name} has proven no release yet: `make up`, or `pulumi up -s {name}`")
    return found

"""What was recorded from the real provider: `tests/fixtures/replacements`. Other types have an example of inputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from local.aws.table import TABLE

FOLDER = Path(__file__).parents[1] / "fixtures" / "replacements"
RECORDED: dict[str, Any] = {
    token: recorded
    for path in sorted(FOLDER.glob("*.json"))
    for token, recorded in json.loads(path.read_text()).items()
}
"""Resource type to its inputs and edits."""
RECORDED |= {
    token: {"inputs": kind.example, "edits": []}
    for token, kind in TABLE.items()
    if kind.example and token not in RECORDED
}

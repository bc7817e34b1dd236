"""What was recorded from the real provider: `tests/fixtures/replacements`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "fixtures" / "replacements"
RECORDED: dict[str, Any] = {
    token: recorded
    for path in sorted(FOLDER.glob("*.json"))
    for token, recorded in json.loads(path.read_text()).items()
}
"""Resource type to its inputs and edits."""

"""The deploy function's files are flat in its archive: they import each other by bare names, and so do their tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "functions" / "deploy"))

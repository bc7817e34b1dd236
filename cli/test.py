"""Run ci/test, the application's own tests, in place of this process.

Its owner keeps them in this one executable file. The workflows run it before a merge and before a release; a project
without the file fails, as nothing would be tested.

Exit status: that of ci/test; 1 if it cannot be run, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Final, NoReturn

from cli.errors import VerbError

FILE: Final = Path("ci/test")
"""In the project's folder. It is the application's: this project's own tests are another workflow's."""


def add(parser: argparse.ArgumentParser) -> None:
    """It takes none."""


def run(_: argparse.Namespace) -> NoReturn:
    if not FILE.is_file():
        raise VerbError(
            f"there is no {FILE}, so nothing would test the application before it is released.\n"
            f"  to make it:  an executable file that runs the tests, and ends with another status than 0 if one fails\n"
            f"  with no tests yet:  printf '#!/bin/sh\\n' >{FILE} && chmod +x {FILE}"
        )
    if not os.access(FILE, os.X_OK):
        raise VerbError(
            f"{FILE} is not executable.\n  to mend it:  chmod +x {FILE} && git update-index --chmod=+x {FILE}"
        )
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execv(FILE.resolve(), [str(FILE)])  # noqa: S606 - the file is the project's own, and no shell is wanted
    except OSError as error:
        raise VerbError(
            f"{FILE} cannot be run: {error.strerror}.\n  expected in its first line:  the interpreter, as #!/bin/sh"
        ) from error

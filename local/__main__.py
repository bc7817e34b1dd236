"""`python -m local <verb>`: the way in, from any Python. Real work happens in the project's own virtual environment.

Only the standard library, and nothing that an old Python cannot read: this is what tells people that theirs is too old.
"""

import sys

if sys.version_info < (3, 7):  # noqa: UP036 - people do start it with an old one, and deserve a sentence instead of a traceback
    sys.exit("Python %d.%d is too old: Python 3.11 or later is needed." % sys.version_info[:2])  # noqa: UP031 - as above

import os
import signal
from pathlib import Path

from local import bootstrap, proxies

NEEDS_TOOLS = ("up", "setup")
"""Verbs that check the machine and make the virtual environment when it is missing."""


def main() -> int:
    """Check the machine where the verb needs it, then become the same command in the virtual environment."""
    root = Path(__file__).resolve().parent.parent
    verb = sys.argv[1] if len(sys.argv) > 1 else ""
    helped = "-h" in sys.argv or "--help" in sys.argv
    if verb in NEEDS_TOOLS and not helped:
        failed = bootstrap.ensure(root, containers=verb == "up")
        if failed:
            return failed
    python = bootstrap.venv_python(root)
    if not python.exists() and (verb in ("down", "new", "") or helped):
        if not bootstrap.recent():
            return bootstrap.fail(["nothing was set up here yet: make setup"])
        from local import cli  # noqa: PLC0415 - only a recent enough Python can read it

        return cli.main(sys.argv[1:])
    if not python.exists():
        return bootstrap.fail(["nothing was set up here yet: make setup"])
    environment = dict(os.environ, PYTHONPATH=bootstrap.python_path(root), **proxies.without(os.environ))
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(str(python), [str(python), "-m", "local.cli", *sys.argv[1:]], environment)  # noqa: S606 - no shell wanted
    return 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nInterrupted. The same command continues where it stopped.", file=sys.stderr)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        sys.exit(130)

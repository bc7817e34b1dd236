"""`.local/bin/pulumi`: bring the generated project up to date, become the engine. Standard library only, for speed.

In the folder of another Pulumi project, such as `account/`, it is the engine and nothing else.
"""

import os
import secrets
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUN_THE_PROGRAM = frozenset({"preview", "pre", "up", "update", "refresh", "destroy"})


def main() -> None:
    """Become the engine in the project that the caller is in."""
    engine = sys.argv[1]
    here = Path.cwd()
    projects = (folder for folder in (here, *here.parents) if (folder / "Pulumi.yaml").exists())
    if next(projects, ROOT) != ROOT:
        os.execv(engine, [engine, *sys.argv[2:]])  # noqa: S606 - no shell wanted
    import importlib.util  # noqa: PLC0415 - sys.path is the caller's business, so this one module is loaded by its path

    spec = importlib.util.spec_from_file_location("fingerprint", ROOT / "local" / "fingerprint.py")
    assert spec is not None and spec.loader is not None  # noqa: S101, PT018 - the file is beside this one
    fingerprint = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fingerprint)
    local = ROOT / ".local"
    if not fingerprint.current(ROOT, local):
        environment = dict(os.environ, PYTHONPATH=str(ROOT))
        done = subprocess.run([sys.executable, "-m", "local.project"], env=environment, cwd=ROOT, check=False)
        if done.returncode != 0:
            sys.exit(done.returncode)
    os.environ.pop("LOCAL_WARM", None)  # another engine's
    if sys.platform == "linux" and RUN_THE_PROGRAM.intersection(sys.argv):
        # The modules are those of a program that ran in our own language host; the official one forks nothing.
        _prepare(["plugins", "program"] if (local / "modules").exists() else ["plugins"])
    os.execv(engine, [engine, "-C", str(local / "project"), *sys.argv[2:]])  # noqa: S606 - no shell wanted


def _prepare(roles: list[str]) -> None:
    """Start the processes of `local/warm`; this process becomes the engine that they end with."""
    os.environ["LOCAL_WARM"] = name = f"release-{secrets.token_hex(8)}"
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    for role in roles:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(f"\0{name}-{role}")  # of no folder: nothing is left behind
            listener.listen()
            command = [sys.executable, "-u", "-m", "local.warm.process", role, str(listener.fileno()), str(os.getpid())]
            subprocess.Popen(
                command,
                cwd=ROOT,  # Python imports from here first: the caller's folder may be release/, which has an http.py
                env=dict(os.environ, PYTHONPATH=os.pathsep.join(paths)),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[listener.fileno()],
                start_new_session=True,  # Ctrl-C is the engine's to hand on
            )


main()

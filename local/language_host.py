"""`pulumi-language-python` for a self-built engine: runs the program when the engine asks for it.

The official bundle brings its own, in Go; that one is used where there is an official bundle. Both run `__main__.py`
of the project folder with the same SDK and show its errors in the same way.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import runpy
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pulumi
from pulumi.runtime import Settings, configure, run_in_stack, set_all_config
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

from local import bootstrap
from local.warm import modules
from release import processes

ROOT = Path(__file__).resolve().parents[1]


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """What the engine asks of a language: run this program. Plugins are found on PATH, so none are required."""

    def __init__(self, engine: str) -> None:
        """`engine` is where the engine listens for what the program logs."""
        self._engine = engine

    def GetRequiredPlugins(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        return language_pb2.GetRequiredPluginsResponse()

    def GetRequiredPackages(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        return language_pb2.GetRequiredPackagesResponse()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        return plugin_pb2.PluginInfo(version="1.0.0")

    def About(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        return language_pb2.AboutResponse(executable=sys.executable, version=sys.version.split()[0])

    def InstallDependencies(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802 - the protocol's name
        """`pulumi install`: bring the virtual environment to what its lock file names, as `make setup` does it."""
        command = [sys.executable, "-m", "local.bootstrap"]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as installing:
            for line in installing.stdout or ():
                yield language_pb2.InstallDependenciesResponse(stdout=line)
        if installing.returncode != 0:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"{bootstrap.LOCK} is not installed: make setup")
        done = f"the packages of {bootstrap.LOCK} are installed in {Path(sys.prefix).name}\n"
        yield language_pb2.InstallDependenciesResponse(stdout=done.encode())

    def GetProgramDependencies(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """What `pulumi about` lists: the installed packages; those that only others need when they are asked for."""
        command = [sys.executable, "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"]
        command += [] if request.transitiveDependencies else ["--not-required"]
        listed = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        return language_pb2.GetProgramDependenciesResponse(
            dependencies=[language_pb2.DependencyInfo(name=item["name"], version=item["version"]) for item in listed]
        )

    def Run(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        folder = Path(request.info.program_directory or request.pwd)
        entry = folder / (request.info.entry_point or request.program or ".")
        program = entry / "__main__.py" if entry.is_dir() else entry
        configure(
            Settings(
                monitor=request.monitor_address,
                engine=self._engine,
                project=request.project,
                stack=request.stack,
                parallel=request.parallel,
                dry_run=request.dryRun,
                organization=request.organization or "organization",
                root_directory=request.info.root_directory or str(folder),
            )
        )
        set_all_config(dict(request.config), list(request.configSecretKeys))
        response = run(program, folder, max(request.parallel, 1) * 4)
        if not (response.error or response.bail):
            modules.remember()
        return response


def run(program: Path, folder: Path, threads: int) -> Any:
    """Run one program in its folder; what goes wrong is shown once, here."""
    os.chdir(folder)
    _forget_program(folder)
    sys.argv = [str(program)]
    sys.path[:] = [str(folder), *(entry for entry in sys.path if entry not in ("", str(folder)))]
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    executor = futures.ThreadPoolExecutor(max_workers=threads)
    loop.set_default_executor(executor)
    try:
        loop.run_until_complete(run_in_stack(lambda: _execute(program)))
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return language_pb2.RunResponse(bail=True)
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.UNAVAILABLE:
            return language_pb2.RunResponse(error=f"the engine answered: {error.details()}")
    except SystemExit as error:
        if error.code:
            return language_pb2.RunResponse(error=f"the program ended with exit code {error.code}")
    except Exception as error:
        pulumi.log.error("Program failed with an unhandled exception:\n" + user_traceback(error, program))
        return language_pb2.RunResponse(bail=True)
    finally:
        executor.shutdown(wait=True)
        loop.close()
        sys.stdout.flush()
        sys.stderr.flush()
    return language_pb2.RunResponse()


def _execute(program: Path) -> None:
    if not program.is_file():
        raise pulumi.RunError(f"there is no program at {program}")
    runpy.run_path(str(program), run_name="__main__")


def _forget_program(folder: Path) -> None:
    """A second run in this process imports the program's own modules anew (and never those of its environment)."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file is None or name == "__main__" or name.split(".")[0] == "local":
            continue
        path = Path(file)
        if path.is_relative_to(folder) and not path.is_relative_to(sys.prefix):
            del sys.modules[name]


def user_traceback(error: BaseException, program: Path) -> str:
    """The traceback from the program's own first line on; all of it when the program is not in it."""
    frames = traceback.extract_tb(error.__traceback__)
    for index, frame in enumerate(frames):
        if Path(frame.filename) == program:
            return "".join(
                traceback.format_exception(type(error), error, error.__traceback__, limit=index - len(frames))
            )
    return "".join(traceback.format_exception(error))


def main() -> None:
    """Serve one engine on a free port, whose number is the first thing printed.

    The engine's own address is the last argument; options before it are for other languages.
    """
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    sys.dont_write_bytecode = True
    processes.end_with_parent()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4), options=_GRPC_CHANNEL_OPTIONS)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LanguageHost(sys.argv[-1]), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()

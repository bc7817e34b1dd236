"""Run a command once in a task of its own, of the version that is proven, with the service's role, secrets and network.

Shows what it writes. Ctrl-C stops it. No release can begin meanwhile.

Exit status: that of the command; 124 if it did not end in time, and was stopped; 1 if it never ran, or how it ended is
not known; 2 wrong usage; 130 interrupted.
"""

from __future__ import annotations

import argparse
import functools
import os
import sys
from collections.abc import Callable

from cli import text
from cli.environment import Environment, add_stack, read_environment
from cli.errors import UsageError, VerbError
from functions.deploy.requests import RunTask
from release import lease, records, session, whole_log
from release.deploy_function import DeployFunction
from release.identity import ServiceIdentity, first
from release.one_off import Log, OneOff, TaskFailed
from release.session import Clients
from release.who import who

TIMED_OUT = 124
"""As the command `timeout` has it."""
DEFAULT_TIMEOUT_S = 900.0
INTERVAL_S = 2.0


def add(parser: argparse.ArgumentParser) -> None:
    add_stack(parser, required=True)
    parser.add_argument("--service", metavar="NAME", help="whose task definition; needed where there are several")
    parser.add_argument(
        "--timeout", type=_seconds, default=DEFAULT_TIMEOUT_S, metavar="S", help="seconds for all of it (%(default)g)"
    )
    parser.add_argument(
        "words", nargs="+", metavar="COMMAND", help="after --; for an image with an entry point, its arguments"
    )


def _seconds(value: str) -> float:
    seconds = float(value)
    if not 10 <= seconds <= 86400:
        raise argparse.ArgumentTypeError(f"{value}: 10 to 86400 seconds were expected")
    return seconds


def run(options: argparse.Namespace) -> int:
    environment = read_environment(options.stack)
    request = environment.released()
    clients = session.connect(request.connection, account=request.account, region=request.region)
    return run_command(environment, clients, tuple(options.words), service=options.service, timeout_s=options.timeout)


def run_command(
    environment: Environment, clients: Clients, words: tuple[str, ...], *, service: str | None, timeout_s: float
) -> int:
    """The exit code. Raises LeaseHeldError while the environment is released, VerbError and UsageError."""
    request = environment.released()
    if not request.services:
        raise UsageError(f"{environment.name} has no service: a command runs in the image of one")
    if service is None and len(request.services) > 1:
        named = " or ".join(f"--service {name}" for name in request.services)
        raise UsageError(
            f"{environment.name} has several services: name the one whose image runs the command, with {named}"
        )
    its = request.services.get(service if service is not None else first(request.services).name)
    if its is None:
        raise UsageError(f"{environment.name} has no service {service}; it has {', '.join(request.services)}")
    say = functools.partial(print, file=sys.stderr, flush=True)
    with lease.acquire(
        clients.s3,
        request.records_bucket,
        environment=environment.name,
        version=request.version,
        who=who(clients.caller, os.environ),
        doing=lease.ONE_OFF,
        say=say,
    ) as held:
        proven = _proven(environment, clients, its.name)
        function = DeployFunction(clients.function, its.deploy_function, say, timeout_s, interval_s=INTERVAL_S)
        task = RunTask(
            lease=held.id,
            task_definition=proven.task_definition,
            container=its.container,
            container_command=words,
            network=proven.network,
        )
        return watch(OneOff(function, task, "the command"), text.say, its.name)


def watch(one_off: OneOff, show: Callable[[str], None], service: str) -> int:
    """Run it for a service, show what it writes; its exit code. Stopped by KeyboardInterrupt, which is raised."""
    log = Log(one_off, show)
    try:
        try:
            one_off.run(log.read)
        finally:
            if sys.exc_info()[0] in (None, TaskFailed):
                log.read_rest()
    except KeyboardInterrupt:
        if one_off.task:
            end, _ = one_off.stop("was interrupted")
            one_off.function.say(f"the command was interrupted: {end}")
        else:
            one_off.function.say("the command may have been started; the same command again finds it, and waits for it")
        raise
    except TaskFailed as error:
        details = whole_log.as_shown_here(error.details, service, os.environ)
        one_off.function.say("\n".join([error.message, *(f"  {line}" for line in details)]))
        return TIMED_OUT if error.outcome == "timed_out" and error.task else error.exit_code or 1
    return 0


def _proven(environment: Environment, clients: Clients, service: str) -> ServiceIdentity:
    release = records.read_stored(clients.s3, environment.released().records_bucket).release
    if release is None or service not in release.services:
        what = f"nothing of service {service}" if release else "nothing"
        raise VerbError(
            f"{what} is proven in {environment.name}: a command runs from the version that is.\n"
            f"  to release:  pulumi up -s {environment.name}"
        )
    return release.services[service]

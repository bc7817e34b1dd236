"""The verbs of `python -m local`."""

# ruff: noqa: PLC0415 - a verb is imported when it is asked for: `env` must not wait for what only `up` needs

from __future__ import annotations

import argparse
import signal
import sys

from local.layout import ENVIRONMENTS, LocalError, here
from local.terminal import warn

INTERRUPTED = 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description="The same program as on AWS, on one machine.")
    verbs = parser.add_subparsers(dest="verb", metavar="verb", required=True)
    up = verbs.add_parser("up", help="release the example through dev, impl and prod")
    up.add_argument("--env", choices=ENVIRONMENTS, help="release only this environment")
    up.add_argument(
        "--aws-plugin", choices=("local", "official"), default="local", help="which AWS plugin Pulumi uses (local)"
    )
    verbs.add_parser("setup", help="only the tools: virtual environment, engine, the example's dependencies")
    verbs.add_parser("env", help='print the local shell\'s environment: eval "$(python -m local env)"')
    verbs.add_parser("status", help="what is installed, what runs, which version each environment answers")
    logs = verbs.add_parser("logs", help="what the backend, the deploy function or the emulator said")
    logs.add_argument("source", nargs="?", choices=("backend", "lambda", "emulator"), default="backend")
    logs.add_argument("-f", "--follow", action="store_true", help="go on until Ctrl-C")
    logs.add_argument("--env", choices=ENVIRONMENTS, help="only this environment")
    logs.add_argument("-n", "--lines", type=int, default=100, help="lines of each log to begin with (100)")
    verbs.add_parser("down", help="end and remove everything local")
    return parser


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except LocalError as error:
        warn(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        target = f"up ENV={options.env}" if options.verb == "up" and options.env else options.verb
        warn("Interrupted." if options.verb in ("env", "logs") else f"Interrupted. To continue:  make {target}")
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return 1


def _run(options: argparse.Namespace) -> int:
    """Each verb is imported when it is asked for: `env` must not wait for what only `up` needs."""
    layout = here()
    match options.verb:
        case "env":
            from local import environment

            return environment.run(layout)
        case "setup":
            from local import setup

            return setup.run(layout)
        case "up":
            from local import up

            return up.run(layout, (options.env,) if options.env else ENVIRONMENTS, options.aws_plugin)
        case "status":
            from local import status

            return status.run(layout)
        case "logs":
            from local import logs

            return logs.run(layout, options.source, environment=options.env, follow=options.follow, lines=options.lines)
        case _:
            from local import down

            return down.run(layout)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))

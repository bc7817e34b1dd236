"""The verbs of `python -m local`."""

# ruff: noqa: PLC0415 - a verb is imported when it is asked for: `env` must not wait for what only `up` needs

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from local.layout import ENVIRONMENTS, Layout, LocalError, here
from local.terminal import warn
from settings.errors import ExpectedError

INTERRUPTED = 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description="The same program as on AWS, on one machine.")
    verbs = parser.add_subparsers(dest="verb", metavar="verb", required=True)
    up = verbs.add_parser("up", help="release through dev, impl and prod")
    up.add_argument("--env", choices=ENVIRONMENTS, help="release only this environment")
    up.add_argument(
        "--aws-plugin", choices=("local", "official"), default="local", help="which AWS plugin Pulumi uses (local)"
    )
    verbs.add_parser("setup", help="only the tools: virtual environment, engine, the sites' dependencies")
    verbs.add_parser("env", help='print the local shell\'s environment: eval "$(python -m local env)"')
    verbs.add_parser("status", help="what is installed, what runs, which version each environment answers")
    logs = verbs.add_parser("logs", help="what a service, the deploy functions or the emulator said")
    sources = "the name of a service, lambda or emulator; without it backend, or the only service there is"
    logs.add_argument("source", nargs="?", help=sources)
    logs.add_argument("-f", "--follow", action="store_true", help="go on until Ctrl-C")
    logs.add_argument("--env", choices=ENVIRONMENTS, help="only this environment")
    logs.add_argument("-n", "--lines", type=int, default=100, help="lines of each log to begin with (100)")
    secret = verbs.add_parser("secret", help="secrets that a release needs: kept outside of Git, made by `up`")
    actions = secret.add_subparsers(dest="action", metavar="action", required=True)
    for action, meaning in (("set", "keep a value, from standard input or a file"), ("remove", "remove one")):
        parser_of_action = actions.add_parser(action, help=meaning)
        parser_of_action.add_argument("name", help="in Secrets Manager; with a slash first, in Parameter Store")
        parser_of_action.add_argument("--env", choices=ENVIRONMENTS, help="only for this environment")
        if action == "set":
            parser_of_action.add_argument("--from-file", type=Path, help="the file that has the value")
    actions.add_parser("list", help="names and ARNs, no values")
    project = verbs.add_parser("new", help="a project of one's own with this program, or a newer program in one")
    project.add_argument("folder", type=Path, help="where: a new folder, or that of a project that this made")
    project.add_argument("--name", help="the project's name, which begins all names in AWS (a new project)")
    project.add_argument("--description", type=Path, help="a file with services and sites (a new project)")
    verbs.add_parser("down", help="end and remove everything local")
    return parser


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except (LocalError, ExpectedError) as error:
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

            code = environment.run(layout)
        case "setup":
            from local import up

            code = up.setup(layout)
        case "up":
            from local import up

            code = up.run(layout, (options.env,) if options.env else ENVIRONMENTS, options.aws_plugin)
        case "secret":
            code = _secret(layout, options)
        case "status":
            from local import status

            code = status.run(layout)
        case "logs":
            from local import logs

            code = logs.run(layout, options.source, environment=options.env, follow=options.follow, lines=options.lines)
        case "new":
            from local import new

            code = new.run(layout, options.folder, options.name, options.description)
        case _:
            from local import down

            code = down.run(layout)
    return code


def _secret(layout: Layout, options: argparse.Namespace) -> int:
    from local import secret

    match options.action:
        case "set":
            return secret.put(layout, options.name, options.env, options.from_file)
        case "remove":
            return secret.remove(layout, options.name, options.env)
        case _:
            return secret.show(layout)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))

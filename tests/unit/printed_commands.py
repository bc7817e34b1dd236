"""The commands that messages and pages print, and a shell in which each can be executed as it is printed.

What a command would do is not done: every program but git and the shell's own is a double that takes the arguments
which the real one takes, and refuses others. `pulumi` and `make` are asked themselves, botocore is for `aws`.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Never

import botocore
import botocore.session

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("release", "cli", "local", "account", "components", "example", *(path.name for path in ROOT.glob("*.py")))
PAGES = ("README.md", "docs", "example/README.md", "tests/bench/README.md")
SHA = "5" * 40
PROGRAMS = (
    "aws",
    "curl",
    "docker",
    "gh",
    "git",
    "go",
    "make",
    "npm",
    "pip-compile",
    "pulumi",
    "python",
    "python3",
    "sudo",
)
_SHELL = ("cd", "eval", "exec", "export", r"\.(?= \S*/)", "rm", r"\.venv/bin/\S+")
_ASSIGNMENTS = r"(?:[A-Z_]+=(?:'[^']*'|\S*) )*"
COMMAND = re.compile(rf"{_ASSIGNMENTS}(?:{'|'.join((*PROGRAMS, *_SHELL))}) \S.*")
PUT_IN = {
    r"«version»(?=pulumi)|«option»| && $": "",
    r"«[^»]*(version|commit|missing|requested)[^»]*»": SHA,
    r"«REGION»": "aws:region",
    r"«folder»": ".",
    r"«target»": "up ENV=dev",
    r"«store.region»": "us-west-2",
    r"«shares»": "--share-with 222222222222=impl:dev",
    r"«_up\(observed\)»": "pulumi up -s prod",
    r"«branch(\.name)?»": "main",
    r"«[^»]+»": "prod",
    r"<(full SHA|SHA|version|commit|what runs|what is recorded)>": SHA,
    r"<(name|stack|environment)>|(?<=-s )(ENV|STACK)\b": "prod",
    r"<verb>": "status",
    r"THIS-REPOSITORY": ".",
    r"<region>": "us-west-2",
    r"<setting> <value>": "zones 3",
    r" …$": "",
    r"…": "0",
}
"""What stands in messages and pages for a value, and one of those."""
PROSE = re.compile(
    r"(git is|git says|git revert$|git «|make sure|go on until|go env «|pulumi «|npm «|export \w+=«|exec «)"
    r"|.* answered .* \(«error»\)"
)
"""Begins like a command."""


class Printed(NamedTuple):
    """A command, or a script of several."""

    place: str
    script: str
    named: bool
    """It stands in a sentence, and may lack arguments."""


def in_messages() -> Iterator[Printed]:
    """What a message has between backticks, or after two spaces up to the end of the line."""
    for file in _files(SOURCES, {".py", ".ts", ".go"}):
        for text in _strings(file) if file.suffix == ".py" else _literals(file):
            for line in text.splitlines():
                yield from _named(file, line)
                for start in [0, *(found.end() for found in re.finditer(r"(?<=\S)  +(?=\S)", line))]:
                    # A remark may follow after three spaces.
                    command = line[start:].partition("   ")[0].lstrip()
                    if COMMAND.fullmatch(command) and not PROSE.match(command):
                        yield _printed(file, command)


def in_pages() -> Iterator[Printed]:
    """Each block of commands as a whole, and commands between backticks."""
    for file in _files(PAGES, {".md"}):
        block: list[str] = []
        for line in [*file.read_text().splitlines(), ""]:
            if re.match(r" {4,}", line):
                block.append(line)
                continue
            yield from (_printed(file, script) for script in _scripts(block))
            block = []
            yield from _named(file, line)


def _files(places: Iterable[str], kinds: set[str]) -> Iterator[Path]:
    for place in places:
        path = ROOT / place
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.suffix in kinds and file.is_file() and "node_modules" not in file.parts:
                yield file


def _strings(file: Path) -> Iterator[str]:
    """The texts of a Python file, in which `«…»` is what is put in; no docstrings."""
    nodes = list(ast.walk(ast.parse(file.read_text())))
    formatted = [node for node in nodes if isinstance(node, ast.JoinedStr)]
    skipped: set[ast.AST] = {part for node in formatted for part in node.values}
    skipped |= {node.value for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in skipped:
            yield node.value
    for node in formatted:
        yield "".join(
            f"«{ast.unparse(part.value)}»" if isinstance(part, ast.FormattedValue) else str(ast.literal_eval(part))
            for part in node.values
        )


def _literals(file: Path) -> Iterator[str]:
    """Those of TypeScript and Go; a template between backticks is one as well."""
    yield from ("".join(parts) for parts in re.findall(r'"([^"\n]+)"|`([^`]+)`', file.read_text()))


def _named(file: Path, line: str) -> Iterator[Printed]:
    for command in re.findall(r"(?<!`)`([^`]+)`(?!`)", line):
        if COMMAND.fullmatch(command) and not PROSE.match(command) and not command.endswith("git …"):
            yield _printed(file, command, named=True)


def _scripts(block: list[str]) -> Iterator[str]:
    """The script in an indented block; of a screen only what was typed, after `$ `."""
    typed = [line.strip().removeprefix("$ ") for line in block if line.strip().startswith("$ ")]
    if typed:
        yield from typed
    elif block and re.match(rf"\s*({COMMAND.pattern}|\w+=\S|\w+\(\) \{{)", block[0]):
        indent = min(len(line) - len(line.lstrip()) for line in block)
        yield "\n".join(line[indent:] for line in block)


def _printed(file: Path, script: str, *, named: bool = False) -> Printed:
    for place, value in PUT_IN.items():
        script = re.sub(place, value, script)
    named = named or re.fullmatch(r"python -m \S+", script) is not None
    return Printed(place=file.relative_to(ROOT).as_posix(), script=script, named=named)


PYTHON = f"""#!{sys.executable}
import sys
sys.path.insert(0, {str(ROOT)!r})
from tests.unit import printed_commands
sys.exit(printed_commands.DOUBLE(sys.argv[1:]))
"""
NPM = """#!/bin/sh
[ "$1" != --prefix ] || { cd "$2"; shift 2; }
[ "$1" = ci ] || [ "$1" = test ] || grep -q "^    \\"$2\\":" package.json
"""
PULUMI = f"""#!{sys.executable}
import subprocess, sys
words = [*sys.argv[1:], "--"]
at = words.index("--")
# It reads its options, and does nothing. What it would run is run.
code = subprocess.call(["PULUMI", *words[:at], "--help"], stdout=subprocess.DEVNULL)
sys.exit(code or (subprocess.call(words[at + 1 : -1]) if words[at + 1 :] else 0))
"""
ANY = "#!/bin/sh\necho 1\n"


def sandbox(folder: Path, pulumi: Path) -> Path:
    """A shallow clone of the project, with a virtual environment and a PATH of doubles in `.venv/bin`."""
    subprocess.run(["git", "clone", "--quiet", "--depth=1", ROOT.as_uri(), folder], check=True)
    # Commands take it away, and go back to what was checked out.
    subprocess.run(["git", "-C", folder, "config", "core.worktree", ".."], check=True)
    for branch in ("--create=other", "-"):
        subprocess.run(["git", "-C", folder, "switch", "--quiet", branch], check=True)
    doubles = folder / ".venv" / "bin"
    doubles.mkdir(parents=True)
    for name, text in {
        **dict.fromkeys((*PROGRAMS, "pip", "activate"), ANY),
        "python": PYTHON.replace("DOUBLE", "python"),
        "python3": PYTHON.replace("DOUBLE", "python"),
        "aws": PYTHON.replace("DOUBLE", "aws"),
        "npm": NPM,
        "make": f'#!/bin/sh\nexec {shutil.which("make")} --dry-run "$@"\n',
        "pulumi": PULUMI.replace("PULUMI", str(pulumi)),
    }.items():
        if name != "git":
            (doubles / name).write_text(text)
            (doubles / name).chmod(0o755)
    return folder


def head(folder: Path) -> str:
    """The commit of the sandbox."""
    found = subprocess.run(["git", "-C", folder, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    return found.stdout.strip()


def run(printed: Printed, folder: Path) -> str:
    """Run it in the project's folder: why it failed, empty where it did not."""
    variables = {"PATH": f"{folder / '.venv' / 'bin'}:/usr/bin:/bin", "HOME": str(folder), "GIT_EDITOR": "true"}
    variables |= {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    if printed.named:
        variables["MAY_LACK_ARGUMENTS"] = "yes"
    done = subprocess.run(
        ["sh", "-ec", printed.script],
        cwd=folder / "example" / "frontend" if printed.place.startswith("example/frontend") else folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else f"exit {done.returncode}: {done.stderr.strip() or done.stdout.strip()}"


def python(arguments: list[str]) -> int:
    """`python -m <module> …`: whether its own parser takes the arguments; nothing is run."""
    module = {"local": "local.cli"}.get(arguments[1], arguments[1])
    if module == "venv":
        return 0
    if module == "pytest":
        import pytest  # takes a while, which the other commands need not wait for

        # Its parser knows the options of plugins only after it has loaded them. It shows the markers instead of tests.
        return int(pytest.main([*arguments[2:], "--markers"]))
    parse, fail = argparse.ArgumentParser.parse_known_args, argparse.ArgumentParser.error

    def stop(parser: argparse.ArgumentParser, *args: Any, **options: Any) -> Any:
        parsed, unknown = parse(parser, *args, **options)
        if len(parser.prog.split()) > 3:
            return parsed, unknown
        sys.exit(f"unknown: {unknown}" if unknown else 0)

    def forgive(parser: argparse.ArgumentParser, message: str) -> Never:
        if "MAY_LACK_ARGUMENTS" in os.environ and "arguments are required" in message:
            sys.exit(0)
        fail(parser, message)

    # This process does nothing else.
    setattr(argparse.ArgumentParser, "parse_known_args", stop)  # noqa: B010 - mypy knows the method as another type
    setattr(argparse.ArgumentParser, "error", forgive)  # noqa: B010 - as above
    found = importlib.import_module(f"{module}.__main__" if (ROOT / module / "__main__.py").exists() else module)
    sys.argv = [f"python -m {arguments[1]}", *arguments[2:]]
    main = getattr(found, "main", None)
    if main is None:
        return 0
    code: int = main() if module.startswith("tests.bench.") else main(arguments[2:])
    return code


def aws(arguments: list[str]) -> int:
    """`aws <service> <operation> --option …`: whether AWS has the operation, and it these options."""
    print(1)
    if arguments[:2] in (["sso", "login"], ["s3", "sync"], ["s3", "rm"], ["ecr", "wait"], ["ecs", "execute-command"]):
        return 0
    service = botocore.session.get_session().get_service_model({"s3api": "s3"}.get(arguments[0], arguments[0]))
    operations = {botocore.xform_name(name, "-"): name for name in service.operation_names}
    shape = service.operation_model(operations[arguments[1]]).input_shape
    members = shape.members if shape else {}
    known = {f"--{botocore.xform_name(name, '-')}" for name in members} | {"--region", "--query", "--output"}
    unknown = [word for word in arguments if word.startswith("--") and word not in known]
    return sys.exit(f"aws {arguments[0]} {arguments[1]} has no {', '.join(unknown)}") if unknown else 0

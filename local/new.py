"""`python -m local new`: a project of one's own with this program, and later a newer program in it.

The project is a copy, not a package: a Pulumi program is changed by those who use it, and a folder of plain files shows
in a review what a newer version changes. `program.json` keeps what was copied, so that a change of one's own is seen
before it would be lost.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from local.layout import ENVIRONMENTS, Layout, LocalError, read_json, write_json, write_whole
from local.terminal import say

PROJECT_FILE: Final = "Pulumi.yaml"
COPIED: Final = "program.json"
PROGRAM: Final = (
    *(
        "__main__.py",
        "composition.py",
        "ci.py",
        "Makefile",
        "pyproject.toml",
        "requirements.lock",
        "requirements-dev.lock",
    ),
    *(".gitignore", ".gitattributes", "LICENSE", "Pulumi.README.md"),
    *("account", "cli", "components", "docs", "functions", "local", "release", "settings", ".github"),
)
"""What is copied. Not the example, the tests, and the README, which is about this repository."""
NOT_COPIED: Final = (
    ".github/workflows/checks.yml",
    ".github/actions/setup-tests",
    ".github/tools",
    ".github/dependabot.yml",
)
"""What tests this program."""
SHOWN: Final = 5
"""Changed files that a message names."""
NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,19}")
"""It begins the names of what is made in AWS, of which some may have 32 characters."""

STARTER: Final = Path(__file__).parent / "starter"
"""What a new project begins with: a description, an environment's settings, a readme, the application's tests."""


def run(layout: Layout, folder: Path, name: str | None, description: Path | None = None) -> int:
    """Make the project, or bring a newer program into one. Raises LocalError before anything is written.

    `description` is a file with `services` and `sites`, as those of docs/examples; a starter without it.
    """
    if (folder / COPIED).is_file():
        if name is not None or description is not None:
            raise LocalError(
                f"{folder} is a project already: name and description are in {folder / PROJECT_FILE}.\n"
                f"  to bring this program into it:  python -m local new {folder}"
            )
        return _renew(layout, folder)
    if name is None:
        raise LocalError("a new project needs a name:  python -m local new FOLDER --name NAME")
    if not NAME.fullmatch(name):
        raise LocalError(f"the name {name!r} cannot be: expected up to 20 of a-z, 0-9 and -, beginning with a letter")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise LocalError(f"{folder} is not empty: expected a folder that does not exist yet, or is empty")
    services, sites = _described(description or STARTER / "description.yaml")
    _copy(layout, folder, {})
    ours = (layout.root / PROJECT_FILE).read_text(encoding="utf-8")
    about = f"{name}, its services and sites released to one environment as one"
    project = _project(ours, name=name, description=about, services=services, sites=sites)
    write_whole(folder / PROJECT_FILE, project)
    for number, environment in enumerate(ENVIRONMENTS):
        write_whole(folder / f"Pulumi.{environment}.yaml", _stack(name, number))
    write_whole(folder / "ci" / "test", _starter("test"), mode=0o755)
    write_whole(folder / "README.md", _starter("readme").format(name=name))
    say(f"{folder}: the project {name}. Next:")
    say(f"  describe the application in {folder / PROJECT_FILE} (services, sites): docs/adopt.md, step 3")
    first = "" if _is_in_a_repository(folder) else "begin a Git repository there, "
    say(f"  in {folder}: {first}commit it, then:  make setup")
    return 0


def _is_in_a_repository(folder: Path) -> bool:
    """A repository inside another would not be part of that one's commits."""
    command = ["git", "-C", str(folder), "rev-parse", "--is-inside-work-tree"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _renew(layout: Layout, folder: Path) -> int:
    """Bring this version of the program into a project. What is the project's own stays."""
    digests = read_json(folder / COPIED)
    changed = sorted(path for path, digest in digests.items() if _digest(folder / path) not in (digest, None))
    if changed:
        raise LocalError(
            f"{len(changed)} {'file' if len(changed) == 1 else 'files'} of the program would lose changes that were "
            f"made in {folder}: {', '.join(changed[:SHOWN])}{' …' if len(changed) > SHOWN else ''}.\n"
            "  to go on:  keep the changes as a patch, undo them, run this again, apply the patch"
        )
    theirs = (folder / PROJECT_FILE).read_text(encoding="utf-8")
    ours = (layout.root / PROJECT_FILE).read_text(encoding="utf-8")
    project = _project(
        ours,
        name=_line(theirs, "name"),
        description=_line(theirs, "description"),
        services=_default(theirs, "services"),
        sites=_default(theirs, "sites"),
    )
    _copy(layout, folder, digests)
    write_whole(folder / PROJECT_FILE, project)
    say(f"{folder}: the program is that of {layout.root}. To see what is new:  git -C {folder} diff")
    return 0


def _copy(layout: Layout, folder: Path, before: Mapping[str, Any]) -> None:
    """Copy the program's files, and remove those that an older one had."""
    digests = {}
    for path in _program(layout.root):
        if before and path.startswith(".github/") and not (folder / ".github").is_dir():
            continue  # it is at the top of the application's repository
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        shutil.copy(layout.root / path, target, follow_symlinks=False)
        digests[path] = _digest(target)
    for path in before.keys() - digests.keys():
        (folder / path).unlink(missing_ok=True)
    write_json(folder / COPIED, digests)


def _program(root: Path) -> Iterator[str]:
    """Paths of the program's files, as far as git knows them."""
    excluded = [f":(exclude){path}" for path in NOT_COPIED]
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--", *PROGRAM, *excluded], capture_output=True, check=False
    )
    if listed.returncode != 0:
        raise LocalError(f"{root} is no git clone, and what belongs to the program is not known: clone it with git")
    yield from (path for path in listed.stdout.decode().split("\0") if path and (root / path).exists())


def _digest(file: Path) -> str | None:
    if file.is_symlink():
        return f"link to {file.readlink()}"
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None


def _starter(file: str) -> str:
    return (STARTER / file).read_text(encoding="utf-8")


def _stack(name: str, number: int) -> str:
    environment = ENVIRONMENTS[number]
    title = (
        "The first environment: it builds what later ones copy."
        if number == 0
        else f"Promoted from {ENVIRONMENTS[number - 1]}."
    )
    promotes = f"  {name}:promoteFrom: {ENVIRONMENTS[number - 1]}\n  {name}:promoteBranch: main\n" if number else ""
    last = number == len(ENVIRONMENTS) - 1
    text = _starter("environment").format(title=title, name=name, environment=environment, promotes=promotes)
    return text + (f"  {name}:protect: true\n" if last else "")


def _project(text: str, *, name: str, description: str, services: str, sites: str) -> str:
    """A Pulumi.yaml with the declarations of another one, and a project's own name and application."""
    for key, value in (("name", name), ("description", description)):
        text = text.replace(f"{key}: {_line(text, key)}\n", f"{key}: {value}\n", 1)
    for key, block in (("services", services), ("sites", sites)):
        text = text.replace(_default(text, key), block, 1)
    return text


def _described(file: Path) -> tuple[str, str]:
    """The lines of `services` and of `sites`, as Pulumi.yaml has them. Whether they are right, `describe` says."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LocalError(f"{file} cannot be read: {error}") from error
    blocks: dict[str, list[str]] = {}
    for line in lines:
        if re.match(r"(services|sites):\s*(#.*)?$", line):
            blocks[line.partition(":")[0]] = []
        elif blocks and (not line.strip() or line.startswith(" ")):
            blocks[list(blocks)[-1]].append(line)
        elif line.strip() and not line.startswith("#"):
            raise LocalError(f"{file}: {line!r}: expected `services:` and `sites:`, their entries on the lines below")
    if blocks.keys() != {"services", "sites"} or not all("".join(block).strip() for block in blocks.values()):
        raise LocalError(f"{file}: expected `services:` and `sites:`, each with an entry or more on the lines below")
    indented = {key: textwrap.indent("\n".join(block).strip("\n") + "\n", "    ") for key, block in blocks.items()}
    return indented["services"], indented["sites"]


def _line(text: str, key: str) -> str:
    line = re.search(rf"(?m)^{key}: (.*)$", text)
    if line is None:
        raise LocalError(f"{PROJECT_FILE} has no line `{key}: …`: expected one, as this program wrote it")
    return line[1]


def _default(text: str, key: str) -> str:
    """The lines below `config: <key>: default:`, as they are written."""
    block = re.search(rf"(?m)^  {key}:\n(?:    .*\n)*?    default:\n((?:      .*\n|\s*\n(?=      ))+)", text)
    if block is None:
        raise LocalError(f"{PROJECT_FILE} has no `default:` with lines below it for `{key}`, as this program wrote it")
    return block[1]

"""Keep the built files of every site of the settings in one file, or put them where the settings say that they are.

The job that builds them hands it to the one that releases them; hidden files are in it, too. After --load the file is
removed: a build of the folder around it would read it.

Exit status: 0 done, 1 a site is not built or the file is damaged, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import os
import tarfile
from pathlib import Path

from cli import YES
from cli.errors import VerbError
from cli.version import describe_files


def add(parser: argparse.ArgumentParser) -> None:
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--save", metavar="FILE", type=Path, help="keep them here")
    way.add_argument("--load", metavar="FILE", type=Path, help="put back what is kept here")


def run(options: argparse.Namespace) -> int:
    root = Path.cwd()
    folders = {
        name: Path(os.path.normpath(root / site.folder))
        for name, site in describe_files(root).sites.items()
        if site.folder
    }
    try:
        if options.save is not None:
            _save(options.save, folders)
        else:
            _load(options.load, folders)
    except OSError as error:
        raise VerbError(f"{error.filename} cannot be read or written: {error.strerror}") from error
    return YES


def _save(file: Path, folders: dict[str, Path]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, "w") as archive:
        for name, folder in folders.items():
            files = sorted(path for path in folder.rglob("*") if path.is_file())
            if not files:
                raise VerbError(f"the site {name} is not built: there is no file in {folder}")
            for path in files:
                # What a link leads to is the site's content; where it leads differs between machines.
                archive.add(path.resolve(), f"{name}/{path.relative_to(folder).as_posix()}", recursive=False)
            print(f"{name}: {len(files)} files of {folder}")


def _load(file: Path, folders: dict[str, Path]) -> None:
    try:
        with tarfile.open(file) as archive:
            for name, folder in folders.items():
                members = [member for member in archive if member.name.startswith(f"{name}/")]
                if not members:
                    raise VerbError(
                        f"{file} has no files of the site {name}: was it made with the settings of this commit?"
                    )
                for member in members:
                    archive.extract(member.replace(name=member.name.removeprefix(f"{name}/")), folder, filter="data")
                print(f"{name}: {len(members)} files in {folder}")
    except tarfile.TarError as error:
        raise VerbError(f"{file} is no file of `python -m ci sites --save FILE`: {error}") from error
    file.unlink()

"""Substitutes for public images of languages: a small Debian (or Ubuntu) from this machine's own package sources.

mmdebstrap makes it with the machine's apt: its mirrors, keys and proxy. The version of a language is the one that the
sources have, which may be another than the public image's: the line that announces a substitute says which.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO

from local import packages, preflight
from local.docker import substitute
from local.docker.substitute import Substitute
from local.layout import LocalError
from local.terminal import Say

APT = Path("/etc/apt")
OS_RELEASE = Path("/etc/os-release")
TOOL = "mmdebstrap"
UNNEEDED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CHANGES = (f"ENV PATH={_PATH}", "ENV LANG=C.UTF-8", f"ENV PIP_CERT={substitute.CERTIFICATES}")
_OF_LIBSTDCXX = {"libdl", "libstdc++", "libm", "libgcc_s", "libpthread", "libc"}
"""Libraries that come with the package libstdc++6 and what it depends on."""
_USER_NODE = (
    'chroot "$1" groupadd --gid 1000 node; '
    'chroot "$1" useradd --uid 1000 --gid node --shell /bin/bash --create-home node'
)
"""As in the public image, where many a Dockerfile ends with `USER node`:
https://github.com/nodejs/docker-node/blob/main/Dockerfile-slim.template"""
_AS_THE_PUBLIC_IMAGE = 'ln -sf python3 "$1/usr/bin/python"; rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED'
"""The public image calls its Python `python`, and its pip installs without a virtual environment."""


def describe_python(_image: str) -> Substitute:
    names = ["python3", "python3-pip", "python3-venv"]
    return Substitute(
        family="python",
        contents=f"this machine's package python3 {_candidate('python3')}",
        changes=[*_CHANGES, 'CMD ["python3"]'],
        write=lambda file, say: _write(file, say, names, [_AS_THE_PUBLIC_IMAGE]),
    )


def describe_debian(_image: str) -> Substitute:
    return Substitute(
        family="debian",
        contents=f"this machine's package base-files {_candidate('base-files')}",
        changes=[*_CHANGES, 'CMD ["bash"]'],
        write=lambda file, say: _write(file, say, [], []),
    )


def describe_node(_image: str) -> Substitute:
    """The machine's own Node.js, which `make up` needs in any case, on a Debian of its release."""
    node, npm = _program("node"), _program("npm").parents[1]
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    linked = subprocess.run(["ldd", node], capture_output=True, text=True, check=False).stdout
    if foreign := set(re.findall(r"^\s*(lib[\w+-]+)\.", linked, re.MULTILINE)) - _OF_LIBSTDCXX:
        raise LocalError(f"{node} needs {', '.join(sorted(foreign))}, which a small Debian does not have")
    return Substitute(
        family="node",
        contents=f"this machine's Node.js {version.removeprefix('v')} with the user node",
        changes=[*_CHANGES, f"ENV NODE_EXTRA_CA_CERTS={substitute.CERTIFICATES}", 'CMD ["node"]'],
        write=lambda file, say: _write(
            file,
            say,
            ["libstdc++6"],
            [
                f"upload {node} /usr/local/bin/node",
                'chmod 755 "$1/usr/local/bin/node"; mkdir -p "$1/usr/local/lib/node_modules"',
                f"copy-in {npm} /usr/local/lib/node_modules",
                'for name in npm npx; do ln -s ../lib/node_modules/npm/bin/$name-cli.js "$1/usr/local/bin/$name"; done',
                _USER_NODE,
            ],
        ),
    )


def _program(name: str) -> Path:
    path = shutil.which(name)
    if path is None:
        raise LocalError(f"`{name}` is not on PATH")
    return Path(path).resolve()


RECIPES: Mapping[str, Callable[[str], Substitute]] = {
    "python": describe_python,
    "node": describe_node,
    "debian": describe_debian,
}


def _candidate(package: str) -> str:
    """The version that the machine's package sources have. Raises LocalError."""
    if not preflight.installable():
        raise LocalError("only Debian and Ubuntu have packages that a substitute can be made from")
    for _ in range(2):
        command = ["apt-cache", "policy", package]
        shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        match = re.search(r"Candidate: (\S+)", shown)
        if match and match[1] != "(none)":
            return match[1]
        packages.update()
    raise LocalError(f"this machine's package sources have no {package}: see {APT}/sources.list")


def _write(file: IO[bytes], say: Say, names: list[str], finish: list[str]) -> None:
    """Write the file system as a tar. Raises LocalError."""
    if shutil.which(TOOL) is None:
        packages.install([TOOL], say, needed_by="a base image that cannot be pulled")
    command = [
        TOOL,
        "--quiet",
        "--variant=minbase",
        "--format=tar",
        f"--include={','.join([*names, 'ca-certificates'])}",
    ]
    command += ["--dpkgopt=force-unsafe-io"]  # it is packed at once
    command += [f"--dpkgopt=path-exclude={path}" for path in UNNEEDED]
    command += [f"--customize-hook=upload {substitute.certificates()} {substitute.CERTIFICATES}"]
    command += [f"--customize-hook={hook}" for hook in finish]
    with tempfile.TemporaryFile("w+") as log:
        done = subprocess.run([*command, "", "-", *sources(APT, _codename())], stdout=file, stderr=log, check=False)
        log.seek(0)
        if done.returncode != 0:
            tail = "".join(f"\n  {line}" for line in log.read().splitlines()[-12:])
            raise LocalError(f"{TOOL} ended with {done.returncode}:{tail}")


def _codename() -> str:
    match = re.search(r"^VERSION_CODENAME=(\S+)$", OS_RELEASE.read_text(), re.MULTILINE)
    if match is None:
        raise LocalError(f"{OS_RELEASE} has no VERSION_CODENAME, which says which packages belong to this machine")
    return match[1].strip('"')


def sources(apt: Path, codename: str) -> Iterator[str]:
    """The files of package sources that are about this release of the distribution."""
    files = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]
    for path in files:
        if path.suffix in (".list", ".sources") and path.is_file():
            lines = [
                line for line in path.read_text(errors="replace").splitlines() if not line.lstrip().startswith("#")
            ]
            if any(re.search(rf"(?<![\w-]){re.escape(codename)}\b", line) for line in lines):
                yield str(path)

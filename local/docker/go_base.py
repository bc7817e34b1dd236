"""A substitute for the public Go image: this machine's own Go, its certificates, and how it fetches modules."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from local import packages, preflight
from local.docker import substitute
from local.docker.buildkit import of_root
from local.docker.substitute import Substitute
from local.layout import LocalError
from local.terminal import Say

UNNEEDED = frozenset({"api", "doc", "misc", "test"})
"""Folders of a Go installation that no build reads."""
_OF_MODULES = ("GOPROXY", "GOSUMDB", "GOPRIVATE", "GONOPROXY", "GONOSUMDB", "GOINSECURE")
"""Where `go` fetches modules from (`go help environment`): the same in the image as on this machine."""
_FIXED = {
    "PATH": "/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "GOROOT": "/usr/local/go",
    "GOTOOLCHAIN": "local",
    "CGO_ENABLED": "0",
    "HOME": "/root",
}


_ACCOUNTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\nnobody:x:65534:\n",
}
"""Those of the public images that a Dockerfile names, or copies from a stage of the build: Debian's base-passwd has the
group nogroup, Alpine's alpine-baselayout the group nobody, both with this number. Without the files, `USER root` fails.
"""
BUSYBOX = Path("/bin/busybox")
"""The program of Debian's package busybox-static: a shell and the usual commands in one, as Alpine's images have it."""


def describe(_image: str) -> Substitute:
    settings = _settings()
    shell = BUSYBOX.exists() or (preflight.installable() and os.getuid() == 0)
    root = Path(settings["GOROOT"])
    # A password in an address would be readable in the image.
    modules = {name: settings[name] for name in _OF_MODULES if settings.get(name) and "@" not in settings[name]}
    return Substitute(
        family="golang",
        contents=f"this machine's Go {settings['GOVERSION'].removeprefix('go').split()[0]}"
        + (" with BusyBox as its shell" if shell else " without a shell")
        + ", with the users root and nobody",
        changes=[f"ENV {name}={json.dumps(value)}" for name, value in {**_FIXED, **modules}.items()],
        write=lambda file, say: _pack(root, file, _commands(say) if shell else ()),
    )


def _settings() -> dict[str, str]:
    names = ["GOROOT", "GOVERSION", *_OF_MODULES]
    try:
        done = subprocess.run(["go", "env", "-json", *names], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise LocalError(f"`go env` does not answer: {error}") from error
    return {name: str(value) for name, value in json.loads(done.stdout).items()}


def _commands(say: Say) -> Sequence[str]:
    """Names of the commands that BusyBox is, `sh` among them. Installs it where it is missing; raises LocalError."""
    if not BUSYBOX.exists():
        packages.install(["busybox-static"], say, needed_by="a shell beside Go in the image")
    listed = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split() if name != BUSYBOX.name]


def _pack(root: Path, file: IO[bytes], commands: Sequence[str]) -> None:
    """A tar of /usr/local/go, /root, /tmp, the certificates and the commands. `go` is a static program."""
    with tarfile.open(fileobj=file, mode="w") as tar:
        for path, mode in (("tmp", 0o1777), ("root", 0o700)):
            folder = tarfile.TarInfo(path)
            folder.type, folder.mode = tarfile.DIRTYPE, mode
            tar.addfile(folder)
        if commands:
            tar.add(BUSYBOX, arcname="bin/busybox", filter=of_root)
        for name in commands:
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        certificates = {substitute.CERTIFICATES.lstrip("/"): substitute.certificates().read_bytes()}
        for path, content in {**certificates, **{name: text.encode() for name, text in _ACCOUNTS.items()}}.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), 0o644
            tar.addfile(entry, io.BytesIO(content))
        for item in needed(root):
            tar.add(item, arcname=f"usr/local/go/{item.relative_to(root)}", recursive=False, filter=of_root)


def needed(root: Path) -> Iterator[Path]:
    """The folders and files of a Go installation that a build reads."""
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if name != "testdata" and not (here == root and name in UNNEEDED))
        yield from (here / name for name in [*folders, *sorted(files)])

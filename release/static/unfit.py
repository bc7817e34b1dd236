"""Files of a build that no visitor is to get: what they are, by their names and by what they hold. Pure.

What an operating system leaves in folders is left out of a release without a word. What may hold a secret, or is not
the file that it stands for, is refused, unless somebody allowed it by name.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from release import escaping
from release.static.errors import ManifestError

MAX_NAMED: Final = 5
"""Unfit files that are named in one message; the others are counted."""

_LEFT_OUT: Final = {".ds_store", "desktop.ini", "thumbs.db"}

_VERSION_CONTROL: Final = "version control"
_VARIABLES: Final = "environment variables"
_KEY: Final = "a private key"
_KEY_STORE: Final = "it keeps private keys"
_CREDENTIALS: Final = "credentials"
_STATE: Final = "values of an infrastructure, secrets too"

_PARTS: Final[Mapping[str, str]] = {
    **dict.fromkeys((".bzr", ".git", ".hg", ".svn"), _VERSION_CONTROL),
    **dict.fromkeys((".gnupg", ".ssh"), _KEY_STORE),
    **dict.fromkeys((".aws", ".azure", ".docker", ".kube", ".oci"), _CREDENTIALS),
    ".terraform": _STATE,
}
"""Names of files and of folders, all with a point first: in a worktree or a submodule, `.git` is a file."""
_NAMES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("id_dsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "id_rsa"), _KEY),
    **dict.fromkeys(
        (
            ".boto",
            ".dockercfg",
            ".git-credentials",
            ".htpasswd",
            ".my.cnf",
            ".netrc",
            ".npmrc",
            ".pgpass",
            ".pypirc",
            ".s3cfg",
            ".vault-token",
            ".yarnrc.yml",
            "_netrc",
        ),
        _CREDENTIALS,
    ),
    "terraform.tfstate.backup": _STATE,
}
_EXTENSIONS: Final[Mapping[str, str]] = {
    **dict.fromkeys((".key", ".p8", ".pem", ".ppk"), _KEY),
    **dict.fromkeys((".jks", ".kdbx", ".keystore", ".p12", ".pfx"), _KEY_STORE),
    **dict.fromkeys((".tfstate", ".tfvars"), _STATE),
}
_POINTER: Final = "a pointer of Git LFS in place of the file: run git lfs pull before the build"
_BEGINNING: Final = re.compile(
    # "The first line ... version", the specification of Git LFS: what `git lfs pull` replaces by the file.
    rb"(?P<pointer>version https://git-lfs\.github\.com/spec/)"
    # "Textual Encodings of PKIX, PKCS, and CMS Structures", RFC 7468; OpenSSH and OpenPGP label theirs alike.
    rb"|(?:\xef\xbb\xbf)?\s*-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
    rb"|PuTTY-User-Key-File-"
)
_MAY_HOLD_KEYS: Final = {
    "",
    *(".asc", ".bak", ".cer", ".cert", ".cfg", ".cnf", ".conf", ".config", ".crt", ".csv", ".ini", ".json", ".log"),
    *(".old", ".orig", ".out", ".properties", ".toml", ".txt", ".xml", ".yaml", ".yml"),
}
"""Extensions of text that programs read. Pages and scripts are not among them: many explain keys, or read them."""
_KEY_INSIDE: Final = re.compile(
    # On a line of its own, or the value of something, with new lines as JSON writes them; not an example with dots.
    rb"""(?m)(?:^[ \t]*|["'>=])-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:\s|\\[nr])+"""
    rb"""(?:[A-Za-z-]+: [^\n\\]*(?:\n|\\[nr])(?:\s|\\[nr])*)*[A-Za-z0-9+/]{40}"""
)


def left_out(name: str) -> bool:
    """Whether `name`, without folders, is what Finder or Explorer leave in folders; `._*` are AppleDouble files."""
    return name.startswith("._") or name.lower() in _LEFT_OUT


def by_name(path: str) -> str | None:
    """Why a file with this path is unfit; None if its name says nothing."""
    *_, name = parts = path.lower().split("/")
    if "/." in f"/{path}":
        for part in parts:
            if part.startswith(".env"):
                return _VARIABLES
            if part in _PARTS:
                return _PARTS[part]
    _, dot, extension = name.rpartition(".")
    return _NAMES.get(name) or _EXTENSIONS.get(dot + extension)


def by_content(path: str, head: bytes) -> str | None:
    """Why a file is unfit that begins with `head`, its first MiB; None if its content says nothing."""
    if match := _BEGINNING.match(head):
        return _POINTER if match["pointer"] else _KEY
    _, dot, extension = path.rpartition("/")[2].lower().rpartition(".")
    may_hold_one = b"PRIVATE KEY" in head and (dot + extension if dot else "") in _MAY_HOLD_KEYS
    return _KEY if may_hold_one and _KEY_INSIDE.search(head) else None


def faults(unfit: Mapping[str, str], allowed: Collection[str], allowance: str) -> Iterator[ManifestError]:
    """Of the files that are `unfit` (path to reason): those not among the `allowed` paths, and needless ones of these.

    `allowance` is where somebody allows a path.
    """
    refused = sorted(path for path in unfit if path not in allowed)
    if refused:
        named = "; ".join(f"{escaping.line(path)} ({unfit[path]})" for path in refused[:MAX_NAMED])
        more = f"; and {len(refused) - MAX_NAMED} more" if len(refused) > MAX_NAMED else ""
        yield ManifestError(
            f"the build has files that are not for visitors: {named}{more}. Take them out of it; what is public on "
            f"purpose is allowed by its path, here {escaping.line(refused[0])}, with {allowance}"
        )
    needless = sorted(path for path in allowed if path not in unfit)
    if needless:
        yield ManifestError(
            f"{allowance} names {', '.join(map(escaping.line, needless))}, which the build does not have, or which "
            "needs no permission: take it out"
        )

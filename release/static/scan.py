"""The files of a folder: their paths, checked, and what each holds, read once."""

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

from release import escaping
from release.static import unfit
from release.static.errors import ManifestError

MAX_PATH_BYTES: Final = 1024
"""S3's limit of an object's key, in bytes of UTF-8."""
MAX_FILE_BYTES: Final = 5 * 1024**3
"""S3's limit of what one PutObject or CopyObject moves."""
PIECE_BYTES: Final = 1024 * 1024

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\ufffe\uffff]")
"""Also what XML 1.0, section 2.2, has no way to write: DeleteObjects sends names in it."""


def paths(folder: str, root: str, faults: list[ManifestError], prefix: str = "") -> Iterator[str]:
    """The paths of all files below `folder`, which lies in `root`; not those that `unfit` leaves out.

    Adds to `faults` a name that S3 does not take, and a link that leads out of `root`. Raises OSError.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            path = prefix + entry.name
            try:
                _check_entry(path, entry, root)
            except ManifestError as error:
                faults.append(error)
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from paths(entry.path, root, faults, path + "/")
            elif not unfit.left_out(entry.name):
                yield path


def clashes(paths: Iterable[str]) -> Iterator[ManifestError]:
    """A fault for two paths that are one on some machines, as macOS and Windows know no case."""
    seen: dict[str, str] = {}
    for path in paths:
        form = path.lower() if path.isascii() else _without_case(path)
        other = seen.setdefault(form, path)
        if other is not path:
            same = unicodedata.normalize("NFC", path) == unicodedata.normalize("NFC", other)
            yield ManifestError(
                f"{other!a} and {path!a} differ only {'in Unicode form (NFC, NFD)' if same else 'in case'}: on other "
                "machines they are one file, and visitors take one for the other; rename one, or remove it"
            )


def read(folder: str, path: str) -> tuple[int, str, bytes]:
    """Size in bytes, SHA-256 in hexadecimal digits, and the first piece of a file's content.

    Raises ManifestError for a file that is larger than S3 takes, or that changes meanwhile; OSError.
    """
    opened = os.open(f"{folder}/{path}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        before = os.fstat(opened)
        size = before.st_size
        if size > MAX_FILE_BYTES:
            raise ManifestError(
                f"{path} is {size} bytes; one file of a site may have {MAX_FILE_BYTES} bytes at most (S3)"
            )
        # One byte more than there is: a small file and its end cost one call.
        head = piece = os.read(opened, min(size + 1, PIECE_BYTES))
        content = hashlib.sha256(head)
        length = len(head)
        while piece and length < size:
            piece = os.read(opened, PIECE_BYTES)
            content.update(piece)
            length += len(piece)
        after = os.fstat(opened)
    finally:
        os.close(opened)
    if length != size or (after.st_size, after.st_mtime_ns) != (size, before.st_mtime_ns):
        raise ManifestError(f"{path} changed while it was read: something builds meanwhile; run again")
    return size, content.hexdigest(), head


def _without_case(text: str) -> str:
    """As "Canonical Caseless Matching" compares: chapter 3.13 of the Unicode Standard."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", text).casefold())


def _check_entry(path: str, entry: os.DirEntry[str], root: str) -> None:
    _check_path(path)
    if entry.is_symlink():
        _check_link(path, entry.path, root)
    elif not entry.is_dir() and not entry.is_file():
        raise ManifestError(f"{path} is neither a file nor a folder; remove it from the build")


def _check_link(path: str, link: str, root: str) -> None:
    # Not `Path.resolve`, which raises RuntimeError for links that lead to each other.
    target = os.path.realpath(link)
    shown = escaping.line(target)
    if not f"{target}/".startswith(f"{root.rstrip('/')}/"):
        raise ManifestError(
            f"{path} is a link to {shown}, outside of {root}; a release holds what was built and nothing else: copy "
            "the file into the build, or remove the link"
        )
    if not os.path.isfile(target):  # noqa: PTH113 - a path object for each of thousands of files takes its time
        raise ManifestError(f"{path} is a link to {shown}, which is no file: copy it, or remove the link")


def _check_path(path: str) -> None:
    try:
        length = len(path) if path.isascii() else len(path.encode())
    except UnicodeEncodeError:
        raise ManifestError(f"{path!a} is not UTF-8, which S3 requires of a key; rename the file") from None
    if length > MAX_PATH_BYTES:
        raise ManifestError(f"{path} is {length} bytes long; S3 takes {MAX_PATH_BYTES} bytes at most: shorten it")
    if "+" in path:  # "Naming Amazon S3 objects", Amazon S3 User Guide: browsers send it as it is
        raise ManifestError(
            f"{path} has a + in its name, which S3 reads as a space when a browser asks for it: it is not found; "
            "rename it, or have the bundler name its files without +"
        )
    if _CONTROL.search(path):
        raise ManifestError(f"{path!a} has a control character in its name; rename the file")

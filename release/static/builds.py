"""From the folder of a build to its manifest; or all that is wrong with it."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from functions import strict_json
from functions.strict_json import DamagedError
from release import escaping
from release.static import scan, unfit
from release.static.content import CONFIG, ENTRY, VERSION, cache_class, content_type, glob_problem
from release.static.errors import ManifestError, NotBuiltError
from release.static.manifest import VERSIONS, File, Manifest, SiteVersion
from settings.site_build import HASHED, Pages

if TYPE_CHECKING:
    from settings.site import Site

_MAX_VERSION_FILE_BYTES: Final = 64 * 1024
_MAX_FAULTS: Final = 20
"""That are named in one message; the others are counted."""


@dataclass(frozen=True)
class Built:
    version: SiteVersion


@contextmanager
def _readable() -> Iterator[None]:
    """A file that vanishes or cannot be read is a NotBuiltError that names it."""
    try:
        yield
    except OSError as error:
        name = escaping.line(str(error.filename))
        raise NotBuiltError(f"{name} cannot be read ({error.strerror})") from error


def check_is_folder(path: Path) -> None:
    """Raises NotBuiltError for what is none."""
    if not path.is_dir():
        raise NotBuiltError(f"{path} is not a folder")


@_readable()
def from_folder(
    folder: Path,
    *,
    version: str | None = None,
    allowed: Collection[str] | None = (),
    allowance: str = "--publish",
    config_is_written: bool = True,
    pages: Pages = "single",
    hashed: tuple[str, ...] = HASHED,
    other_origins: Collection[str] = (),
) -> Manifest:
    """The manifest of a built site; files are read in pieces, each once.

    `version` is what it was built from, by default what its version.json says. `allowed` are the paths of unfit files
    that are public on purpose, which somebody says with `allowance`; None takes any, for a folder that was held to them
    before. With `config_is_written` the site's config.json is written for each environment, and may not be part of the
    build. `hashed` are the globs of `content.cache_class`, `other_origins` the patterns of `pages.problems`.

    Raises ManifestError for anything else, with all that is wrong with the folder.
    """
    check_globs(hashed)
    check_is_folder(folder)
    faults: list[ManifestError] = []
    paths = sorted(scan.paths(str(folder), str(folder.resolve()), faults))
    if not paths and not faults:
        raise NotBuiltError(f"{folder} is empty")
    are_paths_sound = not faults
    present = set(paths)
    if ENTRY not in present:
        faults.append(NotBuiltError(f"{folder} has no {ENTRY}, so there is no page to show"))
    if config_is_written and CONFIG in present:
        faults.append(
            ManifestError(
                f"{folder} has a {CONFIG}; a release writes that file for each environment from its settings: "
                "take it out of the build (out of `public/`, say)"
            )
        )
    built_from = _version(folder, version, present, faults)
    faults += scan.clashes(paths)
    unfit_paths = {path: reason for path in paths if (reason := unfit.by_name(path))}
    files = []
    for path in paths:
        if path in unfit_paths and allowed is not None and path not in allowed:
            continue  # it is refused, and perhaps a secret
        try:
            size, sha256, head = scan.read(str(folder), path)
        except ManifestError as error:
            faults.append(error)
            continue
        if reason := unfit.by_content(path, head):
            unfit_paths[path] = reason
        files.append(
            File(
                path=path,
                size=size,
                sha256=sha256,
                content_type=content_type(path, head),
                cache=cache_class(path, hashed),
            )
        )
    if allowed is not None:
        faults += unfit.faults(unfit_paths, allowed, allowance)
    manifest = Manifest(version=built_from, files=tuple(files), pages=pages)
    if faults and are_paths_sound:
        faults += _page_faults(folder, present, pages, other_origins, config_is_written=config_is_written)
    _check(faults)
    return manifest


def _version(folder: Path, version: str | None, present: Collection[str], faults: list[ManifestError]) -> str:
    """What the build was built from; empty where that is a fault."""
    if version is not None:
        if VERSIONS.fullmatch(version):
            return version
        faults.append(
            ManifestError(
                f"the version is {version!r}, expected 1 to 128 letters, digits, points, _ and -, a letter or "
                "digit first, for example a Git SHA"
            )
        )
    elif VERSION in present:
        try:
            return _read_version(folder / VERSION)
        except ManifestError as error:
            faults.append(error)
    else:
        faults.append(NotBuiltError(f"{folder} has no {VERSION}, so nothing says what it was built from"))
    return ""


def _page_faults(
    folder: Path, paths: Collection[str], pages: Pages, other_origins: Collection[str], *, config_is_written: bool
) -> Iterator[ManifestError]:
    from release.static.pages import problems  # noqa: PLC0415 - a release that changes nothing has no use for a parser of HTML

    served = {*paths, *([CONFIG] if config_is_written else [])}
    return map(NotBuiltError, problems(folder, served, pages, other_origins))


def _check(faults: Sequence[ManifestError]) -> None:
    """Raises one ManifestError with all faults; a NotBuiltError where another build would mend them all."""
    if len(faults) == 1:
        raise faults[0]
    if faults:
        kind = NotBuiltError if all(isinstance(fault, NotBuiltError) for fault in faults) else ManifestError
        more = [f"and {len(faults) - _MAX_FAULTS} more"] if len(faults) > _MAX_FAULTS else []
        raise kind("\n  ".join((f"the build has {len(faults)} faults:", *map(str, faults[:_MAX_FAULTS]), *more)))


@_readable()
def check_pages(
    folder: Path, manifest: Manifest, other_origins: Collection[str] = (), *, config_is_written: bool = True
) -> None:
    """Raises NotBuiltError if a page of the build cannot be shown with what is in it. Reads every page."""
    paths = {file.path for file in manifest.files}
    _check([*_page_faults(folder, paths, manifest.pages, other_origins, config_is_written=config_is_written)])


def check_globs(hashed: Collection[str]) -> None:
    """Raises ManifestError for a glob that can match no file of a build."""
    for glob in hashed:
        if problem := glob_problem(glob):
            raise ManifestError(f"hashed names {escaping.line(glob) or repr(glob)}: {problem}")


def of_build(folder: Path, version: str, site: "Site", service_paths: Collection[str]) -> Manifest:
    """The manifest of the site that `built_as` takes. Raises ManifestError with the command that builds it."""
    try:
        # As people write it: relative to the project, a folder beside that is /…/deploy/../web/dist.
        return built_as(folder.parent.resolve() / folder.name, version, site, service_paths)
    except NotBuiltError as error:
        raise ManifestError(f"{error}; to build it:  python -m release build") from error


def built_as(folder: Path, version: str, site: "Site", service_paths: Collection[str]) -> Manifest:
    """The manifest of a site of the settings, whose folder was built as `version`. The services have `service_paths`.

    Raises ManifestError for another one as well, and for one whose pages cannot be shown with what is in it.
    """
    built = from_folder(
        folder,
        allowed=site.publish,
        allowance="publish of the site in the settings",
        pages=site.page_mode,
        hashed=site.hashed,
        other_origins=service_paths,
    )
    if built.version != version:
        raise NotBuiltError(f"{folder} was built from {built.version}, and {version} is to be released")
    check_pages(folder, built, service_paths)
    return built


def version_of(folder: Path) -> str | None:
    """What the folder's version.json says; None where that is nothing, which `from_folder` refuses."""
    try:
        return _read_version(folder / VERSION)
    except (ManifestError, OSError):
        return None


def _read_version(file: Path) -> str:
    with file.open("rb") as opened:
        text = opened.read(_MAX_VERSION_FILE_BYTES)
    try:
        return strict_json.read(Built, strict_json.decode(text)).version
    except DamagedError as error:
        raise NotBuiltError(f'{file} must hold {{"version": "<git sha>"}}, not {text[:80]!r} ({error})') from error

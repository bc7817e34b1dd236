"""The proof of an activation: what visitors get, through the CDN, is the release.

It proves the edge that answered, which is one of many, and says so. It does not prove that the page renders: no script
of it is run.
"""

import hashlib
import time
import uuid
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from urllib.parse import quote

from functions import strict_json
from functions.strict_json import DamagedError
from release import http, progress
from release.progress import Say
from release.static import pages
from release.static.builds import Built
from release.static.content import ENTRY, NOT_FOUND, VERSION
from release.static.errors import StaticReleaseError
from release.static.manifest import File, Manifest
from release.static.store import Site
from release.version import short

READ_BACK_INTERVAL_S: Final = 1.0
TIMEOUT_S: Final = 10.0
MAX_BODY_BYTES: Final = 16 * 1024 * 1024
"""Of a larger file, only the head of the answer is asked for."""
PARALLEL: Final = 8

Fetch = Callable[[str, str], http.Response]
"""The answer to a method (GET, HEAD) for a URL. Raises http.HttpError."""


def check_address(site: Site) -> None:
    """Raises StaticReleaseError if the host of the site's address is none. What it answers is not looked at."""
    try:
        _fetcher(site)("HEAD", site.url or "")
    except http.UnknownNameError as error:
        raise StaticReleaseError(f"{error}; is {site.url} the address of the site?") from error
    except http.HttpError:
        return  # it may be there when the site is


def read_back(*, site: Site, manifest: Manifest, say: Say, deadline_s: float, fetch: Fetch | None = None) -> None:
    """Waits until the public address of `site`, which has one, serves `manifest`, else StaticReleaseError.

    That is its version.json, its entry page, and every file of the site that this page has a browser load; of a site of
    many pages whose paths the edge knows, also what a path gets that is none of them.
    """
    url = site.url or ""
    fetch = fetch or _fetcher(site)
    news = progress.Changes(say)
    end = time.monotonic() + deadline_s
    while reason := _miss(fetch, url, manifest, site.other_origins) or (
        _not_found_miss(fetch, url, manifest) if site.routes else None
    ):
        left_s = end - time.monotonic()
        if left_s <= 0:
            raise StaticReleaseError(
                f"{site.url} does not serve {short(manifest.version)} after {deadline_s:.0f} s: {reason}; "
                f"look at the distribution {site.distribution_id} and at s3://{site.bucket}"
            )
        news(f"not yet served: {reason}", f"; gives up in {left_s:.0f} s")
        time.sleep(READ_BACK_INTERVAL_S)
    bare = site.routes and manifest.pages == "multi" and _not_found(manifest) is None
    note = f"; the build has no {NOT_FOUND}, so a path that is no page gets the bucket's 404" if bare else ""
    say(f"{site.url} serves {short(manifest.version)} (one edge of the CDN was asked){note}")


def _miss(fetch: Fetch, url: str, manifest: Manifest, other_origins: Collection[str]) -> str | None:
    """Why the site is not yet the release; None if it is."""
    base = url.rstrip("/")
    files = {file.path: file for file in manifest.files}
    stamp = files.get(VERSION)
    try:
        if stamp is not None:  # a build need not have one that was published with a version
            answer = fetch("GET", f"{base}/{VERSION}")
            if answer.status != 200:
                return f"/{VERSION} answered {http.firewalled(answer) or answer.status}"
            if hashlib.sha256(answer.body).hexdigest() != stamp.sha256:
                return f"/{VERSION} says {_version(answer.body) or repr(answer.body[:80])}"
        answer = fetch("GET", base + "/")
    except http.HttpError as error:
        return str(error)
    if answer.status != 200:
        return f"/ answered {http.firewalled(answer) or answer.status}"
    if hashlib.sha256(answer.body).hexdigest() != files[ENTRY].sha256:
        return f"/ is another page than the {ENTRY} of this release"
    # One that the manifest does not have was not in its build either, and older releases were not held to that.
    needed = sorted(pages.needed_by_entry(answer.body, files, manifest.pages, other_origins))
    with ThreadPoolExecutor(PARALLEL) as pool:
        return next(filter(None, pool.map(lambda path: _file_miss(fetch, base, files[path]), needed)), None)


def _not_found_miss(fetch: Fetch, url: str, manifest: Manifest) -> str | None:
    """Why a path of which there is no file does not get the answer that it should; None if it does."""
    if manifest.pages == "single":
        return None
    path = f"/{uuid.uuid4().hex}"
    try:
        answer = fetch("GET", url.rstrip("/") + path)
    except http.HttpError as error:
        return f"{path}: {error}"
    if answer.status != 404:
        return f"{path}, which is no page, answered {http.firewalled(answer) or answer.status}, expected 404"
    page = _not_found(manifest)
    if page is not None and hashlib.sha256(answer.body).hexdigest() != page.sha256:
        return f"{path}, which is no page, got another answer than the {NOT_FOUND} of this release"
    return None


def _not_found(manifest: Manifest) -> File | None:
    return next((file for file in manifest.files if file.path == NOT_FOUND), None)


def _file_miss(fetch: Fetch, base: str, file: File) -> str | None:
    """Why a file that the entry page needs is not served as the manifest has it; None if it is."""
    path = "/" + quote(file.path)
    whole = file.size <= MAX_BODY_BYTES
    try:
        answer = fetch("GET" if whole else "HEAD", base + path)
    except http.HttpError as error:
        return f"{path}: {error}"
    if answer.status != 200:
        return f"{path}, which the page needs, answered {http.firewalled(answer) or answer.status}"
    content_type = answer.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != file.content_type.partition(";")[0]:
        return f"{path} is {content_type or 'of no type'}, expected {file.content_type}"
    if whole and hashlib.sha256(answer.body).hexdigest() != file.sha256:
        return f"{path} has other content than in this release"
    return None


def _version(body: bytes) -> str | None:
    try:
        return strict_json.read(Built, strict_json.decode(body)).version
    except DamagedError:
        return None


def _fetcher(site: Site) -> Fetch:
    return lambda method, url: http.get(
        url,
        connect_to=site.connect_to,
        timeout_s=TIMEOUT_S,
        max_body_bytes=MAX_BODY_BYTES,
        method=method,
        probe_secret=site.probe_secret,
    )

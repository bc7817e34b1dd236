"""The proof of an activation: what visitors get, through the CDN, is the release.

It proves the edge that answered, which is one of many, and says so.
"""

import hashlib
import json
import time
from collections.abc import Callable
from typing import Final

from release import http
from release.static.errors import StaticReleaseError
from release.static.manifest import Manifest
from release.static.store import Say, Site
from release.version import short

READ_BACK_INTERVAL_S: Final = 1.0
TIMEOUT_S: Final = 10.0
MAX_PAGE_BYTES: Final = 16 * 1024 * 1024

Fetch = Callable[[str], tuple[int, bytes]]


def read_back(*, site: Site, manifest: Manifest, say: Say, deadline_s: float, fetch: Fetch | None = None) -> None:
    """Waits until the public address serves the version and the root page of `manifest`, else StaticReleaseError."""
    fetch = fetch or _fetcher(site)
    end = time.monotonic() + deadline_s
    while (reason := _miss(fetch, site, manifest)) is not None:
        if time.monotonic() >= end:
            raise StaticReleaseError(
                f"{site.url} does not serve {short(manifest.version)} after {deadline_s:.0f} s: {reason}; "
                f"look at the distribution {site.distribution_id} and at s3://{site.bucket}"
            )
        time.sleep(READ_BACK_INTERVAL_S)
    say(f"{site.url} serves {short(manifest.version)} (one edge of the CDN was asked)")


def _miss(fetch: Fetch, site: Site, manifest: Manifest) -> str | None:
    """Why the site is not yet the release; None if it is."""
    base = site.url.rstrip("/")
    try:
        status, body = fetch(base + "/version.json")
        if status != 200:
            return f"/version.json answered {status}"
        version = _version(body)
        if version != manifest.version:
            return f"/version.json says {version or repr(body[:80])}"
        status, body = fetch(base + "/")
    except http.HttpError as error:
        return str(error)
    if status != 200:
        return f"/ answered {status}"
    page = next(file for file in manifest.files if file.path == "index.html")
    if hashlib.sha256(body).hexdigest() != page.sha256:
        return "/ is another page than the index.html of this release"
    return None


def _version(body: bytes) -> str | None:
    try:
        document = json.loads(body)
    except ValueError:
        return None
    found = document.get("version") if isinstance(document, dict) else None
    return found if isinstance(found, str) else None


def _fetcher(site: Site) -> Fetch:
    def fetch(url: str) -> tuple[int, bytes]:
        answer = http.get(url, connect_to=site.connect_to, timeout_s=TIMEOUT_S, max_body_bytes=MAX_PAGE_BYTES)
        return answer.status, answer.body

    return fetch

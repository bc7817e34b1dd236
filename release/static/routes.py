"""Which paths the edge knows: the keys of a CloudFront KeyValueStore.

The function at the edge (components/viewer_request.py) serves a path that is a key, or a folder whose index.html is,
and `REST` for all others. So a key is added when its file is there, before a page that names it, and removed after its
file was. Limits: docs/decisions/0023-the-edge-knows-the-paths.md.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote

from botocore.exceptions import ClientError

from functions.aws_errors import code
from release.static.content import CONFIG, ENTRY
from release.static.errors import StaticReleaseError
from release.static.manifest import Manifest
from release.static.store import Site, reported

REST: Final = "/"
"""The key of what all other paths get. No file has this path; without it, the edge goes by a path's form."""
UNASKED: Final = "assets/"
PAGE: Final = f"/{ENTRY}"
"""The application's page; also of a folder, which is asked for under assets/, too."""
VALUE: Final = "1"
"""Of the other keys: that there is one says all."""
MAX_UPDATES: Final = 50
MAX_KEY_BYTES: Final = 512
MAX_STORE_BYTES: Final = 5_000_000
"""AWS says 5 MB, and not which; this is the smaller one."""
NOT_AS_KNOWN: Final = ("ConflictException", "ResourceNotFoundException")
"""The store has another ETag, or not a key that is to be removed."""
ATTEMPTS: Final = 5
"""Of one update."""

_UNQUOTED: Final = "/;,?:@&=+$!*'()#"
"""With letters, digits and `-_.~`, what the edge's encodeURI leaves as it is."""


def keys(manifest: Manifest) -> frozenset[str]:
    """What the store has when the site is this manifest: `REST`, and the paths of its files.

    Without those that the edge takes from the bucket unasked, under assets/, and those too long for a key, which it
    serves by their form.
    """
    paths = [file.path for file in manifest.files if not file.path.startswith(UNASKED) or file.path.endswith(PAGE)]
    names = (quote(path, safe=_UNQUOTED) for path in (CONFIG, *paths))
    return frozenset((REST, *(name for name in names if len(name) <= MAX_KEY_BYTES)))


def check(manifest: Manifest) -> None:
    """Raises StaticReleaseError if the manifest has more paths than a store takes."""
    size = _size(keys(manifest))
    if size > MAX_STORE_BYTES:
        raise StaticReleaseError(
            f"the paths of the {len(manifest.files)} files are {size} bytes, without those under assets/; the edge "
            f"knows them by CloudFront's KeyValueStore, which takes {MAX_STORE_BYTES}: publish fewer files, shorten "
            "their paths, or move what no visitor types into assets/"
        )


def no_client() -> Any:
    """Of who publishes to sites without a store."""
    raise LookupError("nobody said how to reach the key value store")


@contextmanager
def moved(*, client: Callable[[], Any], site: Site, before: Manifest | None, after: Manifest) -> Iterator[None]:
    """Adds the keys that `after` has and `before` has not, and removes the others when the body has ended well.

    `client` makes boto3's client of the data plane, and is called only when there is something to ask of it.
    `before` is the manifest that the store is known to have the keys of; None if that is not known, and the store is
    asked. Where there is no room for both, the old keys go first. Raises StaticReleaseError.
    """
    if site.routes is None:
        yield
        return
    present, needed = keys(before) if before else _listed(client(), site.routes), keys(after)
    new, old = sorted(needed - present), sorted(present - needed)
    if _size(present | needed) > MAX_STORE_BYTES:
        _update(client, site.routes, deletes=old)
        old = []
    # The last one says that the others are there.
    _update(client, site.routes, puts=sorted(new, key=lambda key: key == REST))
    yield
    _update(client, site.routes, deletes=old)


def _size(names: Collection[str]) -> int:
    return sum(map(len, names)) + len(names) * len(VALUE) + len(PAGE)


def _listed(store: Any, arn: str) -> frozenset[str]:
    def pages() -> Iterator[dict[str, Any]]:
        page = store.list_keys(KvsARN=arn, MaxResults=MAX_UPDATES)
        yield page
        while page.get("NextToken"):
            page = store.list_keys(KvsARN=arn, MaxResults=MAX_UPDATES, NextToken=page["NextToken"])
            yield page

    with reported(f"list the keys of {arn}"):
        return frozenset(item["Key"] for page in pages() for item in page.get("Items", ()))


def _update(client: Callable[[], Any], arn: str, *, puts: Sequence[str] = (), deletes: Sequence[str] = ()) -> None:
    """Writes as many keys as a request takes, one request after the other: each needs the ETag of the one before."""
    if not puts and not deletes:
        return
    store = client()
    with reported(f"write the site's paths to {arn}"):
        etag = ""
        for start in range(0, len(puts), MAX_UPDATES):
            etag = _written(store, arn, etag, puts=puts[start : start + MAX_UPDATES])
        for start in range(0, len(deletes), MAX_UPDATES):
            etag = _written(store, arn, etag, deletes=deletes[start : start + MAX_UPDATES])


def _written(store: Any, arn: str, etag: str, *, puts: Sequence[str] = (), deletes: Sequence[str] = ()) -> str:
    """Sends one update, all or nothing; returns the store's ETag after it.

    A store that is not as `etag` has it is read again: somebody wrote, or it was this update, whose answer was lost.
    """
    for _ in range(ATTEMPTS):
        etag = etag or store.describe_key_value_store(KvsARN=arn)["ETag"]
        changes = {
            "Puts": [{"Key": key, "Value": PAGE if key == REST else VALUE} for key in puts],
            "Deletes": [{"Key": key} for key in deletes],
        }
        try:
            return str(store.update_keys(KvsARN=arn, IfMatch=etag, **changes)["ETag"])
        except ClientError as error:
            if code(error) not in NOT_AS_KNOWN:
                raise
        etag, has = store.describe_key_value_store(KvsARN=arn)["ETag"], _listed(store, arn)
        puts, deletes = [key for key in puts if key not in has], [key for key in deletes if key in has]
        if not puts and not deletes:
            return str(etag)
    raise StaticReleaseError(f"somebody else goes on changing {arn}: run the release again when they have ended")

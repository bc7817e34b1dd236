"""Which paths the edge knows: the keys of a CloudFront KeyValueStore.

The function at the edge (components/viewer_request.py) serves a path that is a key, or a folder whose index.html is,
and what `REST` says for all others. So a key is added when its file is there, before a page that names it, and removed
after its file was. Limits: docs/decisions/0023-the-edge-knows-the-paths.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote

from botocore.exceptions import ClientError

from functions.aws_errors import code
from release.static.content import CONFIG, ENTRY, NOT_FOUND
from release.static.errors import StaticReleaseError
from release.static.manifest import Manifest
from release.static.store import Site, reported

REST: Final = "/"
"""The key of what all other paths get. No file has this path; without it, the edge goes by a path's form."""
UNASKED: Final = "assets/"
PAGE: Final = f"/{ENTRY}"
"""The application's page; also of a folder, which is asked for under assets/, too."""
NONE: Final = "none"
"""What other paths get of a site of many pages whose build has no page for a miss: the bucket's answer, status 404."""
VALUE: Final = "1"
"""Of the other keys: that there is one says all. One such as `/_astro/`, which is no file's, is a folder with
content-hashed files: the edge takes also those of releases before from the bucket."""
MAX_UPDATES: Final = 50
MAX_KEY_BYTES: Final = 512
MAX_STORE_BYTES: Final = 5_000_000
"""AWS says 5 MB, and not which; this is the smaller one."""
NOT_AS_KNOWN: Final = ("ConflictException", "ResourceNotFoundException")
"""The store has another ETag, or not a key that is to be removed."""
ATTEMPTS: Final = 5
"""Of one update."""

Item = tuple[str, str]
"""A key and its value."""
_UNQUOTED: Final = "/;,?:@&=+$!*'()#"
"""With letters, digits and `-_.~`, what the edge's encodeURI leaves as it is."""


def items(manifest: Manifest) -> dict[str, str]:
    """What the store has when the site is this manifest: `REST`, the paths of its files, and folders of hashed ones.

    Without those that the edge takes from the bucket unasked, under assets/, and those too long for a key, which it
    serves by their form.
    """
    paths = [file.path for file in manifest.files if not file.path.startswith(UNASKED) or file.path.endswith(PAGE)]
    folders = {f"/{file.path.partition('/')[0]}/" for file in manifest.immutable if "/" in file.path} - {f"/{UNASKED}"}
    names = (quote(path, safe=_UNQUOTED) for path in (CONFIG, *paths, *folders))
    return {REST: rest(manifest), **dict.fromkeys((name for name in names if len(name) <= MAX_KEY_BYTES), VALUE)}


def rest(manifest: Manifest) -> str:
    """What paths get for which there is no file."""
    if manifest.pages == "single":
        return PAGE
    return f"/{NOT_FOUND}" if any(file.path == NOT_FOUND for file in manifest.files) else NONE


def check(manifest: Manifest) -> None:
    """Raises StaticReleaseError if the manifest has more paths than a store takes."""
    size = _size(items(manifest))
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
    """Adds the keys that `after` has and `before` has not; removes and changes others when the body has ended well.

    `client` makes boto3's client of the data plane, and is called only when there is something to ask of it.
    `before` is the manifest that the store is known to have the keys of; None if that is not known, and the store is
    asked. Where there is no room for both, the old keys go first. Raises StaticReleaseError.
    """
    if site.routes is None:
        yield
        return
    present, needed = items(before) if before else _listed(client(), site.routes), items(after)
    old = sorted(present.keys() - needed.keys())
    new = [(key, needed[key]) for key in sorted(needed.keys() - present.keys())]
    # A page for a miss is there only afterwards.
    changed = [(key, value) for key, value in sorted(needed.items()) if present.get(key, value) != value]
    if _size({**present, **needed}) > MAX_STORE_BYTES:
        _update(client, site.routes, deletes=old)
        old = []
    # The last one says that the others are there.
    _update(client, site.routes, puts=sorted(new, key=lambda item: item[0] == REST))
    yield
    _update(client, site.routes, puts=changed, deletes=old)


def _size(contents: Mapping[str, str]) -> int:
    return sum(len(key) + len(value) for key, value in contents.items())


def _listed(store: Any, arn: str) -> dict[str, str]:
    def pages() -> Iterator[dict[str, Any]]:
        page = store.list_keys(KvsARN=arn, MaxResults=MAX_UPDATES)
        yield page
        while page.get("NextToken"):
            page = store.list_keys(KvsARN=arn, MaxResults=MAX_UPDATES, NextToken=page["NextToken"])
            yield page

    with reported(f"list the keys of {arn}"):
        return {item["Key"]: item["Value"] for page in pages() for item in page.get("Items", ())}


def _update(client: Callable[[], Any], arn: str, *, puts: Sequence[Item] = (), deletes: Sequence[str] = ()) -> None:
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


def _written(store: Any, arn: str, etag: str, *, puts: Sequence[Item] = (), deletes: Sequence[str] = ()) -> str:
    """Sends one update, all or nothing; returns the store's ETag after it.

    A store that is not as `etag` has it is read again: somebody wrote, or it was this update, whose answer was lost.
    """
    for _ in range(ATTEMPTS):
        etag = etag or store.describe_key_value_store(KvsARN=arn)["ETag"]
        changes = {
            "Puts": [{"Key": key, "Value": value} for key, value in puts],
            "Deletes": [{"Key": key} for key in deletes],
        }
        try:
            return str(store.update_keys(KvsARN=arn, IfMatch=etag, **changes)["ETag"])
        except ClientError as error:
            if code(error) not in NOT_AS_KNOWN:
                raise
        etag, has = store.describe_key_value_store(KvsARN=arn)["ETag"], _listed(store, arn)
        puts = [(key, value) for key, value in puts if has.get(key) != value]
        deletes = [key for key in deletes if key in has]
        if not puts and not deletes:
            return str(etag)
    raise StaticReleaseError(f"somebody else goes on changing {arn}: run the release again when they have ended")

"""The records bucket as one run sees it."""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from botocore.exceptions import ClientError

from functions import strict_json
from functions.aws_errors import is_missing
from functions.strict_json import DamagedError
from release import objects
from release.static import store
from release.static.catalog import Catalog, Expiring, Staged, without_purged
from release.static.errors import StaticReleaseError, SwitchUnderWayError
from release.static.manifest import Manifest
from release.static.parallel import meanwhile
from release.static.store import ACTIVE, Active, reported

CATALOG: Final = "static/catalog.json"
ABANDONED_S: Final = 3600.0
"""After this time an activation, or a deletion, that has not ended is taken for dead. It lasts minutes; S3 refuses
requests of a clock that is 15 minutes wrong ("RequestTimeTooSkewed"), and the two clocks may be wrong in opposite
directions."""
T = TypeVar("T")


def may_be_under_way(began: datetime | None) -> bool:
    """Whether what began then, and has not ended, may have a run that is alive."""
    return began is not None and datetime.now(UTC) - began < timedelta(seconds=ABANDONED_S)


class Records:
    """What a run has read: each object once. What it writes replaces what it read, or fails.

    So of two runs at the same time one is told. Every method raises StaticReleaseError.
    """

    def __init__(self, s3: Any, bucket: str, prefix: str = "") -> None:
        """`prefix` is the site's, as `store.Site` has it."""
        self.s3, self.bucket, self.prefix = s3, bucket, prefix
        self._active_key, self._catalog_key = prefix + ACTIVE, prefix + CATALOG
        self._etags: dict[str, str] = {}
        """Of what was read or written, by key; empty where nothing was there."""
        self._active: Active | None = None
        self._catalog: Catalog | None = None
        self._manifests: dict[str, Manifest] = {}
        self._begun: dict[str, Callable[[], tuple[Mapping[str, Any], bytes]]] = {}
        """Reads that have begun, by key."""

    def ahead(self, *keys: str) -> None:
        """Begins to read objects that are needed soon, each once, beside whatever is done meanwhile."""
        for key in (key for key in keys if key not in self._begun):
            self._begun[key] = meanwhile(functools.partial(objects.read, self.s3, self.bucket, key))

    def active(self) -> Active | None:
        """What the site is made of, None before the first activation began. One request, the first time."""
        if self._active_key not in self._etags:
            self._active = self._read(self._active_key, lambda body: strict_json.read(Active, strict_json.decode(body)))
        return self._active

    def stored(self) -> Catalog | None:
        """The catalog; None where there is none, before the first staging or of an earlier program."""
        if self._catalog_key not in self._etags:
            self._catalog = self._read(self._catalog_key, Catalog.from_json)
        return self._catalog

    def catalog(self) -> Catalog:
        """What is here. One request the first time; without a catalog, two for each release that is kept."""
        catalog = stored = self.stored()
        if catalog is None:
            catalog = _of_earlier_program(self.s3, self.bucket, self.prefix)
        active = self.active()
        if active is not None and active.manifest and catalog.find(active.manifest) is None:
            why = "was deleted" if stored is None else "is older than the site: it does not have the active release"
            command = objects.restore(self.bucket, self._catalog_key, version=0 if stored is None else 1)
            raise StaticReleaseError(
                f"what is kept of static releases is not known: s3://{self.bucket}/{self._catalog_key} {why}\n"
                f"  to restore it:  {command}"
            )
        self._catalog = catalog
        return catalog

    def check_nobody_switches(self, *, but: str | None = None) -> None:
        """Raises if the activation of another release than `but` began, has not ended, and may be under way."""
        active = self.active()
        if active is None or active.unsettled in (None, but) or not active.unsettled_at or active.gave_up_at:
            return
        began = datetime.fromisoformat(active.unsettled_at)
        if may_be_under_way(began):
            raise SwitchUnderWayError(
                f"the site is being switched to {str(active.unsettled)[:19]} by {active.unsettled_by or 'somebody'} "
                f"since {active.unsettled_at}, and whether that run is alive is not known: wait for its end; it is "
                f"taken for dead at {began + timedelta(seconds=ABANDONED_S):%Y-%m-%d %H:%M:%S} UTC"
            )

    @contextmanager
    def gives_up(self) -> Iterator[None]:
        """Where the body fails after it began an activation: notes that nobody is at work on that any more."""
        before = self.active()
        try:
            yield
        except BaseException:
            active = self._active
            if active is not None and active is not before and active.unsettled is not None:
                # Somebody else goes on, or it cannot be written: then it may be under way, for all that others know.
                with suppress(StaticReleaseError):
                    self.save_active(replace(active, gave_up_at=store.now()))
            raise

    def load(self, digest: str) -> Manifest:
        """The manifest without the files that were purged. One request the first time."""
        if digest not in self._manifests:
            catalog = self.stored()
            manifest = store.load(
                s3=self.s3, records_bucket=self.bucket, digest=digest, read=self._get, prefix=self.prefix
            )
            self._manifests[digest] = without_purged(manifest, catalog.purged if catalog else ())
        return self._manifests[digest]

    def whole(self, staged: Iterable[Staged]) -> Iterator[Manifest]:
        """Manifests with what was purged of them, one at a time: each may have a hundred thousand files."""
        for release in staged:
            yield store.load(s3=self.s3, records_bucket=self.bucket, digest=release.manifest, prefix=self.prefix)

    def add(self, manifest: Manifest) -> None:
        """Notes a manifest that is here, or will be, without what was purged: it need not be read."""
        self._manifests[manifest.digest] = manifest

    def save_active(self, active: Active) -> None:
        """Replaces `static/active.json`."""
        self._write(self._active_key, active.to_json())
        self._active = active

    def save_catalog(self, catalog: Catalog) -> None:
        """Replaces `static/catalog.json`."""
        self._write(self._catalog_key, catalog.to_json())
        self._catalog = catalog

    def _get(self, s3: Any, bucket: str, key: str) -> tuple[Mapping[str, Any], bytes]:
        begun = self._begun.pop(key, None)
        return begun() if begun else objects.read(s3, bucket, key)

    def _read(self, key: str, parse: Callable[[bytes], T]) -> T | None:
        with reported(f"read s3://{self.bucket}/{key}"):
            try:
                answer, body = self._get(self.s3, self.bucket, key)
            except ClientError as error:
                if not is_missing(error):
                    raise
                self._etags[key] = ""
                return None
            try:
                parsed = parse(body)
            except DamagedError as error:
                raise objects.damaged(self.bucket, key, error) from error
        self._etags[key] = answer.get("ETag", "")
        return parsed

    def _write(self, key: str, body: bytes) -> None:
        etag = self._etags[key]
        condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        headers = {"ContentType": "application/json", "CacheControl": "no-cache"}
        with reported(f"write s3://{self.bucket}/{key}"):
            try:
                answer = objects.repeated(
                    lambda: self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **headers, **condition)
                )
            except ClientError as error:
                if not objects.condition_failed(error):
                    raise
                # A write that arrived and whose answer did not is repeated by the client, and fails on itself.
                answer, stored = objects.read(self.s3, self.bucket, key)
                if stored != body:
                    raise StaticReleaseError(
                        f"s3://{self.bucket}/{key} was written by somebody else after this run had read it: another "
                        "release, publish, purge or expiry was under way. Nothing of it was overwritten; run this again"
                    ) from error
        self._etags[key] = answer.get("ETag", "")


@dataclass(frozen=True)
class _StagedMark:
    staged_at: str


def _of_earlier_program(s3: Any, bucket: str, prefix: str) -> Catalog:
    """What an earlier program staged. It kept no ETags, so that its assets are looked at before they are served."""
    complete, cut_short = [], []
    for name in store.releases(s3, bucket, prefix):
        digest = f"sha256:{name}"
        mark = store.stored(s3, bucket, f"{prefix}static/{name}/staged.json", _StagedMark)
        if mark is not None:
            complete.append((mark.staged_at, digest))
        elif store.get(s3, bucket, f"{prefix}static/{name}/expiring.json") is not None:
            cut_short.append(digest)
    left = (store.find(s3=s3, records_bucket=bucket, digest=digest, prefix=prefix) for digest in cut_short)
    paths = {file.path for manifest in left if manifest for file in manifest.files}
    catalog = Catalog(expiring=Expiring(manifests=tuple(cut_short), assets=tuple(sorted(paths))))
    for staged_at, digest in sorted(complete):
        manifest = store.load(s3=s3, records_bucket=bucket, digest=digest, prefix=prefix)
        catalog = catalog.add(manifest, etags={}, staged_at=staged_at, earlier_program=True)
    return catalog

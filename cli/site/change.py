"""What changes a site alone: the steps of a release's static half, and what to say where one fails."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cli.site import target
from cli.site.target import Outcome
from release.progress import Say
from release.static import activate, builds, expire, publish
from release.static.errors import LostFileError, StaticReleaseError
from release.static.manifest import Manifest
from release.static.records import Records
from release.static.repair import Listing
from release.static.source import Folder
from release.static.store import Site
from release.who import who


@dataclasses.dataclass(frozen=True, kw_only=True)
class Change:
    """One run that changes the site, or says what it would change."""

    s3: Any
    cloudfront: Any
    routes_client: Callable[[], Any]
    site: Site
    records: Records
    say: Say
    take_over: bool
    dry_run: bool

    @staticmethod
    def of(options: argparse.Namespace, *, s3: Any, site: Site, records: Records, say: Say) -> Change:
        """What the options of `target.add_change` ask for."""
        if options.dry_run:
            site, say = dataclasses.replace(site, distribution_id=None, routes=None, url=None), _silent
        return Change(
            s3=s3,
            cloudfront=options.clients.cloudfront if site.distribution_id else None,
            routes_client=lambda: options.clients.routes,
            site=site,
            records=records,
            say=say,
            take_over=options.take_over,
            dry_run=options.dry_run,
        )

    def publish(self, built: Manifest, folder: Path, *, keep: int, rewrite: bool) -> Outcome:
        """Bring what is lacking, switch, and forget what is older. Raises StaticReleaseError.

        `rewrite`: what the records say that the site has may not be there.
        """
        source = Folder(path=folder)
        with self._explained(built.digest):
            builds.check_pages(folder, built, self.site.other_origins, config_is_written=False)
            listing = Listing(self.s3, self.site, built)
            uploaded = publish.stage(
                s3=self.s3,
                manifest=built,
                source=source,
                site=self.site,
                say=self.say,
                records=self.records,
                listing=listing,
                alone=True,
                take_over=self.take_over,
            )
        outcome = self._activate(built, source, listing=listing, rewrite=rewrite)
        return dataclasses.replace(outcome, uploaded=uploaded, expired=self._expire(keep))

    def restore(self, digest: str) -> Outcome:
        """Switch to a release that is kept; what the site is already is written anew. Raises StaticReleaseError."""
        active = self.records.active()
        return self._activate(self.records.load(digest), None, rewrite=active is not None and active.manifest == digest)

    def _activate(
        self, to: Manifest, source: Folder | None, *, listing: Listing | None = None, rewrite: bool = False
    ) -> Outcome:
        with self._explained(to.digest), self.records.gives_up():
            switched = activate.switch(
                s3=self.s3,
                cloudfront=self.cloudfront,
                routes_client=self.routes_client,
                manifest=to.digest,
                site=self.site,
                config=None,
                say=self.say,
                begins=None,
                rewrite=rewrite,
                source=source,
                records=self.records,
                listing=listing,
                by=who("", os.environ),
                take_over=self.take_over,
            )
            activate.prove(switched=switched, site=self.site, say=self.say)
        return Outcome(
            version=to.version,
            manifest=to.digest,
            total=len(to.files),
            written=switched.activated.written,
            removed=switched.activated.removed,
            dry_run=self.dry_run,
        )

    def _expire(self, keep: int) -> int:
        try:
            expired = expire.expire(
                s3=self.s3,
                site=self.site,
                say=self.say,
                keep=keep,
                records=self.records,
                alone=not self.take_over,
            )
        except StaticReleaseError as error:
            self.say(f"older releases stay until the next publish: {error}")
            return 0
        return len(expired.manifests)

    @contextmanager
    def _explained(self, to: str) -> Iterator[None]:
        """Add to a failure what it left behind, and what to do."""
        try:
            with target.explained(self.records, self.site, again=True):
                yield
        except StaticReleaseError as error:
            raise StaticReleaseError("\n  ".join([str(error), *self._left(to, error)])) from error
        except BaseException as error:  # Ctrl-C, above all: who sees it prints only that
            print("\n  ".join(self._left(to, error)), file=sys.stderr)
            raise

    def _left(self, to: str, error: BaseException) -> list[str]:
        active = self.records.active()
        if active is None or active.unsettled != to or self.dry_run:
            lines = ["nothing that visitors get was changed"]
            if isinstance(error, LostFileError) and active is not None and active.manifest == to:
                lines.append(f"to write all of it from its build:  {target.rewrite_command(self.site)}")
            return lines
        lines = ["the site may have files of two releases. To end that, run this again"]
        if active.manifest:
            take_over = not active.gave_up_at
            back = target.restore_command(active.manifest, self.records.catalog(), self.site, take_over=take_over)
            lines.append(f"or to go back:  {back}")
        return lines


def _silent(_line: str) -> None:
    """A dry run tells at its end what it would do, and what is told meanwhile would be wrong."""

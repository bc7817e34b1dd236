"""A release with everything around it replaced: what AWS has, and what is recorded."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from release import migration, records
from release.preflight import Problems
from release.records import Attempt, Release
from release.static.activate import Activated, Switched
from release.static.records import Records
from tests.unit.fake_s3 import FakeS3
from tests.unit.release_services import FakeLease, Service, Services, step

OLD, NEW = "1" * 40, "2" * 40
ACCOUNT = "arn:aws:ecs:us-west-2:111111111111"


def identity(version: str) -> dict[str, str]:
    return {
        "version": version,
        "image": f"repository@sha256:{version[0] * 64}",
        "taskDefinition": f"{ACCOUNT}:task-definition/easi-impl:{version[0]}",
        "staticManifest": f"sha256:{version[0] * 64}",
    }


@dataclasses.dataclass
class Files:
    digest: str


@dataclasses.dataclass
class SiteFiles:
    """What the buckets have of one site."""

    name: str
    manifest: str | None = None
    config: Any = None
    active: tuple[str, Any] | None = None
    """What the records bucket calls the site: it was read back so."""


def _main(kind: str, name: str, attribute: str) -> Any:
    """A property of the world: an attribute of one service or site."""
    return property(
        lambda world: getattr(getattr(world, kind)[name], attribute),
        lambda world, value: setattr(getattr(world, kind)[name], attribute, value),
    )


class World(Services):
    """What AWS has, and the record of it in a bucket."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, before: Release | None = None) -> None:
        super().__init__()
        self.bucket = FakeS3()
        self.found = Problems()
        self.sites = {name: SiteFiles(name) for name in ("site", "admin")}
        self.images_kept: list[str] = []
        if before is not None:
            self.bucket.objects["release.json"] = json.dumps(before.to_json()).encode()
            for name, service in before.services.items():
                setting = (service.network, service.execute_command)
                self.services[name] = Service(name, service.task_definition, setting, deployment=1)
            for name, digest in before.sites.items():
                config = {"environment": "before"}
                self.sites[name] = SiteFiles(name, digest, config, active=(digest, config))
        self.bucket.before = lambda operation, key: self.s3("before", operation, key)
        self.bucket.after = lambda operation, key: self.s3("after", operation, key)
        self._replace(monkeypatch)

    def _replace(self, monkeypatch: pytest.MonkeyPatch) -> None:
        replace = monkeypatch.setattr
        replace("release.lease.acquire", lambda *_arguments, **_more: self.acquire())
        replace("release.preparation.preflight.problems", lambda *_a, **_k: self.problems())
        replace("release.preparation.image.copy_image", lambda **arguments: self.did(f"copy {arguments['digest'][7]}"))
        replace("release.preparation.store.load", lambda **arguments: Files(arguments["digest"]))
        replace("release.preparation.publish.stage", lambda **found: self.did(f"stage {found['manifest'].digest[7]}"))
        replace("release.phases._proven_config", lambda _context, site: self.site_of(site).config)
        named = {migration.MIGRATION: "migrate", migration.HOOK: "before"}
        replace(
            "release.preparation.migration.migrate",
            lambda function, task, name: self.did(
                step(
                    named[name.partition(" of service ")[0]],
                    self.service_of(function.name).name,
                    str(task.container_command),
                )
            ),
        )
        replace(
            "release.preparation.migration.invoke_hook",
            lambda _client, function, about, _say: self.did(f"before {function.rpartition(':')[2]} {about}"),
        )
        replace("release.rehearsal.rehearse", self.rehearse)
        replace("release.rollout.current", lambda _client, function: self.current(function))
        replace("release.rollout.start", self.start)
        replace("release.rollout.roll_back", self.roll_back)
        replace("release.rollout.running_tasks", self.running_tasks)
        replace("release.healthcheck.prove", self.prove)
        replace("release.healthcheck.disprove", self.disprove)
        replace("release.static.activate.switch", self.switch)
        replace("release.static.activate.prove", self.read)
        replace("release.static.activate.activate", self.activate)
        replace("release.undo.store.active", lambda **_found: self.active)
        replace("release.engine.expire.expire", lambda **_arguments: self.did("expire"))
        replace("release.engine.image_tags.expire", self.expire_images)

    def expire_images(self, _ecr: Any, _repository: str, *, named: set[str], **_more: Any) -> None:
        self.images_kept = sorted(digest[7] for digest in named)
        self.did("expire images")

    def acquire(self) -> FakeLease:
        if "lease" in self.failing:
            raise self.failing["lease"]
        return FakeLease(self, f"lease{len(self.bucket.objects)}")

    def problems(self) -> Problems:
        self.did("check")
        return self.found

    def s3(self, when: str, operation: str, key: str) -> None:
        name = f"{operation} {key.rpartition('/')[2]}"
        if when == "before":
            self.tick(f"before {name}")
            if name in self.failing:
                raise self.failing[name]
            if operation != "get":
                self.story.append(name)
        else:
            self.tick(f"after {name}")

    def site_of(self, site: Any) -> SiteFiles:
        return self.sites[site.bucket.removeprefix("impl-")]

    # Of the main service and site, which are alone in most tests.
    service = _main("services", "backend", "task_definition")
    deployment = _main("services", "backend", "deployment")
    setting = _main("services", "backend", "setting")
    site = _main("sites", "site", "manifest")
    config = _main("sites", "site", "config")
    active = _main("sites", "site", "active")

    def switch(self, **asked: Any) -> Switched:
        site = self.site_of(asked["site"])
        name = step("switch", site.name, asked["manifest"][7]) + (" whole" if asked.get("rewrite") else "")
        replaced = site.active[0] if site.active else None
        same = site.active == (asked["manifest"], asked["config"]) and not asked.get("rewrite")
        self.tick(f"before {name}")
        if not same:
            self.story.append(name)
            # Files are compared with the active release's: what else is there stays.
            stays = site.manifest not in (None, replaced) and not asked.get("rewrite")
            asked["begins"]()
            site.manifest = "a mixture"
            self.tick(f"amid {name}")
            if self.failing.get(name) is not None:
                raise self.failing[name]
            site.manifest = site.manifest if stays else asked["manifest"]
            site.config = asked["config"]
        self.tick(f"after {name}")
        written = () if same else ("index.html",)
        done = Activated(manifest=asked["manifest"], replaced=replaced, written=written)
        return Switched(activated=done, proves=None, records=Records(self.bucket, "impl-records"))

    def read(self, *, switched: Switched, site: Any, **_more: Any) -> None:
        files = self.site_of(site)
        self.did(step("read", files.name, switched.activated.manifest[7]))
        files.active = (switched.activated.manifest, files.config)

    def activate(self, **asked: Any) -> Activated:
        switched, site = self.switch(**asked), self.site_of(asked["site"])
        site.active = (asked["manifest"], site.config)
        return switched.activated

    @property
    def recorded(self) -> Release | None:
        found = self.bucket.objects.get("release.json")
        return records.release_from_json(json.loads(found)) if found else None

    @property
    def last(self) -> Attempt:
        return records.list_attempts(self.bucket, "impl-records", 1)[0]

    @property
    def finished(self) -> bool:
        return "unsettled.json" not in self.bucket.objects

    def runs(self, version: str) -> None:
        """Service, site and record agree on one version, and nothing says otherwise."""
        wanted = identity(version)
        assert self.recorded is not None
        assert self.recorded.version == version
        assert self.service == wanted["taskDefinition"]
        assert self.site == wanted["staticManifest"]
        assert self.finished

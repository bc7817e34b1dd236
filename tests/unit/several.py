"""Environments of two services, a worker and two sites, for the tests of the verbs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from release import inputs
from release.identity import Identity, ServiceIdentity
from release.records import Release
from tests.unit.environments import World, released

SERVICES = ("backend", "reports", "worker")
SITES = ("site", "admin")
DIGEST = f"sha256:{'5' * 64}"

DECLARED = {
    **{f"easi:services.{name}.build.context": "backend" for name in SERVICES},
    **{f"easi:sites.{name}.folder": f"frontend/{name}" for name in SITES},
}


def several(
    *versions: str, manifests: Mapping[str, str] | None = None, same: tuple[str, ...] = (), **more: Any
) -> Release:
    """As `released`, with all services and sites; the images of `same` are those of every version."""
    release = released(*versions, **more)
    sites = dict.fromkeys(SITES, DIGEST) | dict(manifests or {})

    def whole(proven: Any) -> Any:
        return dataclasses.replace(
            proven, services={name: service(name, proven, is_same=name in same) for name in SERVICES}, sites=sites
        )

    whole_release: Release = whole(release)
    return dataclasses.replace(whole_release, previous=tuple(whole(proven) for proven in release.previous))


def service(name: str, proven: Identity, *, is_same: bool) -> ServiceIdentity:
    """Digests of images begin with the first letter of the service's name, and then as the version does."""
    main = proven.services["backend"]
    version = "0" * 11 if is_same else proven.version[:11]
    suffix = "" if name == "backend" else f"-{name}"
    return dataclasses.replace(
        main,
        image=f"registry/repository@sha256:{name[0]}{version.ljust(63, '0')}",
        task_definition=main.task_definition.replace("/easi:", f"/easi{suffix}:"),
    )


def add(world: World, name: str, release: Release, **more: Any) -> None:
    """A stack that has released all of them."""
    world.add(name, release, **{**DECLARED, **more})
    resource = world.stacks[name]["export"]["deployment"]["resources"][-1]
    whole = inputs.upgraded(resource["inputs"])
    (main,), (site,) = whole["services"].values(), whole["sites"].values()
    whole["services"] = {
        service: {
            **main,
            "order": number,
            "image": release.services[service].image,
            "taskDefinition": release.services[service].task_definition,
            "service": main["service"].replace("/backend", f"/{service}"),
            "deployFunction": f"easi-{service}-deploy",
            "health": None if service == "worker" else main["health"],
        }
        for number, service in enumerate(SERVICES)
    }
    whole["sites"] = {
        of: {**site, "order": number, "bucket": of, "manifest": release.sites[of]} for number, of in enumerate(SITES)
    }
    resource["inputs"] = whole
    world.write()

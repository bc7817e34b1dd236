"""The images that a build starts from: those that the engine has, else pulled, else made from this machine's packages.

A substitute is only for a machine that cannot reach the registry. It is noted and kept for as long as it exists:
another one would make another image of the same commit.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from typing import Any

import docker
import docker.errors
import requests

from local.docker import debian_base, dockerfile, go_base
from local.docker.dockerfile import Base
from local.docker.substitute import Substitute
from local.layout import Layout, LocalError, read_json
from local.lock import change_json
from local.plugin.provider import PluginError
from local.terminal import Heartbeat, Say

NOTE = "base-images.json"
"""The substitutes of this clone, by the name of the image that each stands for."""
FIRST_ANSWER_S = 15
"""The registry must answer within this; without the internet it never does."""
FRONTEND = re.compile(r"(?im)\A(?:#[^\n]*\n)*?#\s*syntax\s*=\s*(\S+)")
RECIPES: Mapping[str, Callable[[str], Substitute]] = {"golang": go_base.describe, **debian_base.RECIPES}
"""How a substitute is made, by the last part of the name of the image that it stands for."""
_one_at_a_time = threading.Lock()


def substitutes(layout: Layout) -> dict[str, str]:
    return {image: str(substitute) for image, substitute in read_json(layout.local / NOTE).items()}


def with_all_at_hand(
    layout: Layout, client: Any, text: str, *, arguments: Mapping[str, str], target: str, say: Say
) -> str:
    """The text of a Dockerfile whose images are all on this engine. Raises PluginError where one cannot be."""
    frontend = FRONTEND.match(text)
    with _one_at_a_time:
        if frontend and not _at_hand(client, Base(image=frontend[1], platform=target), say):
            say(f"the build uses the Dockerfile syntax that this Docker engine has built in instead of {frontend[1]}")
            text = dockerfile.without_syntax(text)
        needed = dockerfile.bases(text, arguments, target=target)
        instead = {base.image: _substitute(layout, client, base, say) for base in needed}
    taken = {image: substitute for image, substitute in instead.items() if substitute}
    return dockerfile.with_substitutes(text, arguments, target=target, substitutes=taken)


def _substitute(layout: Layout, client: Any, base: Base, say: Say) -> str | None:
    """What the build reads instead of `base`; None where it reads that itself."""
    noted = substitutes(layout).get(base.image)
    if _has(client, base):
        return None
    if noted and _has(client, Base(image=noted, platform=base.platform)):
        return noted
    if _pulled(client, base, say):
        return None
    family = re.split("[:@]", base.image.rpartition("/")[2])[0]
    if family not in RECIPES:
        raise PluginError(
            f"the base image {base.image} cannot be pulled here, and only {', '.join(sorted(RECIPES))} are made from "
            f"this machine's packages. Bring it to this Docker engine (docker pull, docker load), then run again"
        )
    if base.platform != _own_platform(client):
        raise PluginError(
            f"the base image {base.image} for {base.platform} cannot be pulled here, and this machine makes those for "
            f"{_own_platform(client)}. Bring it to this Docker engine (docker load), then run again"
        )
    try:
        made = RECIPES[family](base.image)
        name = made.ensure(client, layout.identity, say)
    except (LocalError, docker.errors.DockerException, requests.RequestException) as error:
        raise PluginError(f"{base.image} cannot be pulled here, and no substitute was made: {error}") from error
    change_json(layout.local / NOTE, lambda note: {**note, base.image: name})
    say(f"the build uses {made.contents} instead of {base.image}")
    return name


def _at_hand(client: Any, base: Base, say: Say) -> bool:
    return _has(client, base) or _pulled(client, base, say)


def _own_platform(client: Any) -> str:
    version = client.version()
    return f"{version['Os']}/{version['Arch']}"


def _has(client: Any, base: Base) -> bool:
    try:
        image = client.images.get(base.image)
    except docker.errors.NotFound:
        return False
    return bool(f"{image.attrs['Os']}/{image.attrs['Architecture']}" == "/".join(base.platform.split("/")[:2]))


def _pulled(client: Any, base: Base, say: Say) -> bool:
    """Pull an image; False, and a line, where its registry is out of reach or does not have it."""
    patient = client.api.timeout
    client.api.timeout = FIRST_ANSWER_S
    latest = ""
    try:
        with Heartbeat(f"pulling {base.image}", say, lambda: latest):
            name = base.image if "@" in base.image or ":" in base.image.rpartition("/")[2] else f"{base.image}:latest"
            for event in client.api.pull(name, stream=True, decode=True, platform=base.platform):
                if "error" in event:
                    say(f"{base.image} is out of reach ({str(event['error'])[:120]})")
                    return False
                latest = str(event.get("status", ""))
    except (docker.errors.APIError, requests.RequestException) as error:
        reason = getattr(error, "explanation", None) or type(error).__name__
        say(f"{base.image} is out of reach ({str(reason)[:120]})")
        return False
    finally:
        client.api.timeout = patient
    return _has(client, base)

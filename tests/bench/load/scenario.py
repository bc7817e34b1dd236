"""Releases of the example under load: which addresses are asked, and what happens meanwhile."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3

from tests.bench.load.vegeta import Target
from tests.local.clone import Clone

ENVIRONMENT = "dev"
ENTRY = Path("example/frontend/src/main.tsx")


def client(clone: Clone, service: str) -> Any:
    """A client of the clone's emulator."""
    return boto3.client(
        service,
        endpoint_url=f"http://127.0.0.1:{clone.port}",
        region_name="us-west-2",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def assets(clone: Clone, outputs: Mapping[str, Any]) -> dict[str, bytes]:
    """What the page that is served now loads, by path: the files with a hash in their name."""
    page = clone.get(outputs["url"] + "/")[1].decode()
    paths = sorted(set(re.findall(r'(?:src|href)="(/assets/[^"]+)"', page)))
    found = {path: clone.get(outputs["url"] + path) for path in paths}
    assert found, f"the page names no file in /assets: {page[:500]}"
    assert all(status == 200 for status, _ in found.values()), found
    return {path: body for path, (_, body) in found.items()}


def targets(clone: Clone, outputs: Mapping[str, Any], asset: str) -> list[Target]:
    """The health check, the page, and a file of the page now: through the CDN, as nobody else gets in."""
    site = urllib.parse.urlsplit(outputs["url"]).netloc
    health = urllib.parse.urlsplit(outputs["healthcheckUrl"]).path
    asked = [
        ("health check, CDN", site, health),
        ("page, CDN", site, "/"),
        ("the old page's script, CDN", site, asset),
    ]
    return [Target(name=name, host=host, port=clone.port, path=path) for name, host, path in asked]


def commit(clone: Clone) -> str:
    """A new version whose backend and page both differ from the one before, built and ready to be released."""
    entry = clone.root / ENTRY
    text = entry.read_text()
    entry.write_text(f'{text}document.documentElement.setAttribute("data-change", "{len(text)}");\n')
    version = clone.commit("another page")
    built = clone.shell("make frontend 2>&1")
    assert built.returncode == 0, built.stdout[-2000:]
    return version


def release(clone: Clone, version: str) -> None:
    """`pulumi up` of that version, and the health check of it."""
    up = clone.shell(f"RELEASE_VERSION={version} pulumi up -s {ENVIRONMENT} --yes --skip-preview 2>&1")
    assert up.returncode == 0, up.stdout[-4000:]
    assert clone.health(ENVIRONMENT)["version"] == version

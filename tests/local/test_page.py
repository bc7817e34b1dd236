"""The page as a person sees it: opened in a browser, at the address that each stack gives out."""

import html.parser
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest

ENVIRONMENTS = ("dev", "impl", "prod")
SETTLED_MS = 5_000
"""Time that passes for the page after it was loaded; the browser stops this clock while requests are under way."""


class Easi(Protocol):
    """What this test needs of the local environments."""

    first_version: str

    def outputs(self, environment: str) -> Mapping[str, Any]: ...


@dataclass
class Page(html.parser.HTMLParser):
    """What the page shows: its facts and verdict by their attributes, its stamp, its text."""

    stamp: str = ""
    verdict: str = ""
    text: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    _fact: str | None = None

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "meta" and found.get("name") == "easi-version":
            self.stamp = found["content"]
        self.verdict = found.get("data-verdict", self.verdict)
        if "data-fact" in found:
            self._fact = found["data-fact"]
            self.facts[self._fact] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "dd":
            self._fact = None

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._fact is not None:
            self.facts[self._fact] += data


def browser() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found is not None:
            return found
    pytest.fail("no Chromium on PATH, which opens the page in this test: apt-get install -y chromium (Debian, Ubuntu)")


def opened(url: str, profile: Path) -> Page:
    """The page after its scripts have run. The browser itself takes *.localhost to this machine."""
    done = subprocess.run(
        [
            browser(),
            "--headless",
            "--no-sandbox",  # Chromium's own sandbox does not start for root
            "--disable-gpu",
            "--disable-quic",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-dev-shm-usage",
            "--disable-sync",
            "--no-first-run",
            "--no-proxy-server",
            f"--user-data-dir={profile}",
            f"--virtual-time-budget={SETTLED_MS}",
            "--dump-dom",
            url,
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"the browser ended with {done.returncode}: {done.stderr[-2000:]}"
    page = Page()
    page.feed(done.stdout)
    return page


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_page_shows_that_site_and_backend_run_the_released_version(
    easi: Easi, environment: str, tmp_path: Path
) -> None:
    outputs = easi.outputs(environment)
    page = opened(outputs["url"], tmp_path / "profile")
    version = easi.first_version
    assert page.facts, f"{outputs['url']} is not the page: {page.text[:500]!r}"
    assert {name: page.facts[name] for name in ("environment", "site-version", "backend-version", "health")} == {
        "environment": environment,
        "site-version": version,
        "backend-version": version,
        "health": "pass",
    }
    assert (page.stamp, page.verdict) == (version, "good")
    assert "Easy Access to System Information" in page.text
    assert "Grants Tracker" in page.text, "the list of systems did not come from the backend"

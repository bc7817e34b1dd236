"""Markdown as GitHub shows it, opened in a browser: what is to be seen, and a picture of it."""

from __future__ import annotations

import dataclasses
import html
import re
import subprocess
from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from tests.local.test_page import browser

WIDTH = 900
"""Of a comment on GitHub with what is around it, in pixels."""
HIGHEST = 3000
"""Of a picture, in pixels."""
STYLE = """
body { margin: 0; padding: 16px; background: #fff; color: #1f2328;
  font: 14px/1.5 -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", Helvetica, Arial, sans-serif }
main { border: 1px solid #d1d9e0; border-radius: 6px; padding: 0 16px 8px }
header { background: #f6f8fa; border-bottom: 1px solid #d1d9e0; border-radius: 6px 6px 0 0; color: #59636e;
  margin: 0 -16px 16px; padding: 8px 16px }
h2, h3 { border-bottom: 1px solid #d1d9e0b3; line-height: 1.25; margin: 24px 0 16px; padding-bottom: .3em }
h2 { font-size: 1.5em } h3 { font-size: 1.25em; border: 0 }
main > :nth-child(2) { margin-top: 0 }
p, ul, table, pre, details { margin: 0 0 16px } ul { padding-left: 2em }
code, pre { background: #818b981f; border-radius: 6px; font: 85% ui-monospace, "DejaVu Sans Mono", monospace }
code { padding: .2em .4em } pre { overflow: auto; padding: 16px }
pre code { background: none; font-size: 100%; padding: 0 }
table { border-collapse: collapse } td, th { border: 1px solid #d1d9e0; padding: 6px 13px; text-align: left }
thead:not(:has(th:not(:empty))) { display: none } tr:nth-child(2n) td { background: #f6f8fa }
details { cursor: pointer } a { color: #0969da; text-decoration: none }
.add { background: #dafbe1; color: #116329 } .del { background: #ffebe9; color: #82071e } .change { color: #953800 }
"""
MEASURE = """
<script>
const shown = document.createElement("meta");
shown.name = "shown";
shown.content = JSON.stringify([Math.ceil(document.querySelector("main").getBoundingClientRect().bottom) + 16,
  document.body.innerText]);
document.head.append(shown);
</script>
"""


@dataclasses.dataclass(frozen=True)
class Shown:
    """What a person sees."""

    text: str
    """Visible without unfolding anything."""
    body: str
    """The HTML."""
    picture: Path


def show(markdown: str, heading: str, picture: Path) -> Shown:
    """Open Markdown in a browser, and take a picture of it."""
    body = rendered(markdown)
    page = picture.with_suffix(".html")
    page.write_text(
        f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>"
        f"<main><header>{html.escape(heading)}</header>{body}</main>{MEASURE}"
    )
    document = _browse(page, "--dump-dom")
    found = re.search(r'<meta name="shown" content="\[(\d+),(.*?)\]">', document, re.DOTALL)
    assert found is not None, document[-2000:]
    height = min(int(found.group(1)), HIGHEST)
    _browse(page, f"--screenshot={picture}", f"--window-size={WIDTH},{height}")
    visible = html.unescape(found.group(2)).replace("\\n", "\n").replace("\\t", "\t")
    return Shown(visible, body, picture)


def rendered(markdown: str) -> str:
    """HTML of GitHub's Markdown, as far as ours uses it: with tables, HTML, and the colours of a diff."""
    renderer = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    renderer.add_render_rule("fence", _fence)
    renderer.add_render_rule("text", _text)
    return str(renderer.render(markdown))


def _text(_: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: MutableMapping[str, Any]) -> str:
    """GitHub makes an address a link."""
    return re.sub(r"https?://[^\s<]+", r'<a href="\g<0>">\g<0></a>', html.escape(tokens[index].content))


def _fence(_: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: MutableMapping[str, Any]) -> str:
    token = tokens[index]
    lines = html.escape(token.content).splitlines()
    if token.info.strip() == "diff":
        kinds = {"+": "add", "-": "del", "!": "change"}
        lines = [f'<span class="{kinds[line[0]]}">{line}</span>' if line[:1] in kinds else line for line in lines]
    text = "\n".join(lines)
    return f"<pre><code>{text}</code></pre>\n"


def _browse(page: Path, *options: str) -> str:
    done = subprocess.run(
        [
            browser(),
            "--headless",
            "--no-sandbox",  # Chromium's own sandbox does not start for root
            *("--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            f"--user-data-dir={page.parent / 'profile'}",
            f"--window-size={WIDTH},800",
            *options,
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"the browser ended with {done.returncode}: {done.stderr[-2000:]}"
    return done.stdout

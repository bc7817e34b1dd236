"""The build of the site: pages that keep their names, a stylesheet whose name has its hash, and version.json."""

import hashlib
import json
import os
import shutil
from pathlib import Path

HERE = Path(__file__).parent
DIST = HERE / "dist"
LAYOUT = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{title}</title>
<link rel="stylesheet" href="/assets/{style}">
<nav><a href="/">Reports</a> <a href="/about/">About</a></nav>
<main>{body}</main>
</html>
"""

shutil.rmtree(DIST, ignore_errors=True)
style = (HERE / "style.css").read_bytes()
name = f"style-{hashlib.sha256(style).hexdigest()[:12]}.css"
(DIST / "assets").mkdir(parents=True)
(DIST / "assets" / name).write_bytes(style)
for page in sorted((HERE / "pages").rglob("*.html")):
    title, _, body = page.read_text().partition("\n")
    target = DIST / page.relative_to(HERE / "pages")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(LAYOUT.format(title=title, style=name, body=body))
(DIST / "version.json").write_text(json.dumps({"version": os.environ["RELEASE_VERSION"]}))

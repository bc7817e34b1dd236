"""What a site's build says of itself."""

from __future__ import annotations

from typing import Final, Literal

Pages = Literal["single", "multi"]
"""`single`: index.html routes every path that is no file. `multi`: each page is a file, and a miss is a 404."""
HASHED: Final = ("assets/**", "_astro/**", "static/**", "_next/static/**")
"""Where Vite, Astro, Create React App and Next.js put files whose names carry the hash of their content. `*` and `**`
match any characters, also "/"."""

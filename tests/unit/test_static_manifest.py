"""A stored manifest: its canonical form, and how strictly it is read."""

import hashlib
import json
import string
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.static.errors import ManifestError
from release.static.manifest import File, Manifest

SHA = "3f2c1aa" + "0" * 33


@given(
    st.lists(st.tuples(st.text(st.characters(codec="utf-8")), st.integers(0, 2**40), st.text()), max_size=5),
    st.text(string.ascii_letters + ".-_", min_size=1),
)
def test_canonical_form_is_that_of_json_with_sorted_keys(files: list[tuple[str, int, str]], version: str) -> None:
    described = [
        {"cache": "no-cache", "contentType": kind, "path": path, "sha256": "0" * 64, "size": size}
        for path, size, kind in files
    ]
    manifest = Manifest(
        version=version,
        files=tuple(
            File(path=path, size=size, sha256="0" * 64, content_type=kind, cache="no-cache")
            for path, size, kind in files
        ),
    )
    written = json.dumps({"version": version, "files": described}, sort_keys=True, separators=(",", ":")).encode()
    assert manifest.to_json() == written
    assert manifest.digest == f"sha256:{hashlib.sha256(written).hexdigest()}"


def test_manifest_of_many_files_is_written_and_read_in_little_memory() -> None:
    files = tuple(
        File(
            path=f"assets/{number:05}-DiwrgTda.js", size=1, sha256=f"{number:064x}", content_type="x", cache="no-cache"
        )
        for number in range(20_000)
    )
    manifest = Manifest(version=SHA, files=files)
    tracemalloc.start()
    try:
        size = len(manifest.to_json())
        _, written = tracemalloc.get_traced_memory()
        assert manifest.digest
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        text = manifest.to_json()
        again = Manifest.from_json(text)
        _, read = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert again == manifest
    assert written < 2.5 * size
    assert read - before < 8 * size


GOOD = {"cache": "no-cache", "contentType": "text/html", "path": "a", "sha256": "0" * 64, "size": 1}


@pytest.mark.parametrize(
    "document",
    [
        "nothing",
        [],
        {"files": []},
        {"files": {}, "version": SHA},
        {"files": [], "version": 1},
        {"files": [GOOD | {"cache": "sometimes"}], "version": SHA},
        {"files": [GOOD | {"size": -1}], "version": SHA},
        {"files": [GOOD | {"size": True}], "version": SHA},
        {"files": [GOOD | {"sha256": "0"}], "version": SHA},
        {"files": [GOOD | {"path": "/a"}], "version": SHA},
        {"files": [GOOD | {"path": "a/../../b"}], "version": SHA},
        {"files": [GOOD, GOOD], "version": SHA},
        {"files": [GOOD | {"path": "b"}, GOOD], "version": SHA},
    ],
)
def test_stored_manifest_is_read_strictly(document: object) -> None:
    with pytest.raises(ManifestError):
        Manifest.from_json(json.dumps(document))


def test_stored_manifest_that_is_not_json_is_refused() -> None:
    with pytest.raises(ManifestError, match="not UTF-8"):
        Manifest.from_json(b"\xff{")

"""What a page may load while either of two versions may have to be served."""

from __future__ import annotations

import pytest

from components.response_headers import union


@pytest.mark.parametrize(
    ("running", "coming", "expected"),
    [
        ("default-src 'self'", "default-src 'self'", "default-src 'self'"),
        ("default-src  'self' ;", "default-src 'self'", "default-src 'self'"),
        (
            "connect-src 'self' https://old.example.gov",
            "connect-src 'self' https://new.example.gov",
            "connect-src 'self' https://new.example.gov https://old.example.gov",
        ),
        # A directive that only one has falls back to the other's default-src.
        (
            "default-src 'self'; img-src https://cdn.example.gov",
            "default-src 'self'",
            "default-src 'self'; img-src 'self' https://cdn.example.gov",
        ),
        (
            "default-src 'none'; script-src https://scripts.example.gov",
            "default-src 'none'; worker-src 'self'",
            "default-src 'none'; worker-src 'self' https://scripts.example.gov; script-src https://scripts.example.gov",
        ),
        (
            "default-src 'none'; child-src a.gov",
            "default-src 'none'; script-src b.gov",
            "default-src 'none'; script-src b.gov; child-src a.gov; worker-src b.gov a.gov",
        ),
        # No limit in one of them is no limit.
        ("img-src 'self'", "default-src 'self'; form-action 'self'", "img-src 'self'"),
        ("frame-ancestors 'none'", "frame-ancestors https://a.example.gov", "frame-ancestors https://a.example.gov"),
        ("object-src 'none'", "object-src 'NONE'", "object-src 'NONE'"),
        ("sandbox allow-forms", "sandbox allow-scripts", "sandbox allow-scripts allow-forms"),
        ("upgrade-insecure-requests; img-src *", "img-src *", "img-src *"),
        ("img-src *; report-to old", "img-src a.gov; report-to new", "img-src a.gov *; report-to new"),
        ("IMG-SRC a.gov; img-src b.gov", "img-src c.gov", "img-src c.gov a.gov"),
        # A nonce would make 'unsafe-inline' of the other count for nothing: there is no union.
        ("script-src 'unsafe-inline'", "script-src 'nonce-r4nd0m'", "script-src 'nonce-r4nd0m'"),
        (
            "script-src 'sha256-a' b.gov",
            "script-src 'sha256-c' b.gov",
            "script-src 'sha256-c' b.gov 'sha256-a'",
        ),
    ],
)
def test_union_allows_what_either_allows(running: str, coming: str, expected: str) -> None:
    assert union(running, coming) == expected

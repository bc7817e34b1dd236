"""Gap: every connection on this machine is plain HTTP, and a policy that demands TLS would deny all of them.

A request counts as made over TLS: what is plain here is plain because the emulator is the other end.
"""

from __future__ import annotations

from typing import Any

from ministack.core import iam_evaluator


def close() -> None:
    iam_evaluator._resolve_condition_key = _over_tls(iam_evaluator._resolve_condition_key)


def _over_tls(resolve: Any) -> Any:
    def resolve_condition_key(key: str, context: Any) -> Any:
        return "true" if key.lower() == "aws:securetransport" else resolve(key, context)

    return resolve_condition_key

"""Gap: a function of the edge cannot read its key value store, and a store takes whatever it is sent.

A function that begins with `import cf from 'cloudfront'` gets what its store has at that moment; at AWS it would be so
a few seconds later ("Amazon CloudFront KeyValueStore", Amazon CloudFront Developer Guide). Limits: "Quotas on key value
stores" there, and UpdateKeys, Amazon CloudFront API Reference.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ministack.services import cloudfront, cloudfront_keyvaluestore

from local.emulator.gaps import around

IMPORT = b"import cf from 'cloudfront';"
MODULE = """\
const cf = {kvs: () => {
  const items = new Map(%s);
  return {
    exists: async key => items.has(key),
    get: async key => {
      if (!items.has(key)) throw new Error('KeyNotFound');
      return items.get(key);
    },
  };
}};
"""
MAX_UPDATES = 50
MAX_KEY_BYTES = 512
MAX_PAIR_BYTES = 1024
MAX_STORE_BYTES = 5 * 1024 * 1024


def code_with(code: bytes, items: Mapping[str, str]) -> bytes:
    """A function's code with what its store has in place of the import."""
    return code.replace(IMPORT, (MODULE % json.dumps(list(items.items()))).encode(), 1)


def refusal(
    puts: Iterable[tuple[str, str]], deletes: Iterable[str], items: Mapping[str, str]
) -> tuple[str, str] | None:
    """Why AWS does not take an update of a store that has `items`: code and message."""
    pairs, removed = list(puts), list(deletes)
    if not 0 < len(pairs) + len(removed) <= MAX_UPDATES:
        return "ValidationException", f"{len(pairs) + len(removed)} keys: expected 1 to {MAX_UPDATES}"
    for key, value in pairs:
        if len(key.encode()) > MAX_KEY_BYTES or len(key.encode()) + len(value.encode()) > MAX_PAIR_BYTES:
            return "ValidationException", f"{key[:40]} is too long"
    after = {**items, **dict(pairs)}
    size = sum(len(key.encode()) + len(value.encode()) for key, value in after.items() if key not in removed)
    if size > MAX_STORE_BYTES:
        return "ServiceQuotaExceededException", f"the store would have {size} bytes"
    return None


@around(cloudfront, "live_function_code")
def live_function_code(live: Any, arn: str) -> Any:
    code = live(arn)
    if code is None or IMPORT not in code:
        return code
    function = cloudfront._function_view(cloudfront._functions[arn.rpartition("/")[2]], "LIVE")
    stores = [cloudfront_keyvaluestore._stores.get(store) for store in function["kvs_arns"]]
    return code_with(code, stores[0]["items"] if stores and stores[0] else {})


@around(cloudfront_keyvaluestore, "_update_keys")
def update_keys(update: Any, arn: str, headers: Any, body: Any) -> Any:
    store, error = cloudfront_keyvaluestore._get_store(arn)
    if error:
        return error
    changes = json.loads(body or "{}")
    puts = [(put["Key"], put["Value"]) for put in changes.get("Puts") or ()]
    refused = refusal(puts, [delete["Key"] for delete in changes.get("Deletes") or ()], store["items"])
    return cloudfront_keyvaluestore._error(*refused, 400) if refused else update(arn, headers, body)

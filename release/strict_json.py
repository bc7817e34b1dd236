"""Until release/static names functions.strict_json itself."""

from functions.strict_json import MAX_BYTES, DamagedError, Form, camel, decode, fields, read, shown, value

__all__ = ["MAX_BYTES", "DamagedError", "Form", "camel", "decode", "fields", "read", "shown", "value"]

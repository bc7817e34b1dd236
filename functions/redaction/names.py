"""Which names say that their value is a secret, and which values are none all the same.

Pure; standard library only, as the deploy function uses it, too.

A name is looked at word by word: DB_PASSWORD, dbPassword, db.password and PGPASSWORD end in the same word, and
SECRET_KEY_BASE has one before its last.
"""

from __future__ import annotations

import enum
import re
import unicodedata
from typing import Final


class Kind(enum.Enum):
    """How much a name says about its value."""

    PASSWORD = enum.auto()
    """The value is a secret, whatever it looks like."""
    SECRET = enum.auto()
    """It is one, unless it is a sentence, an ARN, or a path."""
    KEY = enum.auto()
    """A key or token: it is one, unless it is also a short number."""
    BARE_KEY = enum.auto()
    """Called `key` and no more: it is one if it has letters and digits. Keys of objects and maps are called so, too."""
    HEADER = enum.auto()
    """Authorization: a scheme comes before the secret."""
    COOKIE = enum.auto()
    """Several pairs, each a secret."""


MAYBE: Final = re.compile(r"(?i)pass|pwd|pw|psw|secret|cred|token|key|auth|cookie|jwt|otp|sig|mnemonic|\bpin\b")
"""What every such name has: a quick way to leave out the others."""

_PASSWORDS: Final = ("password", "passwords", "passwd", "passwort", "passphrase", "passcode", "pass", "pwd")
_SECRETS: Final = ("secret", "secrets", "credential", "credentials", "creds")
_KEYS: Final = ("token", "tokens", "key", "keys")
_ENDINGS: Final = tuple(
    (ending, kind)
    for endings, kind in ((_PASSWORDS, Kind.PASSWORD), (_SECRETS, Kind.SECRET), (_KEYS, Kind.KEY))
    for ending in endings
)
_WORDS: Final = {
    **dict.fromkeys(("pw", "psw", "pswd", "pin", "otp", "totp", "mnemonic"), Kind.PASSWORD),
    "jwt": Kind.KEY,
}
_LAST_WORDS: Final = {
    **dict.fromkeys(("auth", "sig", "signature"), Kind.SECRET),
    "pass": Kind.KEY,
    "authorization": Kind.HEADER,
    **dict.fromkeys(("cookie", "cookies"), Kind.COOKIE),
}
"""These say it at the end of a name only; `pass` alone is also what a test says."""
_OTHER_WORDS: Final = re.compile(
    r"(?:by|com|encom|tres|over|under|sur)pass|(?:don|hoc|hot|jo[ck]|mon|pass|tur|whis)keys?|whiskey"
)
"""Words that only end like one."""
_ABOUT: Final = re.compile(
    r"alg|algorithm|arns?|audience|bits|class|column|counts?|created|days|dir|directory|disabled|enabled|endpoint"
    r"|errors?|exceptions?|exists|expiration|expired|expires|expiry|field|file|filename|folder|form|format|headers?"
    r"|hint|host|hours|ids?|index|input|invalid|issuer|kind|label|len|length|lifetime|limits?|manager|max|min|minutes"
    r"|missing|mode|names?|page|path|policy|port|prefix|provider|region|required|reset|rotation|rules?|scopes?|seconds"
    r"|service|set|size|state|status|store|suffix|timeout|ttl|types?|ur[il]|usage|used|user|username|valid|validator"
    r"|version"
)
"""What a name ends in that tells something about a secret: DB_PASSWORD_FILE, TOKEN_TTL, KeyError."""
_FILE: Final = re.compile(
    r"c|cc|conf|cpp|cs|go|h|html|java|jsx?|json|kt|mjs|php|properties|py|r[bs]|scala|sh|sql|toml|tsx?|txt|xml|ya?ml"
)
_HARMLESS_KEYS: Final = re.compile(
    r"cache|config|duplicate|foreign|group|hash|idempotency|index|lookup|map|max|message|min|num|object|partition"
    r"|primary|prompt|public|range|record|routing|row|s3|sort|total|unique"
)
"""Beside `key` or `token`, these make it one of a table, of a store, or a count."""
_WORD_BEGINS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SEPARATORS: Final = re.compile(r"[^A-Za-z0-9]++")
_PLAIN: Final = re.compile(
    r"true|false|yes|no|on|off|null|nil|none|undefined|unset|empty|missing|required|invalid|expired|incorrect|not"
    r"|\[?\(?(?:hidden|secret|redacted|masked|filtered|sensitive)\)?\]?|<[\w -]++>|\$\{[\w.:-]*+\}|\{\{[\w .-]*+\}\}"
    r"|[*\u2022.\u2026]++|x{3,}+",
    re.IGNORECASE,
)
_PATH: Final = re.compile(r"/[\w.-]++(?:/[\w.@+:-]++)++")
_SHORT_NUMBER: Final = re.compile(r"[\d.,%]{1,8}")
_MIXED: Final = re.compile(r"(?=.*?\d).*?[^\W\d_]", re.DOTALL)
_LOOKED_AT: Final = 256
"""Characters of a value that say whether it is plainly none."""


def kind(name: str) -> Kind | None:
    """What the value of a variable, member or option of this name is; None where the name does not say so."""
    plain = unicodedata.normalize("NFKC", name)
    words = [word.lower() for word in _SEPARATORS.split(_WORD_BEGINS.sub(" ", plain)) if word]
    if not MAYBE.search(plain) or not words or _FILE.fullmatch(words[-1]):
        return None
    kinds = [found for word in words if (found := _of_word(word)) is not None]
    if words[-1] in _LAST_WORDS and (not kinds or words == ["pass"]):
        return _LAST_WORDS[words[-1]]
    strongest = min(kinds, key=lambda one: one.value, default=None)
    if strongest is not None and _ABOUT.fullmatch(words[-1]):
        # An id of a key is none, nor is --secret-id of the AWS CLI; the secret_id of a role of Vault is a secret.
        return strongest if strongest is Kind.SECRET and words[-1] == "id" and "-" not in name else None
    if strongest is Kind.KEY and any(_HARMLESS_KEYS.fullmatch(word) for word in words):
        return None
    return Kind.BARE_KEY if words in (["key"], ["keys"]) else strongest


def _of_word(word: str) -> Kind | None:
    if word in _WORDS:
        return _WORDS[word]
    if _OTHER_WORDS.fullmatch(word):
        return None
    return next((kind for ending, kind in _ENDINGS if word.endswith(ending)), None)


def is_plain(value: str, of: Kind) -> bool:
    """Whether a value is plainly none that has to be hidden, for a name of this kind."""
    text = value[:_LOOKED_AT].strip("\"'`\\ ,;.")
    if len(value) > _LOOKED_AT and of is not Kind.BARE_KEY:
        return False
    if not text or _PLAIN.fullmatch(text) or text.startswith(("arn:aws", "[hidden]", "file://")):
        return True
    if of in (Kind.KEY, Kind.BARE_KEY) and _SHORT_NUMBER.fullmatch(text):
        return True
    if of in (Kind.KEY, Kind.BARE_KEY, Kind.SECRET) and _PATH.fullmatch(text):
        return True
    if of is Kind.BARE_KEY:
        return not _MIXED.match(text) or "/" in text or ":" in text
    return False

"""What a secret looks like in a text, and the text without it.

Pure; standard library only, as the deploy function uses it, too. It is a net, not a wall: a secret that has neither a
telling name nor the shape of one passes, so programs must not log theirs. What is found: the values of names that say
so (`names`, `pairs`), passwords in addresses, headers, tokens by the forms that their services give them,
private keys, and long words that a machine drew. The forms are those of the detectors of detect-secrets 1.5
(https://github.com/Yelp/detect-secrets), which itself takes a quarter of a second to load, does not say where in a line
it found something, and sees no value without quotes.

Anybody may put a line into a program's log. So the time is in proportion to the length: a line is cut before it is
looked at, repetitions are possessive, and no place is looked at again for each one before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from functions.redaction.names import Kind, is_plain, kind
from functions.redaction.pairs import Pairs, Span

HIDDEN: Final = "[hidden]"
LINE: Final = 2048
"""Characters of a line that are looked at."""
SHOWN: Final = LINE - 256
"""Characters that are kept of a longer line: nothing says what half a secret at the end of what is looked at was."""
LONG_VALUE: Final = 8
"""Characters from which a value that is given is hidden wherever it stands; a shorter one only as a word of its own."""
RANDOM: Final = 32
"""Characters from which a word may be a key."""

_AWS_KEY: Final = r"(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[A-Z0-9]{16}"
_TOKENS: Final = re.compile(
    rf"(?<![A-Za-z0-9])(?:{_AWS_KEY}|gh[opsur]_[A-Za-z0-9]{{20,}}+|npm_[A-Za-z0-9]{{30,}}+|hf_[A-Za-z0-9]{{30,}}+"
    r"|[prs]k_(?:live|test)_[A-Za-z0-9]{10,}+|(?:AC|SK)[0-9a-f]{32}(?!\w)|do[opr]_v1_[0-9a-f]{40,}+"
    r"|shp(?:at|ca|pa|ss)_[0-9A-Fa-f]{32}|[0-9a-f]{32}-us\d\d?|dapi[0-9a-f]{32}|pul-[0-9a-f]{40}"
    r"|AGE-SECRET-KEY-1[0-9A-Z]{50,}+|\d{8,10}:[\w-]{35}(?![\w-]))"
    r"|(?<![\w-])(?:eyJ[\w-]{4,}+(?:\.[\w-]*+)++|github_pat_\w{20,}+|gl[a-z]{1,4}-[\w-]{20,}+|xapp-[\w-]{10,}+"
    r"|xox[a-z]-[\w-]{10,}+|sk-[\w-]{16,}+|SG\.[\w-]{16,}+\.[\w-]{16,}+|pypi-[\w-]{16,}+|AIza[\w-]{30,}+"
    r"|ya29\.[\w-]{20,}+|sq0[a-z]{3}-[\w-]{20,}+|hv[brs]\.[\w-]{20,}+|dckr_pat_[\w-]{20,}+|NRAK-[\w-]{20,}+"
    r"|glsa_\w{20,}+|[MNO][\w-]{23,25}\.[\w-]{6}\.[\w-]{27,}+)"
    r"|(?<=hooks\.slack\.com/services/)[\w/]++|(?<=/api/webhooks/)\d++/[\w-]++"
)
_BEARER: Final = re.compile(r"(?i)(?<![\w-])(?:bearer\s++(?=[\w~+/.-]*?\d|[\w~+/.-]{20})|basic\s++(?=[\w+/]{8}))")
_CREDENTIALS: Final = re.compile(r"[\w~+/.-]++={0,2}+")
_CURL_USER: Final = re.compile(r"(?<!\S)(?:-u|--user)[\s=]['\"]?+[^\s:'\"]++:")
_URL: Final = re.compile(r"(?<![\w+.-])([A-Za-z][\w+.-]*+)://([^\s\"'`<>]*+)")
_QUOTE_IN_PASSWORD: Final = re.compile(r"[^\s/:@]*+:(?!\d*+[\"'`])[^\s/]*+")
_USER: Final = re.compile(r"(?<![\w./:@+-])(?!jdbc:)[\w.+-]{1,64}+:(?!//)([^\s\"'`<>]++)")
_AT_HOST: Final = re.compile(r"(?:tcp|udp|unix)?\(|(?!sha\d|v?\d+(?:\.\d+){0,2}(?![\d.]))[\w.-]++(?::\d|/)")
_ORACLE: Final = re.compile(r"(?:(?<![\w./@:-])|(?<=thin:)|(?<=oci:))[A-Za-z]\w{0,30}+/([^\s/\"'`;,()<>]++)")
_NOT_ORACLE: Final = re.compile(r"sha\d|v?\d+(?:\.\d+){0,2}(?![\d.])|[0-9a-f]{40}")
_WEB: Final = frozenset({"http", "https", "ws", "wss"})
_PORT: Final = re.compile(r"\d{0,5}(?:[/?#,;)\]}]|\Z)")
_TOKEN_USER: Final = re.compile(r"(?=[^\d]*+\d).{16,}", re.DOTALL)
_RANDOM: Final = re.compile(r"(?<![\w.-])arn:aws[\w-]*+:[^\s\"'`,]*+|(?P<word>[\w/+-]++={0,2}+)")
"""Words; those of an ARN are left out by matching it first."""
_KEY_BEGINS: Final = re.compile(r"-{2,5}+ ?BEGIN [A-Z0-9 ]{0,40}+")
_KEY_ENDS: Final = re.compile(r"-{2,5}+ ?END [A-Z0-9 ]{0,40}+")
_BASE64: Final = re.compile(r"\s*+[A-Za-z0-9+/=]{16,}+\s*+")


def hide(text: str, values: Mapping[str, str] | None = None) -> str:
    """The text without what looks like a secret, and without `values`, each of which becomes what it maps to.

    Lines stay lines; of one that is longer than 2 KiB, the beginning is kept.
    """
    whole = text.split("\n")
    lines = [line[:LINE] for line in whole]
    spans = _spans(lines)
    for number, line in enumerate(lines):
        spans[number] += _values(line, values or {})
        if len(whole[number]) > LINE:
            spans[number].append(Span(SHOWN, LINE, "…"))
    return "\n".join(map(_without, lines, spans))


def found_in(text: str) -> list[str]:
    """What would be hidden of a text, however long its lines are, without quotes around it."""
    lines = text.split("\n")
    return [
        line[span.start : span.end].strip("\"'`")
        for line, spans in zip(lines, _spans(lines), strict=True)
        for span in spans
    ]


def has_secret(text: str) -> bool:
    """Whether something of the text, however long its lines are, would be hidden."""
    return any(_spans(text.split("\n")))


def names_secret(name: str, value: str) -> bool:
    """Whether the name of a variable says that this value of it is a secret."""
    of = kind(name)
    return of is not None and of is not Kind.COOKIE and not is_plain(value, of)


def _without(line: str, spans: list[Span]) -> str:
    """The line with the spans replaced; of those that overlap, all by what the longest says."""
    shown: list[str] = []
    end, longest = 0, Span(0, 0)
    for span in [*sorted(spans), Span(len(line) + 1, len(line) + 1)]:
        if span.start < end:
            end = max(end, span.end)
            longest = max(longest, span, key=lambda one: one.end - one.start)
            continue
        if end:
            shown.append(longest.instead)
        shown.append(line[end : span.start])
        end, longest = span.end, span
    return "".join(shown)


def _values(line: str, values: Mapping[str, str]) -> Iterator[Span]:
    for value, instead in values.items():
        at = line.find(value)
        while at >= 0:
            end = at + len(value)
            if len(value) >= LONG_VALUE or _is_word(line, at, end):
                yield Span(at, end, instead)
            at = line.find(value, end)


def _is_word(line: str, start: int, end: int) -> bool:
    """Whether it is not a part of a longer name or path: dev is no word of reports-dev."""
    before, after = line[start - 1 : start] if start else "", line[end : end + 2]
    return not re.match(r"[\w./-]", before) and not re.match(r"[\w/-]|\.\w", after)


def _spans(lines: Sequence[str]) -> list[list[Span]]:
    """What is to be hidden of each line."""
    pairs = Pairs()
    spans = [[*pairs.of(line), *_shapes(line)] for line in lines]
    for number in _key_lines(lines):
        spans[number] = [Span(0, len(lines[number]))] if lines[number] else []
    return spans


def _key_lines(lines: Sequence[str]) -> Iterator[int]:
    """The lines that are the inside of a private key, of which the beginning may be missing."""
    inside = False
    for number, line in enumerate(lines):
        ends = _is_mark(_KEY_ENDS, line)
        if inside or ends:
            yield number
        if ends and not inside:
            before = number - 1
            while before >= 0 and _BASE64.fullmatch(lines[before]):
                yield before
                before -= 1
        inside = (inside or _is_mark(_KEY_BEGINS, line)) and not ends


def _is_mark(mark: re.Pattern[str], line: str) -> bool:
    return "PRIVATE KEY" in line and any("PRIVATE KEY" in match[0] for match in mark.finditer(line))


def _shapes(line: str) -> Iterator[Span]:
    """What looks like a secret in one line, whatever its name."""
    for begins in _KEY_BEGINS.finditer(line) if "PRIVATE KEY" in line else ():
        if "PRIVATE KEY" in begins[0]:
            yield Span(begins.start(), len(line))
    yield from (Span(token.start(), token.end()) for token in _TOKENS.finditer(line))
    for lead in (_BEARER, _CURL_USER):
        for match in lead.finditer(line):
            value = _CREDENTIALS.match(line, match.end())
            if value:
                yield Span(value.start(), value.end())
    if "@" in line:
        yield from _urls(line)
        yield from _users(line)
    if len(line) >= RANDOM:
        for word in _RANDOM.finditer(line):
            if word.lastgroup == "word" and len(word[0]) >= RANDOM and _is_random(word[0]):
                yield Span(word.start(), word.end())


def _urls(line: str) -> Iterator[Span]:
    """Passwords in addresses: up to the last @, as a password may have one, and a slash, too."""
    for url in _URL.finditer(line):
        rest = url[2]
        authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
        web = url[1].lower() in _WEB
        if "@" not in rest:
            quote = _QUOTE_IN_PASSWORD.match(line, url.start(2))
            if quote and "@" in quote[0]:
                yield from _userinfo(url.start(2), quote[0].rpartition("@")[0], web=web)
        elif "@" in authority or (":" in authority and not _PORT.match(rest, authority.index(":") + 1)):
            yield from _userinfo(url.start(2), rest.rpartition("@")[0], web=web)


def _userinfo(start: int, text: str, *, web: bool) -> Iterator[Span]:
    user, colon, _ = text.partition(":")
    if _TOKEN_USER.fullmatch(user) or (web and not colon and user != "git"):
        yield Span(start, start + len(text))
    elif colon:
        yield Span(start + len(user) + 1, start + len(text))


def _users(line: str) -> Iterator[Span]:
    """Passwords before a host without a scheme: user:…@tcp(db:3306)/name, and Oracle's scott/…@db."""
    for match in _USER.finditer(line):
        password, _, host = match[1].rpartition("@")
        if password and _AT_HOST.match(host):
            yield Span(match.start(1), match.start(1) + len(password))
    for match in _ORACLE.finditer(line):
        password, _, host = match[1].rpartition("@")
        if password and not _NOT_ORACLE.match(host):
            yield Span(match.start(1), match.start(1) + len(password))


def _is_random(word: str) -> bool:
    """Whether a long word is one that a machine drew from letters of both cases and digits.

    Digests and commits are hexadecimal, ids are lower-case, and a path has slashes.
    """
    if word.count("/") > len(word) / 12:
        return False
    return all(re.search(kind_of, word) for kind_of in ("[a-z]", "[A-Z]", "[0-9]"))

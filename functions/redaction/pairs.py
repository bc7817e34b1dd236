"""Where the values of telling names are in a line: NAME=value, "name": "value", --name value, and what is like these.

Pure. See `shapes`. Where a value ends is not always known: then more is hidden, never less.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from typing import Final, NamedTuple

from functions.redaction.names import MAYBE, Kind, is_plain, kind


class Span(NamedTuple):
    """A part of a line, and what is shown instead."""

    start: int
    end: int
    instead: str = "[hidden]"


_NAME: Final = re.compile(r"[\w.$-]++")
_SEPARATOR: Final = re.compile(
    r"""\\*+["'`\u201d\u2019]?+\]?+\s*+(?:=>|:=|={1,3}+|[\uff1a\uff1d]|:(?!:|//)|%3[dDaA])\s*+"""
    r"""|\\*+["']?+\s*+,?+\s*+\\*+["']?+[Vv]alue\\*+["']?+\s*+[:=]\s*+"""
)
"""Between name and value; the second is of {"name": "DB_PASSWORD", "value": …}."""
_SPACE: Final = re.compile(r"""\\*+["'`]?+\s++(?:(?:is|was|to|by)\s++)?+""", re.IGNORECASE)
_FLAG: Final = re.compile(r"\s++(?!-)")
_IN_DOCKERFILE: Final = re.compile(r"(?i)(?:^|\s)(?:env|arg|set|setenv|export)\s\Z")
_ADJECTIVE: Final = re.compile(r"(?i)(?:api|access|auth|encryption|master|private|secret|signing)\s\Z")
_FIRST: Final = re.compile(r"""[\s>+"'-]*+(?:(?:export|set|setenv|ENV|ARG)\s++)?+""")
_OPENING: Final = re.compile(r"""\\*+["'`\u201c\u201e\u00ab\u2018]""")
_CLOSING: Final = {"\u201c": "\u201d", "\u201e": "\u201c\u201d", "\u00ab": "\u00bb", "\u2018": "\u2019"}
_NAME_CHARACTERS: Final = string.ascii_letters + string.digits + "_.$-"
_LONGEST_NAME: Final = 64
_OPENS_AFTER: Final = "([{=:&\"'` \t"
"""Of an unquoted value, a quote after one of these opens what may have spaces: Some("a b")."""
_BRACKETS: Final = {"(": re.compile(r"[()]"), "[": re.compile(r"[\[\]]"), "{": re.compile(r"[{}]")}
_PIECE: Final = re.compile(
    r"""[^\s"'`\\,;&(\[{]++|\\++\S?|["'`]"""
    r"""|[,;&](?!\s|\Z|["'\\]|[A-Za-z_][\w.-]++\\*+["']?+\s*+[=:])"""
)
"""Of an unquoted value. The next pair comes after a comma that is none."""
_BEFORE_MARKS: Final = re.compile(r"""["'`,;&)\]}]""")
_PAIR_AHEAD: Final = re.compile(r"""[\s,;]["']?+[A-Za-z_][\w.-]*+["']?+\s*+[=:\uff1a\uff1d]""")
_SCHEME: Final = re.compile(r"""[\[("'\\]*+(?:basic|bearer|token|negotiate|apikey|ntlm|jwt)\s++""", re.IGNORECASE)
_IDENTIFIED_BY: Final = re.compile(r"(?i)\bidentified\s++(?:with\s++\S++\s++)?+(?:by|as)\s++(?:password\s++)?+")
_WORDS: Final = re.compile(r"[A-Za-z'\u2019-]++[.,:;]?+\s++[A-Za-z'\u2019(]")
_ARN: Final = re.compile(r"""(?<![\w.-])arn:aws[\w-]*+:[^\s"'`,]*+""")
_BLOCK: Final = re.compile(r"[|>][+-]?\d?\s*\Z")
_PAIR: Final = re.compile(r"""\s*+(?:-\s++)?+["']?+[\w.$-]++["']?+\s*+[:=]""")
_VALUE_LINE: Final = re.compile(r"""\s*+["']?+[Vv]alue["']?+\s*+[:=]\s*+""")
_NAME_LINE: Final = re.compile(r"""(?:^|[\s{,"'-])[Nn]ame["']?+\s*+[:=]\s*+["']?+\Z""")
_WORD_OF_SECRET: Final = re.compile(r"(?=\S*?\d)(?=\S*?[A-Za-z])\S{4,}+")
_BELOW: Final = re.compile(r"""["'\\]*+\s*+[:=]\s*+(?P<block>[|>][+-]?\d?\s*+)?\Z""")
_LAST: Final = re.compile(r"""["'\\, \t\r]*+\Z""")
_IN_PROSE: Final = frozenset({Kind.SECRET, Kind.KEY, Kind.BARE_KEY})
"""Of these, what follows may be a sentence: ExpiredToken: The security token is expired."""
_SENTENCES: Final = ("passphrase", "mnemonic")
"""Of these, the value may have several words wherever it stands."""


class Pairs:
    """Finds the values line by line: one may begin on the line after its name."""

    def __init__(self) -> None:
        self._indent: int | None = None
        """Of the name whose value is on the lines that are indented deeper."""
        self._verbatim = False
        """That value is a YAML block: what looks like a pair in it is none."""
        self._named: Kind | None = None
        """The line before ended in `name: DB_PASSWORD`."""

    def of(self, line: str) -> list[Span]:
        """The values in the next line."""
        if self._named is not None:
            named, self._named = self._named, None
            begins = _VALUE_LINE.match(line)
            if begins is not None:
                return list(_value(line, begins.end(), named, whole=True))
        if self._indent is not None:
            text = line.strip()
            if text and len(line) - len(line.lstrip()) <= self._indent:
                self._indent = None
            elif self._verbatim or not _PAIR.match(line):
                return [Span(line.index(text), len(line.rstrip()))] if text else []
        return [*(self._pairs(line) if MAYBE.search(line) else ()), *_of_statements(line)]

    def _pairs(self, line: str) -> list[Span]:
        spans: list[Span] = []
        first = _FIRST.match(line)
        # No part of an ARN is a name.
        names = _ARN.sub(lambda arn: " " * len(arn[0]), line)
        for name in _NAME.finditer(names):
            if spans and name.start() < spans[-1].end:
                continue
            of = kind(name[0])
            if of is not None:
                if of is Kind.BARE_KEY and _ADJECTIVE.search(line[max(0, name.start() - 16) : name.start()]):
                    of = Kind.KEY
                is_first = first is not None and name.start() == first.end()
                spans += _value_of(line, name, of, is_first=is_first)
                self._below(line, name, of, is_first=is_first)
        return spans

    def _below(self, line: str, name: re.Match[str], of: Kind, *, is_first: bool) -> None:
        """Notes that the value is on the lines to come."""
        if _LAST.match(line, name.end()) and _NAME_LINE.search(line[max(0, name.start() - 20) : name.start()]):
            self._named = of
        below = _BELOW.match(line, name.end()) if is_first else None
        if below is not None and (below["block"] or of in (Kind.PASSWORD, Kind.SECRET)):
            self._indent, self._verbatim = len(line) - len(line.lstrip()), bool(below["block"])


def _of_statements(line: str) -> Iterator[Span]:
    """Passwords in SQL."""
    end = 0
    for lead in _IDENTIFIED_BY.finditer(line):
        if lead.end() >= end:
            for span in _value(line, lead.end(), Kind.PASSWORD):
                end = span.end
                yield span


def _value_of(line: str, name: re.Match[str], of: Kind, *, is_first: bool) -> Iterator[Span]:
    """The value of a name, if there is one behind it. `is_first`: the name is what the line begins with."""
    start, end = name.span()
    before = line[start - 1 : start]
    if before == "<" and line.startswith(">", end):
        close = line.find(f"</{name[0]}", end)
        yield from _span(line, end + 1, len(line) if close < 0 else close, of)
        return
    separator = _SEPARATOR.match(line, end)
    if separator is not None:
        tight = separator[0] == ":"
        # …/token-api:7 is an image or a revision, 111122223333:secret:… the rest of an ARN.
        if tight and (before in ("/", "@") or (before == ":" and line[start - 2 : start - 1].isdigit())):
            return
        may_be_prose = of in _IN_PROSE and separator[0].endswith((": ", ":\t"))
        if not (may_be_prose and _WORDS.match(line, separator.end())):
            whole = is_first or any(word in name[0].lower() for word in _SENTENCES)
            yield from _value(line, separator.end(), of, whole=whole and of is Kind.PASSWORD)
        return
    flag = _FLAG.match(line, end)
    if flag is None:
        return
    if before == "-" or name[0].startswith("-") or _IN_DOCKERFILE.search(line[max(0, start - 10) : start]):
        yield from _value(line, flag.end(), of)
    elif of is Kind.PASSWORD:
        space = _SPACE.match(line, end)
        at = space.end() if space else end
        if _OPENING.match(line, at) or _WORD_OF_SECRET.match(line, at):
            yield from _value(line, at, of)


def _value(line: str, at: int, of: Kind, *, whole: bool = False) -> Iterator[Span]:
    """The value that begins at a place; `whole`: without quotes, it goes on to the next pair or the line's end."""
    if _BLOCK.match(line, at):
        return
    start, quoted = at, at
    opening = _OPENING.match(line, at)
    is_bare = opening is None and line[at : at + 1] not in ("[", "{", "(")
    scheme = _SCHEME.match(line, at) if of is Kind.HEADER else None
    if opening is not None:
        end = quoted = _closed(line, opening)
        if line[end : end + 1].isalnum() or line.startswith(("_", '"', "'", "`"), end):
            end = _word_end(line, end)
    elif is_bare and scheme is not None:
        end = _word_end(line, scheme.end())
    elif is_bare and of in (Kind.HEADER, Kind.COOKIE):
        end = len(line)
    elif is_bare and whole:
        ahead = _PAIR_AHEAD.search(line, at)
        end = ahead.start() if ahead else len(line.rstrip())
    else:
        end = _word_end(line, at)
    if scheme is not None and scheme.end() < end:
        start = scheme.end()
    yield from _span(line, start, end, of, line[at:quoted])


def _span(line: str, start: int, end: int, of: Kind, quoted: str = "") -> Iterator[Span]:
    """The value, unless it is plainly none. `quoted`: what is in quotes at its beginning."""
    value = line[start:end]
    # Brackets around the pair: (using password: YES).
    inside = value.rstrip(")]}")
    is_shown = is_plain(value, of) or (bool(inside) and is_plain(inside, of))
    if of is Kind.BARE_KEY:
        # What comes behind the value says nothing of it.
        is_shown = is_shown and is_plain(quoted or _BEFORE_MARKS.split(value, maxsplit=1)[0], of)
    if not is_shown:
        yield Span(start, end)


def _word_end(line: str, at: int) -> int:
    """The end of a value without quotes around it: white space or the next pair, outside of quotes and brackets."""
    start, has_mark = at, False
    while at < len(line):
        opening = _OPENING.match(line, at) if at - start <= 2 or line[at - 1] in _OPENS_AFTER else None
        piece = _PIECE.match(line, at)
        has_mark = has_mark or line[at] in "\"'`\\)]}&;"
        if opening is not None:
            at = _closed(line, opening)
        elif line[at] in _BRACKETS:
            at = _partner(line, at)
        elif piece is not None:
            at = piece.end()
        elif line[at].isspace() and has_mark and _is_told_on(line[max(start, at - _LONGEST_NAME) : at]):
            # The end of a text around the pair, and the name of the next one, whose value has to be hidden, too.
            space = _SPACE.match(line, at)
            at = space.end() if space else at + 1
        else:
            break
    return at


def _is_told_on(text: str) -> bool:
    """Whether a value is to come: a text ends in a separator, or in a telling name."""
    name = text[len(text.rstrip(_NAME_CHARACTERS)) :]
    return text.endswith((":", "=")) or (bool(name) and kind(name) is not None)


def _closed(line: str, opening: re.Match[str]) -> int:
    """The end of what a quote opened: at the same mark with as many backslashes, or the line's end."""
    at = opening.end()
    if opening[0][-1] in _CLOSING:
        last = max(line.rfind(mark, at) for mark in _CLOSING[opening[0][-1]])
        return last + 1 if last >= 0 else len(line)
    while (at := line.find(opening[0], at)) >= 0:
        if line[at - 1] != "\\":
            return at + len(opening[0])
        at += 1
    return len(line)


def _partner(line: str, at: int) -> int:
    """The end of what a bracket opened, or of the line."""
    depth = 0
    for bracket in _BRACKETS[line[at]].finditer(line, at):
        depth += 1 if bracket[0] in _BRACKETS else -1
        if depth == 0:
            return bracket.end()
    return len(line)

"""Where the values of telling names are in a line: NAME=value, "name": "value", --name value, and what is like these.

Pure. See `shapes`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from functions.redaction.line import Line, Quote
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
_PAIR_AHEAD: Final = re.compile(r"""[\s,;]["']?+[A-Za-z_][\w.-]*+["']?+\s*+[=:\uff1a\uff1d]""")
_SCHEME: Final = re.compile(r"""[\[("'\\]*+(?:basic|bearer|token|negotiate|apikey|ntlm|jwt)\s++""", re.IGNORECASE)
_LONG_SCHEME: Final = re.compile(r"(?:digest|aws4-[\w-]++|hawk|oauth|signature)\s", re.IGNORECASE)
_IDENTIFIED_BY: Final = re.compile(r"(?i)\bidentified\s++(?:with\s++\S++\s++)?+(?:by|as)\s++(?:password\s++)?+")
_COOKIES: Final = re.compile(r"(?:[^\s;]++;\s*+)*+[^\s;]++")
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
                return list(_Line(line).value(begins.end(), named, whole=True))
        if self._indent is not None:
            text = line.strip()
            if text and len(line) - len(line.lstrip()) <= self._indent:
                self._indent = None
            elif self._verbatim or not _PAIR.match(line):
                return [Span(line.index(text), len(line.rstrip()))] if text else []
        return self._pairs(line) if MAYBE.search(line) else list(_of_statements(_Line(line)))

    def _pairs(self, line: str) -> list[Span]:
        spans: list[Span] = []
        looked = _Line(line)
        arns = [(arn.start(), arn.end()) for arn in _ARN.finditer(line)]
        for name in _NAME.finditer(line):
            if spans and name.start() < spans[-1].end:
                continue
            while arns and arns[0][1] <= name.start():
                arns.pop(0)
            if arns and arns[0][0] <= name.start():
                continue
            of = kind(name[0])
            if of is not None:
                if of is Kind.BARE_KEY and _ADJECTIVE.search(line[max(0, name.start() - 16) : name.start()]):
                    of = Kind.KEY
                spans += looked.value_of(name, of)
                self._below(looked, name, of)
        return [*spans, *_of_statements(looked)]

    def _below(self, looked: _Line, name: re.Match[str], of: Kind) -> None:
        """Notes that the value is on the lines to come."""
        line = looked.text
        if _LAST.match(line, name.end()) and _NAME_LINE.search(line[max(0, name.start() - 20) : name.start()]):
            self._named = of
        below = _BELOW.match(line, name.end()) if name.start() == looked.first else None
        if below is not None and (below["block"] or of in (Kind.PASSWORD, Kind.SECRET)):
            self._indent, self._verbatim = len(line) - len(line.lstrip()), bool(below["block"])


def _of_statements(looked: _Line) -> Iterator[Span]:
    """Passwords in SQL."""
    end = 0
    for lead in _IDENTIFIED_BY.finditer(looked.text):
        if lead.end() >= end:
            for span in looked.value(lead.end(), Kind.PASSWORD):
                end = span.end
                yield span


class _Line(Line):
    """A line with its values."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        first = _FIRST.match(text)
        self.first = first.end() if first else 0
        """Where the first name would be."""

    def value_of(self, name: re.Match[str], of: Kind) -> Iterator[Span]:
        """The value of a name, if there is one behind it."""
        line, start, end = self.text, name.start(), name.end()
        before = line[start - 1 : start]
        if before == "<" and line.startswith(">", end):
            close = line.find(f"</{name[0]}", end)
            yield from self._span(end + 1, len(line) if close < 0 else close, of)
            return
        separator = _SEPARATOR.match(line, end)
        if separator is not None:
            tight = separator[0] == ":"
            # …/token-api:7 is an image or a revision, 111122223333:secret:… the rest of an ARN.
            if tight and (before in ("/", "@") or (before == ":" and line[start - 2 : start - 1].isdigit())):
                return
            may_be_prose = of in _IN_PROSE and separator[0].endswith((": ", ":\t"))
            if not (may_be_prose and _WORDS.match(line, separator.end())):
                whole = start == self.first or any(word in name[0].lower() for word in _SENTENCES)
                yield from self.value(separator.end(), of, whole=whole and of is Kind.PASSWORD)
            return
        flag = _FLAG.match(line, end)
        if flag is None:
            return
        if before == "-" or name[0].startswith("-") or _IN_DOCKERFILE.search(line[max(0, start - 10) : start]):
            yield from self.value(flag.end(), of)
        elif of is Kind.PASSWORD:
            space = _SPACE.match(line, end)
            at = space.end() if space else end
            if _OPENING.match(line, at) or _WORD_OF_SECRET.match(line, at):
                yield from self.value(at, of)

    def value(self, at: int, of: Kind, *, whole: bool = False) -> Iterator[Span]:
        """The value that begins at a place; `whole`: without quotes, it goes on to the next pair or the line's end."""
        line, inside = self.text, self.inside(at)
        if _BLOCK.match(line, at):
            return
        opening = _OPENING.match(line, at)
        start = at
        if opening is not None:
            quote = Quote(opening[0][-1], len(opening[0]) - 1)
            if inside is not None and quote == inside.quote:
                return
            end = self.closed(opening.end(), quote)
            if end < len(line) and (line[end].isalnum() or line[end] in "_\"'`"):
                end = self.word_end(end, inside)
        elif of is Kind.HEADER and _LONG_SCHEME.match(line, at):
            end = len(line)
        elif of is Kind.HEADER and (scheme := _SCHEME.match(line, at)) and not line.startswith(("[", "("), at):
            end = self.word_end(scheme.end(), inside)
        elif of is Kind.COOKIE and not line.startswith(("[", "{"), at):
            cookies = _COOKIES.match(line, at)
            end = cookies.end() if cookies else at
        elif whole and line[at : at + 1] not in ("[", "{", "("):
            ahead = _PAIR_AHEAD.search(line, at)
            end = ahead.start() if ahead else len(line.rstrip())
        else:
            end = self.word_end(at, inside)
        if of is Kind.HEADER and (scheme := _SCHEME.match(line, at)) and scheme.end() < end:
            start = scheme.end()
        yield from self._span(start, end, of)

    def _span(self, start: int, end: int, of: Kind) -> Iterator[Span]:
        if not is_plain(self.text[start:end], of):
            yield Span(start, end)

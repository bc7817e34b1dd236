"""How a line is quoted and bracketed, and where a value in it ends. Pure.

Whatever is asked, the line is gone through once, forward: see `shapes`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Final, NamedTuple


class Quote(NamedTuple):
    """A quotation mark with the backslashes before it: one in JSON that is a string of JSON, three in the next."""

    mark: str
    depth: int


class Opened(NamedTuple):
    """A quotation mark that is open at some place, and where it is."""

    quote: Quote
    at: int


_BACKSLASHES: Final = re.compile(r"\\++")
_QUOTES: Final = re.compile(r"""(?<!\\)\\*+["'`]""")
_CLOSING: Final = {
    "\u201c": re.compile(r"(?<!\\)\\*+\u201d"),
    "\u201e": re.compile(r"(?<!\\)\\*+[\u201c\u201d]"),
    "\u00ab": re.compile(r"(?<!\\)\\*+\u00bb"),
    "\u2018": re.compile(r"(?<!\\)\\*+\u2019"),
}
_RUN: Final = re.compile(r"""[^\s"'`\\,;&(){}\[\]>]++""")
_NEXT: Final = re.compile(r"""\s|\Z|["'\\]|[A-Za-z_][\w.-]++\\*+["']?+\s*+[=:]""")
_BRACKETS: Final = re.compile(r"[()\[\]{}<>]")
_PARTNERS: Final = {"(": ")", "[": "]", "{": "}", "<": ">"}
_CLOSED: Final = re.compile(r"""[\s,;&)\]}>"'`\\.:]|\Z""")


class Line:
    """One line, with what is found out about it only once."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._partners: dict[int, int] | None = None
        self._quotes: tuple[list[int], list[Opened | None]] | None = None
        self._words: dict[Opened | None, tuple[int, int]] = {}
        """By the quote around it: the last value without quotes that was looked at."""

    def closed(self, at: int, quote: Quote) -> int:
        """The end of what was opened by a quote, or of the line."""
        for match in _CLOSING.get(quote.mark, _QUOTES).finditer(self.text, at):
            same = match[0][-1] == quote.mark or quote.mark in _CLOSING
            if same and _closes(len(match[0]) - 1, quote.depth):
                return match.end()
        return len(self.text)

    def _partner(self, at: int) -> int:
        """Where the bracket here is closed, or was opened; -1 if it is not."""
        if self._partners is None:
            self._partners = {}
            opened: dict[str, list[int]] = {")": [], "]": [], "}": [], ">": []}
            for match in _BRACKETS.finditer(self.text):
                if match[0] in _PARTNERS:
                    opened[_PARTNERS[match[0]]].append(match.start())
                elif opened[match[0]]:
                    start = opened[match[0]].pop()
                    self._partners |= {start: match.start(), match.start(): start}
        return self._partners.get(at, -1)

    def inside(self, at: int) -> Opened | None:
        """The innermost quote that is open at a place."""
        places, states = self._quotes = self._quotes or self._read_quotes()
        return states[bisect_right(places, at)]

    def _read_quotes(self) -> tuple[list[int], list[Opened | None]]:
        """Where the quotes are; and before the first and after each, which is open."""
        places: list[int] = []
        states: list[Opened | None] = [None]
        opened: dict[Quote, int] = {}
        for match in _QUOTES.finditer(self.text):
            quote = Quote(match[0][-1], len(match[0]) - 1)
            last = next(reversed(opened), None)
            if last is not None and quote.mark == last.mark and _closes(quote.depth, last.depth):
                del opened[last]
            elif quote in opened:
                while opened.popitem()[0] != quote:
                    pass
            elif quote.mark != "'" or not self.text[match.start() - 1 : match.start()].isalnum():  # no apostrophe
                opened[quote] = match.start()
            places.append(match.end())
            last = next(reversed(opened), None)
            states.append(None if last is None else Opened(last, opened[last]))
        return places, states

    def word_end(self, at: int, inside: Opened | None) -> int:
        """Where a value without quotes ends: at white space, or what cannot be a part of it here."""
        start, end = self._words.get(inside, (0, 0))
        if not start <= at < end:  # else it is the rest of the same value
            start, end = self._words[inside] = at, self._end(at, inside)
        return end

    def _end(self, at: int, inside: Opened | None) -> int:
        text, start = self.text, at
        while at < len(text):
            run = _RUN.match(text, at)
            char = text[at]
            if run is not None:
                at = run.end()
            elif char == "\\" or (inside is not None and char == inside.quote.mark):
                after = self._escaped(at, inside)
                if after is None:
                    break
                at = after
            elif char in "\"'`":
                opens = at - start <= 2 or text[at - 1] in "([{=:&\"'`"
                at = self.closed(at + 1, Quote(char, 0)) if opens and text.find(char, at + 1) > 0 else at + 1
            elif char in "([{":
                at = max(at, self._partner(at)) + 1
            elif char.isspace() or self._stops(at, start, inside):
                break
            else:
                at += 1
        return min(at, len(text))

    def _stops(self, at: int, start: int, inside: Opened | None) -> bool:
        """Whether the next pair comes after this character, or a bracket from before the value ends with it."""
        if self.text[at] in ",;&":
            return _NEXT.match(self.text, at + 1) is not None
        around = -1 if inside is None else inside.at
        return around < self._partner(at) < start and _CLOSED.match(self.text, at + 1) is not None

    def _escaped(self, at: int, inside: Opened | None) -> int | None:
        """What is after the backslashes here; None if they and what follows them end the value."""
        run = _BACKSLASHES.match(self.text, at)
        end = run.end() if run else at
        mark = self.text[end : end + 1]
        if inside is None or mark == "":
            return end
        if mark == inside.quote.mark:
            return None if _closes(end - at, inside.quote.depth) else end + 1
        return None if mark in ("n", "r", "t") and end > at else end


def _closes(backslashes: int, depth: int) -> bool:
    """Whether a mark after so many backslashes ends a string that was opened with `depth` of them.

    Each level of JSON in JSON doubles the backslashes and adds one for the mark; an even number of those of its own
    are escaped backslashes.
    """
    rest = backslashes - depth
    return rest >= 0 and rest % (depth + 1) == 0 and rest // (depth + 1) % 2 == 0

"""A text of somebody else, as people may see it: a line stays one line, and nothing in it is a command. Pure.

Anybody who may push a commit, log a line or comment chooses the text. A terminal obeys control characters, separators
and bidirectional controls forge lines or their order, and GitHub's runner obeys lines of a job's log.
"""

from __future__ import annotations

import re
from typing import Final

SEQUENCES: Final = re.compile(r"\x1b\[[0-?]*+[ -/]*+[@-~]")
"""Terminal sequences, by which programs color their logs."""
_ESCAPED: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029"  # control characters but tab and new line; separators of lines
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"  # Bidi_Control (Unicode Standard Annex #9)
    r"|(?<=##)\["  # `##[command]`, anywhere in a line; see `_COMMAND`
)
_COMMAND: Final = re.compile(r"(?m)^([^\S\n]*):(?=:)")
"""`::command::` at the beginning of a line (actions/runner, ActionCommand.cs)."""
_NO_TEXT: Final = re.compile(r"[\ud800-\udfff]")
"""A byte that was no UTF-8, as `surrogateescape` keeps it."""


def shown(text: str) -> str:
    r"""The text without terminal sequences; what else is not to be obeyed is shown as \uXXXX. New lines stay."""
    text = SEQUENCES.sub("", text.replace("\r\n", "\n"))
    text = _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return _COMMAND.sub(r"\1\\u003a", _NO_TEXT.sub("\ufffd", text))


def line(text: str) -> str:
    r"""The same on one line, where a text has a line to itself: its new lines are \u000a."""
    return shown(text.replace("\n", "\\u000a"))

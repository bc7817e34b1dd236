"""The expressions of GitHub's workflows, as far as ours use them. What is not known here is an error, never false.

https://docs.github.com/en/actions/reference/workflows-and-actions/expressions
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

STATUS = frozenset({"always", "success", "failure", "cancelled"})
"""Functions of which a condition has to call one, or `success() &&` is put in front of it. Ours use no others."""

_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[A-Za-z_][\w-]*)"
    r"|(?P<sign>==|!=|&&|\|\||[!().,\[\]])|(?P<end>$))"
)

Functions = Mapping[str, Callable[..., Any]]


class WorkflowError(Exception):
    """A workflow says what GitHub would refuse, or what these tests do not know."""


class Known(dict[str, Any]):
    """A context in which a name that is not there is an error; GitHub would take it for an empty string."""

    def __missing__(self, key: str) -> Any:
        raise WorkflowError(f"{key!r} is not there; there are: {', '.join(sorted(self)) or 'none'}")


def evaluate(text: str, contexts: Mapping[str, Any], status: Functions | None = None) -> Any:
    """The value of one expression, without its braces."""
    return _Parser(text, Known(contexts), status or {}).value()


def condition(text: object, contexts: Mapping[str, Any], status: Functions) -> bool:
    """Whether a job or a step with this `if` runs; None is one without it."""
    said = str(text).lower() if isinstance(text, bool) else str(text if text is not None else "success()")
    whole = _EXPRESSION.fullmatch(said.strip())
    said = whole.group(1) if whole else said
    if "${{" in said:
        raise WorkflowError(f"if: {said!r} is partly an expression: GitHub takes that for a text, which is always true")
    value = evaluate(said, contexts, status)
    if not STATUS & {token for kind, token in _tokens(said) if kind == "name"}:
        value = status["success"]() and value
    return truth(value)


def fill(value: Any, contexts: Mapping[str, Any]) -> Any:
    """A value of the YAML with its expressions replaced. One that is an expression as a whole keeps its type."""
    if isinstance(value, dict):
        return {key: fill(item, contexts) for key, item in value.items()}
    if isinstance(value, list):
        return [fill(item, contexts) for item in value]
    if not isinstance(value, str):
        return value
    whole = _EXPRESSION.fullmatch(value.strip())
    if whole and "${{" not in whole.group(1):
        return evaluate(whole.group(1), contexts)
    return _EXPRESSION.sub(lambda found: text(evaluate(found.group(1), contexts)), value)


def text(value: Any) -> str:
    """A value as it stands in a text or in a variable."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        raise WorkflowError(f"a {type(value).__name__} where a text is wanted: {value}")
    return f"{value:g}" if isinstance(value, float) else str(value)


def truth(value: Any) -> bool:
    return value not in (None, False, 0, "")


def _tokens(source: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    at = 0
    while at < len(source) or not tokens:
        found = _TOKEN.match(source, at)
        if found is None or found.lastgroup is None:
            raise WorkflowError(f"{source!r} is not understood at {source[at : at + 20]!r}")
        if found.lastgroup == "end":
            break
        tokens.append((found.lastgroup, found.group(found.lastgroup)))
        at = found.end()
    return tokens


def _number(value: Any) -> float:
    if value is None or isinstance(value, bool | int | float):
        return float(value or 0)
    try:
        return float(value or 0)
    except (TypeError, ValueError):
        return float("nan")


def _equal(one: Any, other: Any) -> bool:
    """Loosely, as GitHub documents it: texts without regard to case, different types as numbers."""
    if isinstance(one, str) and isinstance(other, str):
        return one.lower() == other.lower()
    if type(one) is type(other) or isinstance(one, dict | list) or isinstance(other, dict | list):
        return bool(one == other)
    return _number(one) == _number(other)


class _Parser:
    """By recursive descent: or, and, comparison, not, then what a value is made of."""

    def __init__(self, source: str, contexts: Known, functions: Functions) -> None:
        self.source, self.contexts, self.functions = source, contexts, functions
        self.tokens = _tokens(source)

    def value(self) -> Any:
        value = self._or()
        if self.tokens:
            raise WorkflowError(f"{self.source!r} is not understood at {self.tokens[0][1]!r}")
        return value

    def _taken(self, *signs: str) -> str | None:
        if self.tokens and self.tokens[0][0] == "sign" and self.tokens[0][1] in signs:
            return self.tokens.pop(0)[1]
        return None

    def _wanted(self, sign: str) -> None:
        if not self._taken(sign):
            raise WorkflowError(f"{self.source!r}: {sign!r} is missing")

    def _or(self) -> Any:
        value = self._and()
        while self._taken("||"):
            other = self._and()
            value = value if truth(value) else other
        return value

    def _and(self) -> Any:
        value = self._comparison()
        while self._taken("&&"):
            other = self._comparison()
            value = other if truth(value) else value
        return value

    def _comparison(self) -> Any:
        value = self._not()
        while sign := self._taken("==", "!="):
            value = _equal(value, self._not()) is (sign == "==")
        return value

    def _not(self) -> Any:
        return not truth(self._not()) if self._taken("!") else self._property(self._primary())

    def _property(self, value: Any) -> Any:
        while sign := self._taken(".", "["):
            key = self._name() if sign == "." else self._or()
            if sign == "[":
                self._wanted("]")
            if value is not None and not isinstance(value, dict):
                raise WorkflowError(f"{self.source!r}: {value!r} has no {key!r}")
            value = None if value is None else value[key] if isinstance(value, Known) else value.get(key)
        return value

    def _name(self) -> str:
        if not self.tokens or self.tokens[0][0] != "name":
            raise WorkflowError(f"{self.source!r}: a name is missing")
        return self.tokens.pop(0)[1]

    def _primary(self) -> Any:
        if self._taken("("):
            value = self._or()
            self._wanted(")")
            return value
        if self.tokens and self.tokens[0][0] == "string":
            return self.tokens.pop(0)[1][1:-1].replace("''", "'")
        if self.tokens and self.tokens[0][0] == "number":
            return float(self.tokens.pop(0)[1])
        name = self._name()
        if self._taken("("):
            return self._call(name)
        literals = {"true": True, "false": False, "null": None}
        return literals[name] if name in literals else self.contexts[name]

    def _call(self, name: str) -> Any:
        given: list[Any] = []
        while not self._taken(")"):
            if given:
                self._wanted(",")
            given.append(self._or())
        if name not in self.functions:
            raise WorkflowError(f"{self.source!r}: the function {name} is not known here")
        return self.functions[name](*given)

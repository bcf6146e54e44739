"""A YAML file of rules, read node by node: every mistake is named by its line, and values stay as they are
written (007 is not 7, yes is not true)."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import yaml

from supernet.data.readers.files import require_file
from supernet.evaluation.rules.book import KINDS, Book, Place, Rule
from supernet.runtime import InputError

RULES, SEPARATORS = "rules", "separators"
EXAMPLE = "'rules:' and below it, for example, '- {exclude: genres, equals: [Horror]}'"


class _At(NamedTuple):
    """A place in the file, for messages. rule: the number of the rule, 0 outside of any."""

    path: Path
    node: yaml.Node
    key: str = ""
    rule: int = 0

    def fail(self, why: str) -> NoReturn:
        rule = f", rule {self.rule}" if self.rule else ""
        key = f"{self.key}: " if self.key else ""
        raise InputError(f"{self.path}, line {self.line}{rule}: {key}{why}")

    @property
    def line(self) -> int:
        return int(self.node.start_mark.line) + 1


def read_rules(path: Path) -> Book:
    """The book of a file: under `rules` a list of mappings, each with its kind and attribute (`exclude:
    genres`) and the other fields of its class in `book`; `separators`, attribute → text, if needed.

    Errors: InputError naming file, line, rule, key and what was found, for a file that is missing or no YAML,
    a key that is unknown, missing or there twice, a number out of range, and a file without a rule.
    """
    path = require_file(path)
    text = _text(path)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        what = getattr(error, "problem", None) or str(error)
        raise InputError(f"{path}{line}: is not YAML: {what}; mind brackets, colons and indents") from None
    if root is None:
        raise InputError(f"{path}: holds no rule; write {EXAMPLE}, or leave rules out")
    parts = _mapping(_At(path, root), (RULES, SEPARATORS))
    parting = _mapping(parts[SEPARATORS], None) if SEPARATORS in parts else {}
    separators = {name: _word(at) for name, at in parting.items()}
    listed = _listed(parts[RULES]) if RULES in parts else []
    if not listed:
        raise InputError(f"{path}: holds no rule; write {EXAMPLE}, or leave rules out")
    rules = tuple(_rule(at._replace(key="", rule=number)) for number, at in enumerate(listed, start=1))
    return Book(path, rules, separators, text)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 ({error.reason} at byte {error.start}); save it so") from None


def _rule(at: _At) -> Rule:
    every = [name for of in KINDS.values() for name in _fields(of)]
    given = _mapping(at, dict.fromkeys([*KINDS, *every]))
    kinds = [kind for kind in KINDS if kind in given]
    if len(kinds) != 1:
        found = " and ".join(kinds) if kinds else ", ".join(given) or "nothing"
        at.fail(f"a rule is exactly one of {', '.join(KINDS)}, found {found}; such as {{exclude: genres, …}}")
    of, wanted = KINDS[kinds[0]], _fields(KINDS[kinds[0]])
    attribute = _word(given.pop(kinds[0]))
    for name, where in given.items():
        if name not in wanted:
            where.fail(f"is no key of {kinds[0]}; its keys are: {', '.join(wanted)}")
    missing = [name for name, needed in wanted.items() if needed and name not in given]
    if missing:
        at.fail(f"{missing[0]} is missing; the keys of {kinds[0]} are: {', '.join(wanted)}")
    values: dict[str, Any] = {name: VALUES[name](where) for name, where in given.items()}
    if (values.get("in_top") or math.inf) <= values.get("at_most", 0):
        at.fail(
            f"at_most {values['at_most']} can never be broken in_top {values['in_top']}; give a lower at_most"
        )
    return of(place=Place(at.line, at.rule), attribute=attribute, **values)


def _fields(of: type[Rule]) -> dict[str, bool]:
    """The keys that a rule has beside its kind, and whether it needs them."""
    return {
        item.name: item.default is MISSING for item in fields(of) if item.name not in ("place", "attribute")
    }


def _mapping(at: _At, known: Iterable[str] | None) -> dict[str, _At]:
    """Key → its value. known: the keys there may be, None for any."""
    if not isinstance(at.node, yaml.MappingNode):
        at.fail(f"{_said(at.node)} is no mapping of keys to values" + _keys(known))
    found: dict[str, _At] = {}
    for name, node in at.node.value:
        key = str(name.value)
        if known is not None and key not in known:
            close = difflib.get_close_matches(key, list(known), n=1)
            hint = f" (did you mean {close[0]}?)" if close else ""
            at._replace(node=name).fail(f"no key {key!r}{hint}" + _keys(known))
        where = at._replace(node=name, key=f"{at.key}.{key}" if at.key else key)
        if key in found:
            where.fail("is there twice; join the two")
        found[key] = where._replace(node=node)
    return found


def _keys(known: Iterable[str] | None) -> str:
    return "" if known is None else f"; the keys here are: {', '.join(known)}"


def _listed(at: _At) -> list[_At]:
    if not isinstance(at.node, yaml.SequenceNode):
        at.fail(f"{_said(at.node)} is no list; start every rule by '- '")
    return [at._replace(node=node) for node in at.node.value]


def _word(at: _At) -> str:
    if not isinstance(at.node, yaml.ScalarNode) or at.node.tag.endswith(":null") or not at.node.value:
        at.fail(f"must be a text, found {_said(at.node)}")
    return str(at.node.value)


def _words(at: _At) -> tuple[str, ...]:
    several = isinstance(at.node, yaml.SequenceNode)
    words = [_word(each).strip() for each in (_listed(at) if several else [at])]
    if not words or "" in words:
        at.fail("must be a value or a list of values, none of them empty")
    return tuple(dict.fromkeys(words))


def _count(at: _At) -> int:
    word = _word(at)
    if not (word.isascii() and word.isdigit() and int(word) >= 1):
        at.fail(f"must be a whole number of at least 1, found {word!r}")
    return int(word)


def _shift(at: _At) -> float:
    word = _word(at)
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value == 0:
        at.fail(f"must be a number other than 0, in standard deviations of a user's scores, found {word!r}")
    return value


def _said(node: yaml.Node) -> str:
    return repr(node.value) if isinstance(node, yaml.ScalarNode) else f"a {node.id}"


VALUES: dict[str, Callable[[_At], Any]] = {
    "equals": _words,
    "at_most": _count,
    "in_top": _count,
    "add": _shift,
}

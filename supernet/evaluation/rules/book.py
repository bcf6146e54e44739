"""What experts may ask for: the kinds of rules, as they stand in a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple


class Place(NamedTuple):
    """Where a rule stands in its file, both counted from 1."""

    line: int
    number: int

    def __str__(self) -> str:
        return f"line {self.line}, rule {self.number}"


@dataclass(frozen=True)
class Exclude:
    """No list holds an item whose `attribute` has one of the values `equals`. place: in the file."""

    place: Place
    attribute: str
    equals: tuple[str, ...]
    kind = "exclude"

    def __str__(self) -> str:
        return f"no {_is(self.attribute, self.equals)}"


@dataclass(frozen=True)
class Cap:
    """Of each value of `attribute` (or of those in `equals`) the first `in_top` places of a list, or the
    whole list, hold at most `at_most` items; an item of several values counts for each."""

    place: Place
    attribute: str
    at_most: int
    equals: tuple[str, ...] = ()
    in_top: int | None = None
    kind = "cap"

    def __str__(self) -> str:
        of = _is(self.attribute, self.equals) if self.equals else f"each value of {self.attribute}"
        where = f" in the first {self.in_top}" if self.in_top is not None else ""
        return f"at most {self.at_most} of {of}{where}"


@dataclass(frozen=True)
class Boost:
    """Items whose `attribute` has one of the values `equals` score higher by `add` standard deviations of the
    user's scores over all items; below 0: lower."""

    place: Place
    attribute: str
    equals: tuple[str, ...]
    add: float
    kind = "boost"

    def __str__(self) -> str:
        return f"{self.add:+g} sd for {_is(self.attribute, self.equals)}"


Rule = Exclude | Cap | Boost
KINDS: dict[str, type[Rule]] = {"exclude": Exclude, "cap": Cap, "boost": Boost}


@dataclass(frozen=True)
class Book:
    """The rules of a file in their order. separators: attribute → what stands between the values of a cell;
    text: of the file, whole."""

    path: Path
    rules: tuple[Rule, ...]
    separators: Mapping[str, str]
    text: str

    def without(self, rule: Rule) -> Book:
        """The same without one of its rules."""
        return replace(self, rules=tuple(other for other in self.rules if other is not rule))


def _is(attribute: str, values: tuple[str, ...]) -> str:
    return f"{attribute} = {' or '.join(values)}"

"""A book of rules and the items of a data set become arrays; what does not fit is named by its place."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from supernet.data.attributes import ITEM, Attribute, attribute, attribute_names
from supernet.data.dataset import Dataset
from supernet.evaluation.rules.apply import Rules
from supernet.evaluation.rules.book import Book, Boost, Cap, Exclude, Rule
from supernet.evaluation.rules.caps import Caps
from supernet.runtime import InputError

Attributes = Mapping[str, Attribute]


@dataclass(frozen=True, eq=False)
class Bound:
    """Rules bound to items. members: of each rule of the book, the items that it is about, (N_items,) bool;
    without: for each rule, the rules but that one; notes: what was found that is no mistake."""

    book: Book
    rules: Rules
    members: tuple[Tensor, ...]
    without: tuple[Rules, ...]
    notes: tuple[str, ...]

    @property
    def digest(self) -> str:
        """A fingerprint of the text and of what it means for the items."""
        arrays = [array.numpy().tobytes() for array in self.rules.arrays().values()]
        return hashlib.sha256(b"".join([self.book.text.encode(), *arrays])).hexdigest()[:12]


def bind(book: Book, data: Dataset, top: int) -> Bound:
    """The rules of `book` for the items of `data`, for lists of `top` items: a cap without in_top is for so
    many places.

    A value that only items outside the data have (their pairs were filtered out) is noted; so is an id that
    is unknown where no table lists all ids, a cap that no list can break, and a value that other cells hold
    beside more.
    Errors: InputError naming line, rule and key for an attribute that items do not have and a value that no
    item has, with those that come close; and where the exclusions leave no item.
    """
    for rule in book.rules:
        _check_attribute(data, rule.attribute, f"{book.path}, {rule.place}: {rule.kind}")
    for name in book.separators:
        _check_attribute(data, name, f"{book.path}: separators")
    named = dict.fromkeys(rule.attribute for rule in book.rules)
    found = {name: attribute(data, name, book.separators.get(name)) for name in named}
    notes = [note for rule in book.rules for note in _notes(book, rule, found[rule.attribute], data, top)]
    members = [_members(rule, found[rule.attribute], data.n_items) for rule in book.rules]
    rules = _rules(book.rules, found, data.n_items, top)
    if bool(rules.excluded.all()):
        raise InputError(f"{book.path}: the exclusions leave none of the {data.n_items:,} items; relax them")
    return Bound(
        book,
        rules,
        tuple(members),
        tuple(_rules(book.without(rule).rules, found, data.n_items, top) for rule in book.rules),
        tuple(notes),
    )


def rules_for_new(bound: Bound, data: Dataset, ids: np.ndarray, top: int, beside: bool) -> Rules:
    """The same rules for new items with these ids, (N',), or with `beside` for the items of `data` and the
    new ones after them. What a new item has, the table of items says; it has no title but there."""
    blank = np.full(len(ids), "", dtype=object)
    if beside:
        ids, blank = np.concatenate([data.item_ids, ids]), np.concatenate([data.titles, blank])
    items = replace(data, item_ids=ids, titles=blank, text=None)
    named = dict.fromkeys(rule.attribute for rule in bound.book.rules)
    found = {name: attribute(items, name, bound.book.separators.get(name)) for name in named}
    return _rules(bound.book.rules, found, len(ids), top)


def _check_attribute(data: Dataset, name: str, where: str) -> None:
    names = attribute_names(data)
    if name in names:
        return
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else "choose one of these"
    table = "" if data.item_table else ", as the data has no table of items (data.items_path, or items.tsv)"
    raise InputError(
        f"{where}: items have no attribute {name!r}; they have: {', '.join(names)}{table}; {hint}"
    )


def _notes(book: Book, rule: Rule, found: Attribute, data: Dataset, top: int) -> list[str]:
    """What is to be told of a rule. Errors: InputError for a value that nothing has."""
    known, notes = set(found.values), []
    where = f"{book.path}, {rule.place}"
    for value in rule.equals:
        cell = None if rule.attribute == ITEM else _cell_with(value, found.values)
        if value not in known:
            if value not in found.absent and (rule.attribute != ITEM or data.item_table is not None):
                raise InputError(f"{where}: equals: {_unknown(rule.attribute, value, found)}")
            notes.append(f"{where}: no item of the data has {rule.attribute} = {value}")
        elif cell is not None:
            notes.append(
                f"{where}: {value} is not found in {cell!r}; if such cells hold several values, say what "
                f"parts them: separators: {{{rule.attribute}: …}}"
            )
    if isinstance(rule, Cap) and rule.at_most >= top:
        notes.append(f"{where}: lists of {top} items never break at_most {rule.at_most}")
    return notes


def _unknown(name: str, value: str, found: Attribute) -> str:
    everything = sorted({*found.values, *found.absent})
    folded = {word.casefold(): word for word in reversed(everything)}
    close = difflib.get_close_matches(value.casefold(), list(folded), n=1)
    hint = f"did you mean {folded[close[0]]!r}?" if close else "give one of these"
    cell = _cell_with(value, everything)
    if cell is not None:
        hint += f" Or do cells such as {cell!r} hold several values? Then say what parts "
        hint += f"them: separators: {{{name}: …}}"
    some = ", ".join(map(repr, everything[:8])) + (", …" if len(everything) > 8 else "")
    return f"no item has {name} = {value!r}; there are {len(everything):,} values: {some}; {hint}"


def _cell_with(value: str, cells: Iterable[str]) -> str | None:
    """The first cell that has the value between signs that often part values, beside others."""
    part = re.compile(rf"(?:^|[|,;/])\s*{re.escape(value)}\s*(?:$|[|,;/])")
    return next((cell for cell in cells if value in cell and value != cell and part.search(cell)), None)


def _rules(rules: Sequence[Rule], found: Attributes, n_items: int, top: int) -> Rules:
    excluded, boosts = torch.zeros(n_items, dtype=torch.bool), torch.zeros(n_items, dtype=torch.float64)
    kinds: list[tuple[Tensor, Cap]] = []
    for rule in rules:
        of = found[rule.attribute]
        if isinstance(rule, Exclude):
            excluded |= _members(rule, of, n_items)
        elif isinstance(rule, Boost):
            boosts[_members(rule, of, n_items)] += rule.add
        else:
            kinds += [(items, rule) for items in _kinds(rule, of)]
    caps = None
    if kinds:
        limits, untils = [cap.at_most for _, cap in kinds], [cap.in_top or top for _, cap in kinds]
        caps = Caps.of([items for items, _ in kinds], limits, untils, n_items)
    return Rules(excluded, boosts, caps)


def _codes(rule: Rule, found: Attribute) -> Tensor:
    """The values that a rule is about, (V,) bool; of a cap without equals: all."""
    if not rule.equals:
        return torch.ones(len(found.values), dtype=torch.bool)
    wanted = set(rule.equals)
    return torch.tensor([value in wanted for value in found.values], dtype=torch.bool)


def _members(rule: Rule, found: Attribute, n_items: int) -> Tensor:
    """The items that a rule is about, (N_items,) bool."""
    mask = torch.zeros(n_items, dtype=torch.bool)
    mask[found.items[_codes(rule, found)[found.codes]]] = True
    return mask


def _kinds(cap: Cap, found: Attribute) -> list[Tensor]:
    """The items of each value that a cap is about."""
    order = found.codes.argsort(stable=True)
    sizes = torch.bincount(found.codes, minlength=len(found.values)).tolist()
    by_value = found.items[order].split(sizes)
    return [items for items, wanted in zip(by_value, _codes(cap, found).tolist(), strict=True) if wanted]

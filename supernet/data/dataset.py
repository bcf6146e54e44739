"""What the rest of the line sees of the data: pairs in four disjoint parts, and the names behind the
numbers."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from supernet.data.readers.files import ItemTable

T = TypeVar("T")

PARTS = ("train", "alpha", "valid", "test")
"""train: weights, and the only edges in the graph · alpha: architecture · valid: selection · test: opened
once."""


class Pairs(NamedTuple):
    """User–item pairs, sorted by user then item, without duplicates. Shapes: users (E,) int64, items (E,)
    int64."""

    users: Tensor
    items: Tensor

    def __bool__(self) -> bool:
        return self.users.numel() > 0


@dataclass(frozen=True, eq=False)
class UserItems:
    """The items of each user in CSR form. Shapes: ptr (N_users + 1,) int64, items (E,) int64, ascending in a
    row."""

    ptr: Tensor
    items: Tensor
    _cache: dict[str, tuple[Hashable, Any]] = field(default_factory=dict, repr=False)

    @property
    def counts(self) -> Tensor:
        """Number of items of each user, (N_users,) int64."""
        return self.ptr.diff()

    def cached(self, name: str, key: Hashable, make: Callable[[], T]) -> T:
        """What depends on these items and the key alone: made at the first call, kept until that name is
        asked for with another key, so that trials of many settings do not fill the memory."""
        if name not in self._cache or self._cache[name][0] != key:
            self._cache[name] = key, make()
        return cast(T, self._cache[name][1])


class Fold(NamedTuple):
    """New nodes of one side, in their own numbers from 0 on: ids (N',), and of items text (N',) or None.
    given: their pairs that may be looked at; wanted: those to be found. The other node of a pair is in the
    numbers of the data."""

    ids: np.ndarray
    text: np.ndarray | None
    given: Pairs
    wanted: Pairs


@dataclass(frozen=True)
class Cold:
    """Nodes of `side` ("user", "item") that are in none of the parts: folds "valid" and "test", disjoint."""

    side: str
    folds: Mapping[str, Fold]

    def without(self, part: str) -> Cold:
        """The same, with nothing to be found in one part; what is given of its nodes stays."""
        nothing = Pairs(*torch.empty(2, 0, dtype=torch.int64))
        blank = {name: f._replace(wanted=nothing) if name == part else f for name, f in self.folds.items()}
        return replace(self, folds=blank)


@dataclass(frozen=True)
class Dataset:
    """Interactions in four disjoint parts, with the ids they came with.

    user_ids (N_users,) and item_ids (N_items,) are arrays of str; titles (N_items,) is what a person calls an
    item (its id where the data has no text); text (N_items,) is all that is said of an item, or None. `notes`
    are the counted decisions taken on the way (dropped duplicates, k-core, unseen ids), for the log.
    item_table: the table that `supernet.data.attributes` reads, where the data has one. cold: new nodes
    beside those of the parts, where the split held some out. undirected: users and items are the same people,
    in the same order.
    """

    name: str
    user_ids: np.ndarray
    item_ids: np.ndarray
    titles: np.ndarray
    text: np.ndarray | None
    parts: dict[str, Pairs]
    notes: tuple[str, ...] = field(default=())
    item_table: ItemTable | None = None
    cold: Cold | None = None
    undirected: bool = False

    @property
    def n_users(self) -> int:
        """Number of users, N_users."""
        return len(self.user_ids)

    @property
    def n_items(self) -> int:
        """Number of items, N_items."""
        return len(self.item_ids)

    def without(self, part: str) -> Dataset:
        """The same data with one part missing, so that nobody can look at it."""
        left = {name: pairs for name, pairs in self.parts.items() if name != part}
        return replace(self, parts=left, cold=None if self.cold is None else self.cold.without(part))

    def to(self, device: torch.device | str) -> Dataset:
        """The same data with its pairs on another device."""
        moved = {name: Pairs(*(x.to(device) for x in pairs)) for name, pairs in self.parts.items()}
        return replace(self, parts=moved)

    def pairs(self, parts: Sequence[str]) -> Pairs:
        """The union of `parts` as one sorted list of pairs."""
        users = torch.cat([self.parts[part].users for part in parts])
        items = torch.cat([self.parts[part].items for part in parts])
        order = torch.argsort(users * self.n_items + items)
        return Pairs(users[order], items[order])

    def user_items(self, parts: Sequence[str]) -> UserItems:
        """The items of each user over `parts`, in CSR form."""
        users, items = self.pairs(parts)
        counts = torch.bincount(users, minlength=self.n_users)
        return UserItems(torch.cat([counts.new_zeros(1), counts.cumsum(0)]), items)

    def seen(self, parts: Sequence[str]) -> UserItems:
        """The items that a user is not told of: those of `parts`, and of people among people oneself."""
        found = self.user_items(parts)
        if not self.undirected:
            return found
        own = torch.arange(self.n_users, device=found.items.device)
        users = torch.cat([torch.repeat_interleave(own, found.counts), own])
        items = torch.cat([found.items, own])
        counts = found.counts + 1
        order = torch.argsort(users * self.n_items + items)
        return UserItems(torch.cat([counts.new_zeros(1), counts.cumsum(0)]), items[order])

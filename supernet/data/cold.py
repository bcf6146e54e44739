"""The rankings that new items and new users are asked for by."""

from __future__ import annotations

from typing import NamedTuple

import torch

from supernet.data.dataset import Dataset, Pairs, UserItems

COLD, ALL = "cold", "all"


class Task(NamedTuple):
    """A ranking of `n_items` candidates, those from number `first` on of all known and new items, for each of
    the users: without those `seen`, to find the `wanted`. Both are in numbers of the candidates."""

    seen: UserItems
    wanted: UserItems
    n_items: int
    first: int = 0

    @property
    def n_users(self) -> int:
        """All users that are asked for: the known ones, or the new ones."""
        return len(self.wanted.counts)


def tasks_of(data: Dataset, fold: str) -> dict[str, Task]:
    """The rankings of a fold of new nodes, by name; the first is the one that choices look at.

    New items: "cold", among the new items of the fold alone; "all", among the known items too, the user's own
    left out, in which a model must also know how a new item compares with a known one. New users: "all".
    """
    assert data.cold is not None
    own = data.cold.folds[fold]
    count = len(own.ids)
    if data.cold.side == "user":
        return {ALL: Task(_rows(own.given, count), _rows(own.wanted, count), data.n_items)}
    wanted = _rows(own.wanted, data.n_users)
    nothing = UserItems(torch.zeros_like(wanted.ptr), wanted.items[:0])
    moved = UserItems(wanted.ptr, wanted.items + data.n_items)
    known = data.user_items([name for name in data.parts if name != "test"])
    return {
        COLD: Task(nothing, wanted, count, data.n_items),
        ALL: Task(known, moved, data.n_items + count),
    }


def _rows(pairs: Pairs, n_users: int) -> UserItems:
    counts = torch.bincount(pairs.users, minlength=n_users)
    return UserItems(torch.cat([counts.new_zeros(1), counts.cumsum(0)]), pairs.items)

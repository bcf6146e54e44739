"""Interactions: what a reader returns, before filters and splits. Ids are kept beside their codes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from supernet.runtime import InputError

if TYPE_CHECKING:
    from supernet.data.readers.files import ItemTable

Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]
Mask = NDArray[np.bool_]
Strings = NDArray[np.object_]


@dataclass(frozen=True)
class Interactions:
    """One row per user–item pair as it was read, possibly with duplicates.

    Shapes: users, items (n,) int64 codes into user_ids (N_users,) and item_ids (N_items,), arrays of str
    objects; ratings, times (n,) float64 or None; parts (n,) int8 index into PARTS where the data came in
    given files, else None; titles, text (N_items,) arrays of str, or None; item_table: where the items'
    attributes stand; undirected: users and items are the same people, and each pair is there in both
    directions. `source` is the file or folder, for messages; `notes` are the counted decisions taken
    so far.
    Errors: ValueError where the lengths disagree (a reader's mistake, not the user's).
    """

    name: str
    source: str
    users: Int64
    items: Int64
    user_ids: Strings
    item_ids: Strings
    ratings: Float64 | None = None
    times: Float64 | None = None
    parts: NDArray[np.int8] | None = None
    titles: Strings | None = None
    text: Strings | None = None
    item_table: ItemTable | None = None
    undirected: bool = False
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        rows = {"items": self.items, "ratings": self.ratings, "times": self.times, "parts": self.parts}
        for name, column in rows.items():
            if column is not None and len(column) != len(self.users):
                raise ValueError(f"{name} has {len(column)} rows, users has {len(self.users)}")
        for name, words in {"titles": self.titles, "text": self.text}.items():
            if words is not None and len(words) != len(self.item_ids):
                raise ValueError(f"{name} has {len(words)} rows, item_ids has {len(self.item_ids)}")

    def __len__(self) -> int:
        return len(self.users)

    @property
    def n_users(self) -> int:
        """Number of users, N_users."""
        return len(self.user_ids)

    @property
    def n_items(self) -> int:
        """Number of items, N_items."""
        return len(self.item_ids)

    @property
    def keys(self) -> Int64:
        """One number per pair, (n,) int64: equal for equal pairs, ordered by user, then item."""
        return self.users * self.n_items + self.items

    def pair(self, row: int) -> str:
        """The ids of one row, for a message."""
        return f"user {self.user_ids[self.users[row]]!r}, item {self.item_ids[self.items[row]]!r}"


def select(interactions: Interactions, keep: Mask) -> Interactions:
    """The rows where `keep` (n,) is true; ids left without a row go, the others keep their order."""
    users, kept_users = _compact(interactions.users[keep], interactions.n_users)
    items, kept_items = _compact(interactions.items[keep], interactions.n_items)
    return replace(
        interactions,
        users=users,
        items=items,
        user_ids=interactions.user_ids[kept_users],
        item_ids=interactions.item_ids[kept_items],
        ratings=None if interactions.ratings is None else interactions.ratings[keep],
        times=None if interactions.times is None else interactions.times[keep],
        parts=None if interactions.parts is None else interactions.parts[keep],
        titles=None if interactions.titles is None else interactions.titles[kept_items],
        text=None if interactions.text is None else interactions.text[kept_items],
    )


def drop(interactions: Interactions, keep: Mask, reason: str) -> Interactions:
    """`select`, with a counted note headed by `reason`; unchanged where every row is kept.

    Errors: InputError naming `reason` where no row is left.
    """
    if keep.all():
        return interactions
    if not keep.any():
        raise InputError(
            f"{interactions.source}: {reason} leaves none of the {len(interactions):,} pairs; "
            "relax this filter or give more data"
        )
    left = select(interactions, keep)
    lost_users, lost_items = interactions.n_users - left.n_users, interactions.n_items - left.n_items
    note = f"{reason}: {len(interactions) - len(left):,} of {len(interactions):,} pairs dropped"
    if lost_users or lost_items:
        note += f", and with them {lost_users:,} users and {lost_items:,} items"
    return replace(left, notes=(*left.notes, note))


def _compact(codes: Int64, size: int) -> tuple[Int64, Mask]:
    kept = np.zeros(size, dtype=bool)
    kept[codes] = True
    return (np.cumsum(kept) - 1)[codes], kept

"""New items or new users for the evaluation: held out whole, before the rest is split."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch

from supernet.data.dataset import Cold, Dataset, Fold, Pairs
from supernet.data.interactions import Int64, Interactions, Mask
from supernet.data.split_rules import Parts, checked_shares, cut_users
from supernet.runtime import InputError

NONE, ITEMS, USERS = "none", "items", "users"
SIDES = (NONE, ITEMS, USERS)
"""What may be held out."""

FOLDS = ("valid", "test")
WARM, WANTED, GIVEN = 0, {"valid": 1, "test": 2}, {"valid": 3, "test": 4}
"""What each pair is: of known nodes, to be found, or given of a new user."""


class Drawn(NamedTuple):
    """The new nodes' side ("user", "item"), what each pair is (n,), and all nodes of that side in the order
    in which they were drawn."""

    side: str
    kinds: Parts
    order: Int64

    @property
    def warm(self) -> Mask:
        """The pairs without a new node, (n,)."""
        return self.kinds == WARM


def draw_cold(
    interactions: Interactions, cold: str, share: float, history: float, rng: np.random.Generator
) -> Drawn:
    """Hold a share of the items or users out, at random, a half for each fold, at least one node each.

    All pairs of a new item are to be found; of a new user the share `history` of the pairs is given, at least
    one, and the rest is to be found (the strong generalisation of Liang et al., arXiv 1802.05814).
    Errors: InputError for a share that is not between 0 and 1.
    """
    for name, value in (("cold_share", share), ("cold_history", history)):
        checked_shares(**{name: value})
    codes = interactions.items if cold == ITEMS else interactions.users
    order = _shuffled(codes, rng)
    size = max(1, round(share * len(order) / len(FOLDS)))
    of_node = np.full(int(codes.max()) + 1, WARM, dtype=np.int8)
    for number, fold in enumerate(FOLDS):
        of_node[order[number * size : (number + 1) * size]] = WANTED[fold]
    kinds = of_node[codes]
    for fold in FOLDS if cold == USERS else ():
        rows = np.flatnonzero(kinds == WANTED[fold])
        kept = cut_users(codes[rows], {WANTED[fold]: 1 - history}, rng)
        kinds[rows] = np.where(kept == WANTED[fold], WANTED[fold], GIVEN[fold])
    return Drawn("item" if cold == ITEMS else "user", kinds, order)


def with_cold(warm: Dataset, interactions: Interactions, drawn: Drawn) -> Dataset:
    """The data of the known nodes with the new ones beside it, in the order in which they were drawn: so ties
    between them are broken at random.

    Pairs whose other node is not known either are set aside, and new users of whom nothing is given, counted.
    Errors: InputError where nothing is to be found in a fold.
    """
    of_items = drawn.side == "item"
    own, other = interactions.users, _codes(warm.item_ids, interactions.item_ids)[interactions.items]
    if of_items:
        own, other = interactions.items, _codes(warm.user_ids, interactions.user_ids)[interactions.users]
    folds, notes = {}, list(warm.notes)
    for name in FOLDS:
        known = other >= 0
        asked, given = (drawn.kinds == WANTED[name]) & known, (drawn.kinds == GIVEN[name]) & known
        if not of_items:
            asked &= np.isin(own, own[given])
        lost = np.isin(drawn.kinds, (WANTED[name], GIVEN[name])) & ~(asked | given)
        if lost.any():
            notes.append(f"cold {name}: {lost.sum():,} pairs with nodes not in train were set aside")
        nodes = drawn.order[np.isin(drawn.order, own[asked])]
        if not len(nodes):
            raise InputError(
                f"{interactions.source}: no new {drawn.side} with a pair to be found is left for cold "
                f"{name}; raise split.cold_share, relax the filters, or give more data"
            )
        folds[name] = _fold(interactions, of_items, nodes, own, other, given, asked)
        notes.append(_told(name, drawn.side, folds[name]))
    return replace(warm, cold=Cold(drawn.side, folds), notes=tuple(notes))


def _fold(
    interactions: Interactions,
    of_items: bool,
    nodes: Int64,
    own: Int64,
    other: Int64,
    given: Mask,
    asked: Mask,
) -> Fold:
    place = np.full(interactions.n_items if of_items else interactions.n_users, -1)
    place[nodes] = np.arange(len(nodes))

    def pairs(rows: Mask) -> Pairs:
        rows = rows & (place[own] >= 0)
        new, old = place[own[rows]], other[rows]
        users, items = (old, new) if of_items else (new, old)
        order = np.lexsort((items, users))
        return Pairs(torch.from_numpy(users[order]), torch.from_numpy(items[order]))

    ids = (interactions.item_ids if of_items else interactions.user_ids)[nodes]
    text = interactions.text
    return Fold(
        ids=ids,
        text=text[nodes] if of_items and text is not None else None,
        given=pairs(given),
        wanted=pairs(asked),
    )


def _told(name: str, side: str, fold: Fold) -> str:
    given = f" with {fold.given.users.numel():,} pairs given" if side == "user" else ""
    wanted = fold.wanted.users
    users = "" if side == "user" else f" of {len(wanted.unique()):,} users"
    return f"cold {name}: {len(fold.ids):,} new {side}s{given}, {wanted.numel():,} pairs{users} to be found"


def _shuffled(codes: Int64, rng: np.random.Generator) -> Int64:
    """All nodes in a random order, which depends on their rows alone, not on their codes."""
    nodes, first = np.unique(codes, return_index=True)
    return nodes[np.argsort(first)][rng.permutation(len(nodes))]


def _codes(known: np.ndarray, ids: np.ndarray) -> Int64:
    """The number of each id among `known`, -1 where it is not; (N,)."""
    numbers = {name: number for number, name in enumerate(known)}
    return np.array([numbers.get(name, -1) for name in ids], dtype=np.int64)

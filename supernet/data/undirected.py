"""Pairs of people, such as friends: who is paired with whom has no direction, and neither has a split."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from supernet.data.interactions import Int64, Interactions, Mask, drop


def mirrored(interactions: Interactions) -> Interactions:
    """Users and items as the same people, by id, each row in both directions; pairs of a person with
    themselves are dropped, and counted. Both directions of a pair have the same ratings, times and parts.

    Errors: InputError where no pair is left.
    """
    own = interactions.user_ids[interactions.users] == interactions.item_ids[interactions.items]
    left = drop(interactions, ~own.astype(bool), "pairs of a user with themselves")
    people = np.array(list(dict.fromkeys([*left.user_ids, *left.item_ids])), dtype=object)
    number = {name: k for k, name in enumerate(people)}
    users, items = (
        np.array([number[name] for name in ids], np.int64)[codes]
        for ids, codes in ((left.user_ids, left.users), (left.item_ids, left.items))
    )
    return replace(
        left,
        users=np.concatenate([users, items]),
        items=np.concatenate([items, users]),
        user_ids=people,
        item_ids=people,
        undirected=True,
        ratings=None if left.ratings is None else np.tile(left.ratings, 2),
        times=None if left.times is None else np.tile(left.times, 2),
        parts=None if left.parts is None else np.tile(left.parts, 2),
    )


def one_way(interactions: Interactions, rng: np.random.Generator) -> tuple[Mask, Int64, Int64]:
    """One direction of each pair, drawn, so that each of the two people is the user of about half of theirs:
    a mask (n,), the rows that it keeps (n/2,), and the row of the other direction of each (n/2,)."""
    keys = interactions.keys
    order = np.argsort(keys)
    reverse = interactions.items * interactions.n_items + interactions.users
    first = np.flatnonzero(interactions.users < interactions.items)
    second = order[np.searchsorted(keys[order], reverse[first])]
    turned = rng.random(len(first)) < 0.5
    mask = np.zeros(len(keys), dtype=bool)
    mask[np.where(turned, second, first)] = True
    twin = np.empty(len(keys), np.int64)
    twin[first], twin[second] = second, first
    rows = np.flatnonzero(mask)
    return mask, rows, twin[rows]

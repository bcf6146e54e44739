"""Filters between a reader and a split: rating threshold, duplicates, k-core. Each counts what it dropped."""

from __future__ import annotations

import numpy as np

from supernet.data.dataset import PARTS
from supernet.data.interactions import Interactions, drop
from supernet.runtime import InputError


def clean(
    interactions: Interactions, *, min_rating: float | None = None, min_user: int = 0, min_item: int = 0
) -> Interactions:
    """All filters in their order: rating threshold, duplicates, k-core.

    The threshold comes first, so that an early low rating does not hide a later high one.
    Errors: InputError where there is nothing to start with, for two bounds of undirected pairs that differ,
    or from any of the filters.
    """
    if len(interactions) == 0:
        raise InputError(
            f"{interactions.source}: there are no interactions in it; give a file with at least one pair"
        )
    if interactions.undirected and min_user != min_item:
        raise InputError(
            f"data.min_user={min_user}, data.min_item={min_item}: with data.undirected=true users and items "
            "are the same people; set both to the same number"
        )
    if min_rating is not None:
        interactions = threshold(interactions, min_rating)
    return k_core(drop_duplicates(interactions), min_user=min_user, min_item=min_item)


def threshold(interactions: Interactions, min_rating: float) -> Interactions:
    """Keep the pairs with rating >= min_rating.

    Errors: InputError where the data has no ratings, or no pair is left.
    """
    if interactions.ratings is None:
        raise InputError(
            f"{interactions.source}: min_rating is {min_rating:g}, but the data has no ratings; "
            "name the rating column of the reader, or leave min_rating empty"
        )
    return drop(
        interactions, interactions.ratings >= min_rating, f"rating filter (min_rating={min_rating:g})"
    )


def drop_duplicates(interactions: Interactions) -> Interactions:
    """Keep the earliest row of each (user, item) pair; at equal times the first of the file.

    Errors: InputError where a pair is in two given parts: the parts overlap, and no result could be trusted.
    """
    keys, parts, times = interactions.keys, interactions.parts, interactions.times
    columns = [column for column in (times, parts) if column is not None]
    order = np.lexsort((*columns, keys))  # stable: rows that tie stay in file order
    repeated = keys[order[1:]] == keys[order[:-1]]
    if parts is not None:
        overlap = np.flatnonzero(repeated & (parts[order[1:]] != parts[order[:-1]]))
        if len(overlap):
            raise InputError(_overlap(interactions, order[overlap[0]], order[overlap[0] + 1], len(overlap)))
    keep = np.ones(len(interactions), dtype=bool)
    keep[order[1:][repeated]] = False
    return drop(interactions, keep, "duplicate pairs (the earliest is kept)")


def k_core(interactions: Interactions, *, min_user: int = 0, min_item: int = 0) -> Interactions:
    """The largest set of pairs where each user has >= min_user and each item >= min_item, over all parts.

    Errors: InputError where no pair is left.
    """
    keep = np.ones(len(interactions), dtype=bool)
    pairs = -1
    while pairs != (pairs := int(keep.sum())):
        for codes, least in ((interactions.users, min_user), (interactions.items, min_item)):
            keep &= np.bincount(codes[keep], minlength=1 + codes.max(initial=0))[codes] >= least
    return drop(interactions, keep, f"k-core (min_user={min_user}, min_item={min_item})")


def _overlap(interactions: Interactions, row: int, other: int, count: int) -> str:
    assert interactions.parts is not None
    first, second = (PARTS[interactions.parts[i]] for i in (row, other))
    return (
        f"{interactions.source}: {count:,} pairs are in more than one part, for example "
        f"{interactions.pair(row)} in {first} and in {second}; remove them from one of the files"
    )

"""From interactions to a Dataset: four disjoint, checked parts and no id that training never sees."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch

from supernet.data.cold_splits import NONE, draw_cold, with_cold
from supernet.data.dataset import PARTS, Dataset, Pairs
from supernet.data.interactions import Int64, Interactions, Mask, select
from supernet.data.split_rules import SPLITS, TEST, TRAIN, Parts
from supernet.data.undirected import one_way
from supernet.runtime import InputError

__all__ = ["SPLITS", "check_parts", "published_split", "split"]


def split(
    interactions: Interactions,
    method: str,
    seed: int,
    cold: str = NONE,
    cold_share: float = 0.1,
    cold_history: float = 0.8,
    **options: float,
) -> Dataset:
    """Cut `interactions` into the four parts with SPLITS[method](interactions, rng, **options).

    Pairs of users or items without a train pair are set aside with a counted note: a model of ids cannot know
    them. Ids left in no part are dropped. The same arguments give the same parts, bit for bit. cold: "items"
    or "users", of which the share is held out of all parts first (`cold_splits.draw_cold`).
    Errors: LookupError for an unknown method; InputError for an option that the method does not take, for a
    method that lacks what it needs, and from `check_parts`.
    """
    if cold != NONE:
        drawn = draw_cold(interactions, cold, cold_share, cold_history, np.random.default_rng([seed, 1]))
        if not drawn.warm.any():
            raise InputError(f"{interactions.source}: split.cold_share={cold_share} leaves no known {cold}")
        warm = _split(select(interactions, drawn.warm), method, seed, **options)
        return with_cold(warm, interactions, drawn)
    return _split(interactions, method, seed, **options)


def _split(interactions: Interactions, method: str, seed: int, **options: float) -> Dataset:
    function = SPLITS[method]
    known = [name for name in inspect.signature(function).parameters if name not in ("interactions", "rng")]
    for name in options:
        if name not in known:
            raise InputError(
                f"split {method!r} has no option {name!r}; it takes: {', '.join(known) or 'none'}"
            )
    if interactions.parts is not None and method != "given":
        note = f"the files' own parts are pooled and cut anew (split {method}); split=given keeps them"
        interactions = replace(interactions, notes=(*interactions.notes, note))
    parts, notes = _cut(interactions, function, seed, **options)
    return _dataset(_set_aside(replace(interactions, parts=parts, notes=(*interactions.notes, *notes))))


def _cut(
    interactions: Interactions,
    function: Callable[..., tuple[Parts, tuple[str, ...]]],
    seed: int,
    **options: float,
) -> tuple[Parts, tuple[str, ...]]:
    """Parts (n,), and notes; of undirected pairs one direction is cut, and the other goes the same way."""
    rng = np.random.default_rng(seed)
    if not interactions.undirected:
        return function(interactions, rng, **options)
    mask, rows, twins = one_way(interactions, np.random.default_rng([seed, 2]))
    half, notes = function(select(interactions, mask), rng, **options)
    parts = np.empty(len(interactions), np.int8)
    parts[rows] = parts[twins] = half
    return parts, (*notes, f"undirected: {len(rows):,} pairs, both directions of each in the same part")


def published_split(interactions: Interactions) -> Dataset:
    """The files' own train and test; alpha and valid parts, where files give them, are put back into train.

    No model can be chosen on it: for the paper protocol alone. As in `split`, pairs of users or items without
    a train pair are set aside with a note.
    Errors: InputError where the data came without parts, and from `check_parts`.
    """
    if interactions.parts is None:
        raise InputError(f"{interactions.source}: needs data that comes in files of parts (train, test)")
    parts = np.where(interactions.parts == TEST, TEST, TRAIN).astype(np.int8)
    note = "published split: nothing was cut from train, alpha and valid are empty"
    published = replace(interactions, parts=parts, notes=(*interactions.notes, note))
    return _dataset(_set_aside(published), needed=("train", "test"))


def check_parts(interactions: Interactions, needed: Sequence[str] = PARTS) -> None:
    """Raise InputError unless parts are disjoint, none of `needed` is empty, and every user and item has a
    train pair."""
    parts, keys = interactions.parts, interactions.keys
    assert parts is not None
    order = np.argsort(keys, kind="stable")
    repeated = np.flatnonzero(np.diff(keys[order]) == 0)
    if len(repeated):
        pair = interactions.pair(order[repeated[0]])
        raise InputError(
            f"{interactions.source}: {len(repeated):,} pairs occur more than once, for example {pair}; "
            "parts must be disjoint: run the duplicate filter before the split"
        )
    for index, name in enumerate(PARTS):
        if name in needed and not np.any(parts == index):
            raise InputError(
                f"{interactions.source}: no pair is left for {name} out of {len(interactions):,}; "
                f"raise the share of {name}, relax the filters, choose another split, or give more data"
            )
    for codes, ids, kind in (
        (interactions.users, interactions.user_ids, "user"),
        (interactions.items, interactions.item_ids, "item"),
    ):
        missing = np.flatnonzero(~_in_train(codes, parts, len(ids)))
        if len(missing):
            raise InputError(f"{interactions.source}: {kind} {ids[missing[0]]!r} has no train pair")


def _set_aside(interactions: Interactions) -> Interactions:
    """Without the pairs whose user or item has no train pair, counted per part."""
    parts = interactions.parts
    assert parts is not None
    new_user = ~_in_train(interactions.users, parts, interactions.n_users)[interactions.users]
    new_item = ~_in_train(interactions.items, parts, interactions.n_items)[interactions.items]
    notes = list(interactions.notes)
    for index, name in enumerate(PARTS):
        pairs = np.sum((new_user | new_item) & (parts == index))
        if pairs:
            users = len(np.unique(interactions.users[new_user & (parts == index)]))
            items = len(np.unique(interactions.items[new_item & (parts == index)]))
            notes.append(
                f"{name}: {pairs:,} pairs of {_count(users, items)} never seen in train were set aside"
            )
    left = select(interactions, ~(new_user | new_item))
    lost_users, lost_items = interactions.n_users - left.n_users, interactions.n_items - left.n_items
    if lost_users or lost_items:
        notes.append(f"{_count(lost_users, lost_items)} without a train pair were removed")
    return replace(left, notes=tuple(notes))


def _count(users: int, items: int) -> str:
    return " and ".join(f"{n:,} {kind}" for n, kind in ((users, "users"), (items, "items")) if n)


def _in_train(codes: Int64, parts: Parts, size: int) -> Mask:
    return np.bincount(codes[parts == TRAIN], minlength=size) > 0


def _dataset(interactions: Interactions, needed: Sequence[str] = PARTS) -> Dataset:
    check_parts(interactions, needed)
    order = np.argsort(interactions.keys)
    users, items = interactions.users[order], interactions.items[order]
    assert interactions.parts is not None
    parts = interactions.parts[order]
    return Dataset(
        name=interactions.name,
        user_ids=interactions.user_ids,
        item_ids=interactions.item_ids,
        titles=interactions.item_ids if interactions.titles is None else interactions.titles,
        text=interactions.text,
        parts={
            name: Pairs(torch.from_numpy(users[parts == index]), torch.from_numpy(items[parts == index]))
            for index, name in enumerate(PARTS)
        },
        notes=interactions.notes,
        item_table=interactions.item_table,
        undirected=interactions.undirected,
    )

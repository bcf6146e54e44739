"""Synthetic interactions with a known right answer: the item that comes next, and the right aggregator."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from supernet.data.dataset import PARTS
from supernet.data.interactions import Interactions, Mask, Strings
from supernet.data.readers.registry import READERS
from supernet.runtime import InputError

OPERATORS = ("sym",)
"""The aggregators that can be planted."""


@READERS.register("planted")
def planted(
    *,
    operator: str = "sym",
    users: int = 150,
    items: int = 100,
    groups: int = 5,
    hubs: int = 30,
    explorers: int = 30,
    appeal: float = 0.5,
    seed: int = 0,
) -> Interactions:
    """A checkerboard of tastes, and nodes of high degree that have none; comes in parts (split `given`).

    User k and item k belong to group k mod `groups`. Everybody has all items of the own group: three of them,
    drawn at random, are withheld, one each for alpha, valid and test, the rest is train. So the test item is
    the only item of its group that a user has not had yet, and a right model ranks it first. Besides, in
    train alone: `hubs` are items that everybody has with probability `appeal`, and `explorers` are users who
    have every item with that probability.

    Why `sym` wins: the noise comes from nodes of high degree, and of the aggregators only `sym` discounts a
    message by its sender's degree, with nothing to learn; so at equal embeddings its messages say most about
    the group. Without hubs and explorers all degrees of a side are equal: `sym`, `mean` and `sum` differ by a
    factor, and none can be told. Alone, one layer of `mean` can learn to shrink a hub's vector and so do as
    well as `sym`; `max`, `global` and `none` cannot, as they do not average over a user's own neighbours.

    Errors: InputError for an operator that cannot be planted, and for sizes that leave a user no train item.
    """
    if operator not in OPERATORS:
        raise InputError(f"data.operator is {operator!r}; choose from: {', '.join(OPERATORS)}")
    least = {"users": users, "items": items, "hubs": hubs, "explorers": explorers, "seed": seed}
    for name, value in least.items():
        if value < 0:
            raise InputError(f"data.{name} must be at least 0, found {value}")
    if not 0 <= appeal <= 1:
        raise InputError(f"data.appeal is a probability, in [0, 1]; found {appeal}")
    if not 1 <= groups <= users or items // max(groups, 1) < len(PARTS):
        raise InputError(
            f"data.groups is {groups}: of {users} users and {items} items, each group needs at least a user "
            f"and {len(PARTS)} items, one a part"
        )
    rng = np.random.default_rng(seed)
    parts = np.full((users + explorers, items + hubs), -1, dtype=np.int8)
    parts[rng.random(parts.shape) < appeal] = PARTS.index("train")
    parts[:users, :items] = _withheld(np.arange(users)[:, None] % groups == np.arange(items) % groups, rng)
    pairs = np.nonzero(parts >= 0)
    return Interactions(
        name=f"planted-{operator}",
        source="planted",
        users=pairs[0],
        items=pairs[1],
        user_ids=_names(user=users, explorer=explorers),
        item_ids=_names(item=items, hub=hubs),
        parts=parts[pairs],
    )


def _withheld(taste: Mask, rng: np.random.Generator) -> NDArray[np.int8]:
    """Per user, one pair of taste in each held-out part, the others train; no pair: -1. Shapes: (U, I)."""
    parts = np.where(taste, 0, -1).astype(np.int8)
    shuffled = np.argsort(np.where(taste, rng.random(taste.shape), np.inf), axis=1)
    for part in range(1, len(PARTS)):
        parts[np.arange(len(taste)), shuffled[:, part]] = part
    return parts


def _names(**counts: int) -> Strings:
    return np.array([f"{kind}{k}" for kind, count in counts.items() for k in range(count)], dtype=object)

"""The split rules: which part each pair goes to. Drawn per row, so that renaming ids changes nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ops.registry import Registry
from supernet.data.dataset import PARTS
from supernet.data.interactions import Float64, Int64, Interactions
from supernet.runtime import InputError

Parts = NDArray[np.int8]
SPLITS: Registry[Callable[..., tuple[Parts, tuple[str, ...]]]] = Registry("split")
"""(interactions, rng, **options) -> parts (n,) int8, index into PARTS, and the counted notes."""

CUTS = ("random", "last")
"""Which pairs of a user `given` cuts off."""

TRAIN, TEST = PARTS.index("train"), PARTS.index("test")


@SPLITS.register("given")
def given(
    interactions: Interactions,
    rng: np.random.Generator,
    *,
    alpha: float = 0.1,
    valid: float = 0.1,
    cut: str = "random",
) -> tuple[Parts, tuple[str, ...]]:
    """The parts of the files; where alpha or valid has no file, that share of each user's train pairs.

    cut: which of them, "random", or "last": the last of each user in the order of the file, valid after
    alpha, for files in the order of time whose test part is the latest. A valid part that is like the test
    part in this ranks models as the test part does; Gowalla's and Yelp2018's published files are such.
    Errors: InputError where the data came without parts, a share is not between 0 and 1, or cut is neither.
    """
    if cut not in CUTS:
        raise InputError(f"split.cut must be one of {', '.join(CUTS)}, found {cut!r}")
    if interactions.parts is None:
        raise InputError(
            f"{interactions.source}: split 'given' needs data that comes in files of parts (train, test); "
            "name the other files, or choose split 'ratio'"
        )
    shares = checked_shares(alpha=alpha, valid=valid)
    parts = interactions.parts.copy()
    wanted = {
        PARTS.index(name): share for name, share in shares.items() if not np.any(parts == PARTS.index(name))
    }
    if not wanted:
        return parts, ()
    rows = np.flatnonzero(parts == TRAIN)
    parts[rows] = cut_users(interactions.users[rows], wanted, rng, last=cut == "last")
    taken = ", ".join(f"{np.sum(parts == index):,} pairs for {PARTS[index]}" for index in wanted)
    which = ", the last of each user" if cut == "last" else ""
    return parts, (
        f"split given: of {len(rows):,} train pairs, {taken} were cut off{which}, as no file gives them",
    )


@SPLITS.register("ratio")
def ratio(
    interactions: Interactions,
    rng: np.random.Generator,
    *,
    alpha: float = 0.1,
    valid: float = 0.1,
    test: float = 0.2,
) -> tuple[Parts, tuple[str, ...]]:
    """At random, the given shares of each user's pairs; a user always keeps a train pair.

    Where shares are no whole numbers of pairs they are rounded at random, so that they hold on average.
    Errors: InputError where a share is not between 0 and 1 or nothing is left for train.
    """
    shares = checked_shares(alpha=alpha, valid=valid, test=test)
    cut = {PARTS.index(name): share for name, share in shares.items()}
    return cut_users(interactions.users, cut, rng), ()


@SPLITS.register("leave_last")
def leave_last(interactions: Interactions, rng: np.random.Generator) -> tuple[Parts, tuple[str, ...]]:
    """Per user in time order: the last pair to test, the one before to valid, the one before to alpha.

    Users with fewer than four pairs stay in train. Equal times are taken in file order. `rng` is not used.
    Errors: InputError where the data has no times.
    """
    times = _times(interactions, "leave_last")
    order = np.lexsort((times, interactions.users))
    rank, counts = _ranks(interactions.users[order])
    from_last = counts - 1 - rank
    parts = np.zeros(len(order), dtype=np.int8)
    parts[order] = np.where((counts >= len(PARTS)) & (from_last < TEST), TEST - from_last, TRAIN)
    short = len(np.unique(interactions.users[order][counts < len(PARTS)]))
    if not short:
        return parts, ()
    return parts, (f"split leave_last: {short:,} users with fewer than {len(PARTS)} pairs are in train only",)


@SPLITS.register("time")
def time(
    interactions: Interactions,
    rng: np.random.Generator,
    *,
    alpha: float = 0.1,
    valid: float = 0.1,
    test: float = 0.2,
) -> tuple[Parts, tuple[str, ...]]:
    """One cut in time for all: the earliest pairs to train, then alpha, valid, and the latest share to test.

    Equal times are taken in file order. `rng` is not used.
    Errors: InputError where the data has no times, a share is not in (0, 1), or nothing is left for train.
    """
    shares = checked_shares(alpha=alpha, valid=valid, test=test)
    order = np.argsort(_times(interactions, "time"), kind="stable")
    ends = np.cumsum([1 - sum(shares.values()), *shares.values()])[:-1]
    parts = np.zeros(len(order), dtype=np.int8)
    parts[order] = np.searchsorted(np.rint(ends * len(order)), np.arange(len(order)), side="right")
    return parts, ()


def cut_users(users: Int64, shares: dict[int, float], rng: np.random.Generator, last: bool = False) -> Parts:
    """Shares of each user's rows at random, or the last of them, those of the later share at the very end;
    the rest train. Shapes: users (n,) -> (n,).

    Boundaries are floor(cumulative share × count + u) with one uniform u per user: each part gets the floor
    or the ceiling of its share, and the share exactly in expectation.
    """
    draw, offset = rng.random(len(users)), rng.random(len(users))
    if last:
        draw, shares = -np.arange(len(users), dtype=float), dict(reversed(shares.items()))
    order = np.lexsort((draw, users))
    rank, counts = _ranks(users[order])
    _, first, inverse = np.unique(users[order], return_index=True, return_inverse=True)
    shift = offset[order][first][inverse]
    parts = np.zeros(len(users), dtype=np.int8)
    total = 0.0
    ends = []
    for share in shares.values():
        total += share
        ends.append(np.minimum(np.floor(np.round(total * counts, 9) + shift), counts - 1))
    for part, end in reversed(list(zip(shares, ends, strict=True))):
        parts[order[rank < end]] = part
    return parts


def _ranks(sorted_codes: Int64) -> tuple[Int64, Int64]:
    """Position of each row among the rows of its code, and that code's count. Shapes: (n,) -> (n,), (n,)."""
    _, start, inverse, counts = np.unique(
        sorted_codes, return_index=True, return_inverse=True, return_counts=True
    )
    return np.arange(len(sorted_codes)) - start[inverse], counts[inverse]


def checked_shares(**shares: float) -> dict[str, float]:
    """The shares as they are. Errors: InputError for one that is not between 0 and 1, by its name."""
    for name, share in shares.items():
        if not 0 < share < 1:
            raise InputError(f"split: {name} is {share!r}; give a share between 0 and 1, such as 0.1")
    if sum(shares.values()) >= 1:
        named = ", ".join(f"{name} {share:g}" for name, share in shares.items())
        raise InputError(f"split: the shares {named} leave nothing for train; their sum must be below 1")
    return shares


def _times(interactions: Interactions, method: str) -> Float64:
    if interactions.times is None:
        raise InputError(
            f"{interactions.source}: split {method!r} needs times, and the data has none; "
            "name the time column of the reader, or choose split 'ratio'"
        )
    return interactions.times

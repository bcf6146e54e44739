"""Items drawn by popularity, exactly and all at once: weights are whole numbers, so that nothing is
rounded."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from supernet.data.dataset import UserItems
from supernet.data.sampling import sent

TOTAL = 1 << 40
"""About the sum of the weights; times the number of users it must stay below 2^63."""


def popularity(seen: UserItems, n_items: int, exponent: float) -> Tensor:
    r"""The weight of each item, :math:`w_i \propto \max(d_i, 1)^\beta` rounded, (N_items,) int64, each above
    0.

    d_i: how many users have seen i. β = 0 is uniform, 1 by popularity, 0.75 the smoothed one of word2vec
    (arXiv 1310.4546, section 2.2). The same tensor as long as β is the same: `seen` keeps it.
    """

    def weights() -> Tensor:
        degree = torch.bincount(seen.items, minlength=n_items).clamp(min=1).double().pow(exponent)
        return (degree * (TOTAL / degree.sum())).round_().long().clamp_(min=1)

    return seen.cached("popularity", (n_items, exponent), weights)


def shared_weighted(count: int, weights: Tensor, generator: torch.Generator) -> Tensor:
    """`count` items drawn by weight, for all pairs of a batch, (M,) int64."""
    ends = weights.cumsum(0)
    share = torch.rand(count, generator=generator, dtype=torch.float64)
    return torch.searchsorted(ends, _point(sent(share, weights.device), ends[-1]), right=True)


def unseen_weighted(
    users: Tensor, seen: UserItems, weights: Tensor, count: int, generator: torch.Generator
) -> Tensor:
    """`count` items a user, drawn by weight from those the user has not seen; from all, where none is left.

    A point on the line of the unseen weights is drawn; the weights of the seen items before it, found by a
    search, are added, and a search among all items tells whose weight it falls in. What is searched is made
    once for the same `weights`, and kept by `seen`.
    Shapes: users (B,), weights (N_items,) int64 -> (B, count) int64.
    """
    line = seen.cached("line", id(weights), lambda: _line(seen, weights))
    ends, passed = line.ends, line.passed
    first = seen.ptr[users]
    free = (ends[-1] - (passed[seen.ptr[users + 1]] - passed[first])).unsqueeze(1)
    share = torch.rand(users.numel(), count, generator=generator, dtype=torch.float64)
    point = _point(sent(share, users.device), torch.where(free > 0, free, ends[-1]))
    place = torch.searchsorted(line.keys, users.unsqueeze(1) * (ends[-1] + 1) + point, right=True)
    skipped = passed[place] - passed[first].unsqueeze(1)
    return torch.searchsorted(ends, torch.where(free > 0, point + skipped, point), right=True)


class _Line(NamedTuple):
    """The weights of all items end to end: ends (N_items,). passed (E + 1,): the weights of the seen items
    before each, row by row. keys (E,), ascending: user · (total + 1) + the unseen weights before the item.
    weights: kept, so that no others have their id."""

    ends: Tensor
    passed: Tensor
    keys: Tensor
    weights: Tensor


def _line(seen: UserItems, weights: Tensor) -> _Line:
    ends = weights.cumsum(0)
    passed = torch.cat([ends.new_zeros(1), weights[seen.items].cumsum(0)])
    rows = torch.repeat_interleave(seen.counts)
    unseen_before = ends[seen.items] - weights[seen.items] - (passed[:-1] - passed[seen.ptr[rows]])
    return _Line(ends, passed, rows * (ends[-1] + 1) + unseen_before, weights)


def _point(share: Tensor, total: Tensor) -> Tensor:
    """A whole number below `total`, from a share in [0, 1)."""
    return torch.minimum((share * total).long(), total - 1)

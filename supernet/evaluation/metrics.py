"""Ranking metrics: one function each, on hits (U, K); and their evaluation over all users with a test item.

Throughout: hits[u, r] says that the item at rank r + 1 of user u is one of the relevant[u] ≥ 1 test items.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ops.registry import Registry
from supernet.data.dataset import UserItems

Metric = Callable[[Tensor, Tensor], Tensor]
METRICS: Registry[Metric] = Registry("metric")


@METRICS.register("recall")
def recall(hits: Tensor, relevant: Tensor) -> Tensor:
    """Share of the test items that are in the list: hits / |test_u|. Shapes: (U, K), (U,) -> (U,)."""
    return hits.sum(dim=1).double() / relevant


@METRICS.register("precision")
def precision(hits: Tensor, relevant: Tensor) -> Tensor:
    """Share of the list that is in the test items: hits / K. Shapes: (U, K), (U,) -> (U,)."""
    return hits.sum(dim=1).double() / hits.shape[1]


@METRICS.register("ndcg")
def ndcg(hits: Tensor, relevant: Tensor) -> Tensor:
    r"""Normalised discounted cumulative gain with binary gains. Shapes: (U, K), (U,) -> (U,).

    :math:`\sum_r hit_r / \log_2(r + 1)`, divided by the same sum over min(\|test_u\|, K) hits in a row: the
    ideal counts the test items there are, not only the hits that were returned.
    """
    ranks = torch.arange(1, hits.shape[1] + 1, device=hits.device, dtype=torch.float64)
    discounts = (ranks + 1).log2().reciprocal()
    return hits.double() @ discounts / discounts.cumsum(0)[_ideal_hits(hits, relevant) - 1]


@METRICS.register("hit_rate")
def hit_rate(hits: Tensor, relevant: Tensor) -> Tensor:
    """1 if any test item is in the list, else 0. Shapes: (U, K), (U,) -> (U,)."""
    return hits.any(dim=1).double()


@METRICS.register("mrr")
def mrr(hits: Tensor, relevant: Tensor) -> Tensor:
    """1 / rank of the first hit, 0 without one. Shapes: (U, K), (U,) -> (U,)."""
    first = hits.int().argmax(dim=1) + 1
    return hits.any(dim=1).double() / first


@METRICS.register("map")
def average_precision(hits: Tensor, relevant: Tensor) -> Tensor:
    r"""Average precision. Shapes: (U, K), (U,) -> (U,).

    :math:`\sum_r hit_r \cdot precision@r`, divided by min(\|test_u\|, K).
    """
    ranks = torch.arange(1, hits.shape[1] + 1, device=hits.device, dtype=torch.float64)
    at_rank = hits.cumsum(dim=1) / ranks
    return (at_rank * hits).sum(dim=1) / _ideal_hits(hits, relevant)


def _ideal_hits(hits: Tensor, relevant: Tensor) -> Tensor:
    return relevant.clamp(max=hits.shape[1])


@dataclass(frozen=True)
class PerUser:
    """The metrics of each user, and the catalogue coverage of all lists together.

    users (U,) int64: the users with at least one test item; values: "ndcg@20" → (U,) float64, on the CPU;
    coverage: "coverage@20" → share of the catalogue that is in any of the lists that `evaluate`
    was given.
    """

    users: Tensor
    values: dict[str, Tensor]
    coverage: dict[str, float]

    def means(self) -> dict[str, float]:
        """Every metric averaged over the users, then the coverage: plain floats, ready for JSON."""
        return {name: float(value.mean()) for name, value in self.values.items()} | self.coverage


def evaluate(
    top: Tensor, users: Tensor, test: UserItems, n_items: int, ks: Sequence[int] = (10, 20)
) -> PerUser:
    """All registered metrics at every cut-off of `ks`, for the users who have a test item.

    Coverage counts every list that is given; derive.py gives those of users with a test item alone, as
    RecBole and Elliot do.

    Args: top: the lists of `top_items`, best first, -1 where a list ends early; test: the held-out items.
    Shapes: top (U, K_max) int64, users (U,) int64.
    Errors: ValueError if a cut-off exceeds K_max or if no user has a test item.
    """
    if not ks or min(ks) < 1 or max(ks) > top.shape[1]:
        raise ValueError(f"cut-offs {tuple(ks)} need lists of as many items, found lists of {top.shape[1]}")
    top, users, test = top.cpu(), users.cpu(), UserItems(test.ptr.cpu(), test.items.cpu())
    coverage = {f"coverage@{k}": _coverage(top[:, :k], n_items) for k in ks}
    kept = test.counts[users] > 0
    if not kept.any():
        raise ValueError(f"none of the {len(users)} users has a test item: there is nothing to average")
    top, users = top[kept], users[kept]
    hits, relevant = find_hits(top, users, test, n_items), test.counts[users]
    values = {f"{name}@{k}": METRICS[name](hits[:, :k], relevant) for k in ks for name in METRICS}
    return PerUser(users, values, coverage)


def find_hits(top: Tensor, users: Tensor, test: UserItems, n_items: int) -> Tensor:
    """Whether each listed item is one of its user's test items. Shapes: (U, K), users (U,) -> (U, K) bool."""
    owners = torch.repeat_interleave(test.counts)
    known = owners * n_items + test.items  # ascending: the order of CSR
    keys = users[:, None] * n_items + top
    found = known[torch.searchsorted(known, keys).clamp(max=len(known) - 1)] == keys
    return found & (top >= 0)


def _coverage(top: Tensor, n_items: int) -> float:
    return len(torch.unique(top[top >= 0])) / n_items


def sample_users(test: UserItems, size: int | None, generator: torch.Generator) -> Tensor:
    """Up to `size` of the users who have a test item, without repeats, ascending; all of them for None.

    For monitoring: a sample drawn once makes the epochs comparable. Returns (U,) int64.
    """
    users = test.counts.nonzero()[:, 0]
    if size is None or size >= len(users):
        return users
    chosen = torch.randperm(len(users), generator=generator, device=generator.device)[:size]
    return users[chosen.to(users.device)].sort().values

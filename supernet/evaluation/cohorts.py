"""Whom a model serves, and with what: users by their activity, items by their popularity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from supernet.data.dataset import UserItems
from supernet.evaluation.metrics import PerUser, find_hits

HEAD, TAIL = 0.2, 0.2
"""Shares of the train interactions that the head and the tail of the items have."""


@dataclass(frozen=True)
class Cohort:
    """Users or items with `low` to `high` train interactions each; members (N,) int64, ascending."""

    name: str
    low: int
    high: int
    members: Tensor

    @classmethod
    def of(cls, name: str, members: Tensor, counts: Tensor) -> Cohort:
        """`members` with the least and the greatest of their counts."""
        own = counts[members]
        return cls(name, int(own.min()), int(own.max()), members)


def user_cohorts(counts: Tensor, users: Tensor, groups: int = 4) -> list[Cohort]:
    """`users` in groups of equal size by their number of train interactions, the least active first.

    Users of equal activity stay together, so sizes are equal up to such ties, and groups that ties leave
    empty are missing. Named by rank: "users 1 of 4". Shapes: counts (N_users,), users (U,).
    Source: activity groups as in Wang et al., arXiv 1905.08108 (NGCF), there equal in interactions.
    """
    own = counts[users]
    ranked = own.sort().values
    ends = [ranked[max(0, len(users) * i // groups - 1)] for i in range(1, groups)]
    group = torch.bucketize(own, torch.stack(ends)) if ends else torch.zeros_like(own)
    found = [(i, users[group == i].sort().values) for i in range(groups)]
    return [Cohort.of(f"users {i + 1} of {groups}", members, counts) for i, members in found if len(members)]


def item_cohorts(counts: Tensor) -> list[Cohort]:
    """All items as head, middle and tail by popularity. Shapes: counts (N_items,) train interactions.

    head: the most popular items, until they have 20 % of the train interactions; tail: the least popular,
    with the last 20 %; middle: the rest (missing where it is empty, as the tail can be). Ties: by index.
    Source: Abdollahpouri et al., arXiv 2103.06364. Errors: ValueError without an interaction.
    """
    if counts.sum() <= 0:
        raise ValueError("there is no interaction to rank items by")
    order = counts.argsort(descending=True, stable=True)
    share = counts[order].double() / counts.sum()
    before = share.cumsum(0) - share
    group = (before > HEAD - 1e-12).int() + (before > 1 - TAIL - 1e-12).int()
    found = [(name, order[group == i].sort().values) for i, name in enumerate(("head", "middle", "tail"))]
    return [Cohort.of(name, members, counts) for name, members in found if len(members)]


def by_user_cohort(result: PerUser, cohorts: Sequence[Cohort]) -> dict[str, float]:
    """Every per-user metric averaged over each cohort: "users 1 of 4/ndcg@20" → mean."""
    found: dict[str, float] = {}
    for cohort in cohorts:
        inside = torch.isin(result.users, cohort.members)
        found |= {f"{cohort.name}/{m}": float(v[inside].mean()) for m, v in result.values.items()}
    return found


def by_item_cohort(
    top: Tensor, users: Tensor, test: UserItems, n_items: int, ks: Sequence[int], cohorts: Sequence[Cohort]
) -> dict[str, float]:
    """Recall of the test items of each cohort, all users together: "tail/recall@20" → hits / test pairs.

    A cohort without a test pair of these users is left out.
    Shapes: top (U, K), users (U,) int64.
    """
    hits = find_hits(top, users, test, n_items)
    wanted = torch.zeros(len(test.counts), dtype=torch.bool)
    wanted[users] = True
    test_items = test.items[torch.repeat_interleave(wanted, test.counts)]
    found: dict[str, float] = {}
    for cohort in cohorts:
        total = int(torch.isin(test_items, cohort.members).sum())
        inside = hits & torch.isin(top, cohort.members)
        if total:
            found |= {f"{cohort.name}/recall@{k}": int(inside[:, :k].sum()) / total for k in ks}
    return found

"""What every model's lists are measured with: the test part, the catalogue, the cohorts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from supernet.data.dataset import Dataset, UserItems
from supernet.evaluation.beyond import Catalogue, beyond
from supernet.evaluation.cohorts import Cohort, by_item_cohort, by_user_cohort, item_cohorts, user_cohorts
from supernet.evaluation.metrics import PerUser, evaluate
from supernet.pipeline.stages import KNOWN


@dataclass(frozen=True)
class Measured:
    """One training's lists on the test part; beyond: "gini@20" → value; cohorts: "head/recall@20" → value."""

    per_user: PerUser
    beyond: dict[str, float]
    cohorts: dict[str, float]


@dataclass(frozen=True)
class Yardstick:
    """users (U,): those with a test item. Activity and popularity are of all interactions before the test."""

    users: Tensor
    test: UserItems
    ks: tuple[int, ...]
    catalogue: Catalogue
    user_groups: list[Cohort]
    item_groups: list[Cohort]

    @classmethod
    def of(cls, data: Dataset, ks: Sequence[int]) -> Yardstick:
        """Open the test part."""
        test = data.user_items(["test"])
        users = test.counts.nonzero().flatten()
        catalogue = Catalogue.of(data, KNOWN)
        activity = data.user_items(KNOWN).counts
        groups = user_cohorts(activity, users), item_cohorts(catalogue.counts)
        return cls(users, test, tuple(ks), catalogue, *groups)

    def measure(self, lists: Tensor) -> Measured:
        """Everything there is to say of the lists of all users, (N_users, K): of users with a test item, in
        the metrics beyond accuracy too."""
        top, n_items = lists[self.users], len(self.catalogue.counts)
        per_user = evaluate(top, self.users, self.test, n_items, ks=self.ks)
        by_item = by_item_cohort(top, self.users, self.test, n_items, self.ks, self.item_groups)
        by_user = by_user_cohort(per_user, self.user_groups)
        return Measured(per_user, beyond(top, self.catalogue, self.ks), by_user | by_item)

    def report(self) -> dict[str, Any]:
        """The cohorts and their bounds, as JSON."""
        counts, items = (
            self.catalogue.counts,
            torch.bincount(self.test.items, minlength=len(self.catalogue.counts)),
        )
        users = {c.name: _bounds(c) | {"users": len(c.members)} for c in self.user_groups}
        by_items = {
            c.name: _bounds(c)
            | {
                "items": len(c.members),
                "interactions": int(counts[c.members].sum()),
                "test_pairs": int(items[c.members].sum()),
            }
            for c in self.item_groups
        }
        return {"users": users, "items": by_items}

    def sentences(self) -> list[str]:
        """The cohorts and their bounds, in words."""
        kinds = ((self.user_groups, "users"), (self.item_groups, "items"))
        return [
            "; ".join(f"{c.name}: {len(c.members):,} {kind} of {_span(c)} interactions" for c in cohorts)
            for cohorts, kind in kinds
        ]


def _bounds(cohort: Cohort) -> dict[str, int]:
    return {"least_interactions": cohort.low, "most_interactions": cohort.high}


def _span(cohort: Cohort) -> str:
    return f"{cohort.low:,}" if cohort.low == cohort.high else f"{cohort.low:,}–{cohort.high:,}"

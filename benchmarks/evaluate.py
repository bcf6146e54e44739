"""Full ranking against the limit of its GEMM and top-k, and against an evaluator that goes user by user.

    python benchmarks/evaluate.py --data FOLDER [--quick] [--check]

FOLDER holds train.txt and test.txt in the LightGCN format (Gowalla). Every user with a test item ranks all
items, train items left out; random vectors of the dim asked for. The limit is the bare score product and
top-k, in chunks into one buffer, with nothing masked, checked or counted.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

sys.path[0] = str(Path(__file__).resolve().parents[1])  # this file's own folder would hide the packages

from benchmarks import measure
from supernet.data.dataset import UserItems
from supernet.evaluation.metrics import evaluate
from supernet.evaluation.ranking import scores_dot, top_items

K = 20


class Task:
    """Vectors of all nodes, what each user has seen, and what was held out."""

    def __init__(self, data: measure.Interactions, dim: int, limit: int | None) -> None:
        generator = torch.Generator().manual_seed(0)
        self.user = torch.randn(data.n_users, dim, generator=generator)
        self.item = torch.randn(data.n_items, dim, generator=generator)
        self.seen, self.test = data.user_items(data.train), data.user_items(data.test)
        self.users = (self.test.counts > 0).nonzero().flatten()[:limit]
        self.n_items = data.n_items

    def ours(self) -> dict[str, float]:
        """Ranking and metrics as the project has them."""
        top = top_items(scores_dot(self.user, self.item), self.users, self.seen, K)
        return evaluate(top, self.users, self.test, self.n_items, ks=(K,)).means()

    def limit(self, size: int = 1024) -> None:
        """The product and top-k alone, into one buffer."""
        buffer = torch.empty(size, self.n_items)
        items = self.item.t()
        for chunk in self.users.split(size):
            scores = torch.mm(self.user[chunk], items, out=buffer[: len(chunk)])
            scores.topk(K, dim=1)

    def by_user(self, users: Tensor) -> dict[str, float]:
        """One user after the other in Python: dictionaries, sets and a sort, as many evaluators do it."""
        found: list[tuple[float, float]] = []
        item = self.item.numpy()
        discount = 1 / np.log2(np.arange(2, K + 2))
        for user in users.tolist():
            scores = item @ self.user[user].numpy()
            scores[_of(self.seen, user)] = -np.inf
            top = np.argsort(-scores)[:K]
            wanted = set(_of(self.test, user).tolist())
            hits = np.array([float(i in wanted) for i in top])
            ideal = discount[: min(len(wanted), K)].sum()
            found.append((hits.sum() / len(wanted), (hits * discount).sum() / ideal))
        recall, ndcg = np.array(found).mean(axis=0)
        return {f"recall@{K}": recall, f"ndcg@{K}": ndcg}


def _of(items: UserItems, user: int) -> np.ndarray:
    return items.items[items.ptr[user] : items.ptr[user + 1]].numpy()


def main() -> None:
    """Check, time, print."""
    chosen = measure.options(__doc__)
    data = measure.Interactions(chosen.data)
    task = Task(data, chosen.dim, 2000 if chosen.quick else None)
    some = Task(data, chosen.dim, 300)
    ours, reference = some.ours(), some.by_user(some.users)
    for name, value in reference.items():
        assert abs(ours[name] - value) < 1e-5, (name, ours[name], value)
    if chosen.check:
        return
    cases = {"ranking": task.ours, "limit": task.limit, "by_user": lambda: task.by_user(some.users)}
    times = measure.interleaved(cases, chosen.repeats)
    users = len(task.users)
    for name, count in (("ranking", users), ("limit", users), ("by_user", len(some.users))):
        measure.row(f"{name}_microseconds_a_user", [1e6 * t / count for t in times[name]], "µs")
    measure.row("ranking_over_limit", measure.ratios(times, "ranking", "limit"), "ratio", users=users)
    share = users / len(some.users)
    slow = [share * r for r in measure.ratios(times, "by_user", "ranking")]
    measure.row("by_user_over_ranking", slow, "ratio", users_timed=len(some.users))


if __name__ == "__main__":
    main()

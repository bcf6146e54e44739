"""Popularity, and nearest neighbours by the shrunk cosine."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from supernet.data.cooccurrence import similarities
from supernet.data.dataset import Pairs
from supernet.evaluation.closed_forms.table import Space, baseline, matrix
from supernet.evaluation.ranking import Score

SPACE: Space = {
    "neighbours": {"choices": [20, 50, 100, 200, 500]},
    "shrinkage": {"low": 0.1, "high": 1000.0, "log": True},
}


@baseline("pop", space={})
def pop(train: Pairs, n_users: int, n_items: int) -> Score:
    """Popularity: every user gets the items by their number of training interactions."""
    counts = torch.bincount(train.items, minlength=n_items).float()

    def score(users: Tensor) -> Tensor:
        return counts.to(users.device).repeat(len(users), 1)

    return score


@baseline("item_knn", {**SPACE, "balance": {"choices": [0.0, 0.5, 1.0]}})
def item_knn(
    train: Pairs,
    n_users: int,
    n_items: int,
    neighbours: int = 100,
    shrinkage: float = 10.0,
    balance: float = 0.0,
) -> Score:
    r"""Item-based nearest neighbours with the shrunk cosine of co-occurrence.

    :math:`s_{ij} = c_{ij} / (\sqrt{c_i c_j} + shrinkage)` for i ≠ j, where c_ij users have both items and c_i
    have i; N(j) are the `neighbours` items most similar to j (ties: the lower index), and
    :math:`score(u, j) = \sum_{i \in I_u \cap N(j)} s_{ij} / (\sum_{i \in N(j)} s_{ij})^{balance}`: a sum for
    balance 0, a weighted mean for 1. Built in chunks of items: items × items is never dense.

    Source: Sarwar et al. 2001, Deshpande & Karypis 2004; shrinkage as in Ferrari Dacrema et al., arXiv
    1907.06902.
    Errors: ValueError for neighbours < 1 or shrinkage < 0.
    """
    seen = matrix(train, n_users, n_items)
    similar = similarities(seen, neighbours, shrinkage)
    total = np.maximum(similar.sum(axis=1), 1e-12) ** np.float32(balance)
    similar_t = (similar.T @ sparse.diags_array(1 / total)).tocsr()

    def score(users: Tensor) -> Tensor:
        dense = (seen[users.cpu().numpy()] @ similar_t).toarray()
        return torch.from_numpy(dense).to(users.device)

    return score


@baseline("user_knn", SPACE)
def user_knn(
    train: Pairs, n_users: int, n_items: int, neighbours: int = 100, shrinkage: float = 10.0
) -> Score:
    r"""User-based nearest neighbours, :math:`score(u, j) = \sum_{v \in N(u)} s_{uv} [j \in I_v]`.

    s is the shrunk cosine of `item_knn`, between users, and N(u) the `neighbours` users most similar to u.
    Source: Herlocker et al. 1999; shrinkage as in Ferrari Dacrema et al., arXiv 1907.06902.
    Errors: ValueError for neighbours < 1 or shrinkage < 0.
    """
    seen = matrix(train, n_users, n_items)
    similar = similarities(seen.T.tocsr(), neighbours, shrinkage)

    def score(users: Tensor) -> Tensor:
        dense = (similar[users.cpu().numpy()] @ seen).toarray()
        return torch.from_numpy(dense).to(users.device)

    return score

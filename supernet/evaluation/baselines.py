"""Baselines without training: fit(train, n_users, n_items) -> score, to be ranked like any model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from ops.registry import Registry
from supernet.data.dataset import Pairs
from supernet.evaluation.ranking import Score

Baseline = Callable[..., Score]
"""(train, n_users, n_items, its own settings by name) -> score: users (B,) -> (B, N_items) float32."""

BASELINES: Registry[Baseline] = Registry("baseline")

# Cells (item, item) worked on at once: bounds the memory of a chunk of similarities at about 32 bytes each.
_CELLS = 2_000_000


@BASELINES.register("pop")
def pop(train: Pairs, n_users: int, n_items: int) -> Score:
    """Popularity: every user gets the items by their number of training interactions."""
    counts = torch.bincount(train.items, minlength=n_items).float()

    def score(users: Tensor) -> Tensor:
        return counts.to(users.device).repeat(len(users), 1)

    return score


@BASELINES.register("item_knn")
def item_knn(
    train: Pairs, n_users: int, n_items: int, neighbours: int = 100, shrinkage: float = 10.0
) -> Score:
    r"""Item-based nearest neighbours with the shrunk cosine of co-occurrence.

    :math:`s_{ij} = c_{ij} / (\sqrt{c_i c_j} + shrinkage)` for i ≠ j, where c_ij users have both items and c_i
    have i; :math:`score(u, j) = \sum_{i \in I_u \cap N(j)} s_{ij}`, with N(j) the `neighbours` items most
    similar to j (ties: the lower index). Built in chunks of items: items × items is never dense.

    Source: Deshpande & Karypis 2004; shrinkage as in Ferrari Dacrema et al., arXiv 1907.06902.
    Errors: ValueError for neighbours < 1 or shrinkage < 0.
    """
    if neighbours < 1 or shrinkage < 0:
        raise ValueError(f"needs neighbours ≥ 1 and shrinkage ≥ 0, found {neighbours} and {shrinkage}")
    seen = _matrix(train, n_users, n_items)
    similar_t = _similarities(seen, neighbours, shrinkage).T.tocsr()

    def score(users: Tensor) -> Tensor:
        dense = (seen[users.cpu().numpy()] @ similar_t).toarray()
        return torch.from_numpy(dense).to(users.device)

    return score


def _matrix(train: Pairs, n_users: int, n_items: int) -> sparse.csr_array:
    users, items = train.users.cpu().numpy(), train.items.cpu().numpy()
    return sparse.csr_array((np.ones(len(users), np.float32), (users, items)), shape=(n_users, n_items))


def _similarities(seen: sparse.csr_array, neighbours: int, shrinkage: float) -> sparse.csr_array:
    """Row j holds the similarities of j to N(j). Shapes: seen (N_users, N_items) -> (N_items, N_items)."""
    n_items = seen.shape[1]
    norms = np.sqrt(seen.sum(axis=0))
    owners = seen.T.tocsr()
    size = max(1, _CELLS // n_items)
    chunks = []
    for start in range(0, n_items, size):
        both = (owners[start : start + size] @ seen).tocoo()
        rows, items = both.row.astype(np.int64) + start, both.col.astype(np.int64)
        values = both.data / (norms[rows] * norms[items] + shrinkage)
        other = rows != items
        chunks.append(_best_per_row(rows[other], items[other], values[other], neighbours))
    rows, items, values = (np.concatenate(part) for part in zip(*chunks, strict=True))
    return sparse.csr_array((values.astype(np.float32), (rows, items)), shape=(n_items, n_items))


def _best_per_row(
    rows: np.ndarray, items: np.ndarray, values: np.ndarray, best: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    order = np.lexsort((items, -values, rows))
    rows, items, values = rows[order], items[order], values[order]
    rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
    kept = rank < best
    return rows[kept], items[kept], values[kept]

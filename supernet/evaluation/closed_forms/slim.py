"""SLIM: a sparse, non-negative linear item–item model, exact or on selected features."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from supernet.data.cooccurrence import similarities
from supernet.data.dataset import Pairs
from supernet.evaluation.closed_forms import table
from supernet.evaluation.closed_forms.table import baseline, gram, matrix
from supernet.evaluation.ranking import Score

EXACT = 1_000
"""Most items for which every other item may get a weight; above, it is the nearest `candidates` (fsSLIM)."""

# The descent ends with a sweep that changes no weight by _TOLERANCE; items outside the candidates are wanted
# where the gradient of a weight of theirs is above _SLACK.
_TOLERANCE, _SLACK, _SWEEPS, _ROUNDS = 1e-5, 1e-3, 200, 100


def _variant(n_items: int) -> str:
    return "exact SLIM" if n_items <= EXACT else "fsSLIM, nearest items only"


@baseline(
    "slim",
    space={
        "l1": {"low": 0.01, "high": 20.0, "log": True},
        "l2": {"low": 0.1, "high": 1000.0, "log": True},
        "candidates": {"choices": [50, 100, 200]},
    },
    note=_variant,
)
def slim(
    train: Pairs, n_users: int, n_items: int, l1: float = 1.0, l2: float = 10.0, candidates: int = 100
) -> Score:
    r"""Elastic-net regression of every item on the others, no weight below 0: :math:`score(u, j) = x_u w_j`,

    .. math:: w_j = \arg\min_{w \ge 0, w_j = 0} \tfrac12 \|x_j - X w\|^2 + \lambda_1 \|w\|_1
        + \tfrac12 \lambda_2 \|w\|^2

    by coordinate descent on entries of XᵀX, many items at once. Up to `EXACT` items the solution is exact:
    weights are confined to `candidates` items, and those that the optimality conditions ask for join until
    none is missing. Above, the candidates are the items with the largest cosine (fsSLIM), and items × items
    is never dense.
    Source: Ning & Karypis 2011. Errors: ValueError for l1 < 0, l2 ≤ 0 or candidates < 1.
    """
    if l1 < 0 or l2 <= 0 or candidates < 1:
        raise ValueError(f"needs l1 ≥ 0, l2 above 0 and candidates ≥ 1, found {l1}, {l2} and {candidates}")
    seen = matrix(train, n_users, n_items)
    solve = exact_weights if n_items <= EXACT else selected_weights
    weights = solve(seen, l1, l2, candidates)

    def score(users: Tensor) -> Tensor:
        return torch.from_numpy((seen[users.cpu().numpy()] @ weights).toarray()).to(users.device)

    return score


def exact_weights(seen: sparse.csr_array, l1: float, l2: float, candidates: int) -> sparse.csr_array:
    """Column j is w_j over all other items. Shapes: seen (N_users, N_items) -> (N_items, N_items)."""
    together, n_items = gram(seen), seen.shape[1]
    weights, inside = np.zeros_like(together), np.zeros(together.shape, bool)
    for _ in range(_ROUNDS):
        slack = together - together @ weights - np.float32(l1)
        np.fill_diagonal(slack, -np.inf)
        missing = (slack > _SLACK * max(l1, 1.0)) & ~inside
        if not missing.any():
            break
        support = weights > 0
        size = min(n_items - 1, max(candidates, int(support.sum(axis=0).max()) + max(candidates // 2, 10)))
        wanted = np.where(support, np.inf, np.where(missing, slack, -1e30))
        np.fill_diagonal(wanted, -np.inf)
        near = np.argpartition(-wanted, size - 1, axis=0)[:size].T
        found = _descend(together, near, l1, l2)
        weights[:], inside[:] = 0.0, False
        np.put_along_axis(weights, near.T, found.T, axis=0)
        np.put_along_axis(inside, near.T, True, axis=0)
    return sparse.csr_array(weights)


def _descend(together: np.ndarray, near: np.ndarray, l1: float, l2: float) -> np.ndarray:
    """The weights of the items `near` to each, in chunks of items; (N_items, K) -> (N_items, K)."""
    size, found = max(1, table.CELLS // near.shape[1] ** 2), []
    for start in range(0, len(near), size):
        part = near[start : start + size]
        targets = together[part, np.arange(start, start + len(part))[:, None]]
        found.append(coordinate_descent(together[part[:, :, None], part[:, None, :]], targets, l1, l2))
    return np.concatenate(found)


def selected_weights(seen: sparse.csr_array, l1: float, l2: float, candidates: int) -> sparse.csr_array:
    """Column j is w_j over the `candidates` items with the largest cosine to j (ties: the lower index).

    A block of XᵀX, candidates × candidates, is made for one item at a time from the users of these items.
    Shapes: seen (N_users, N_items) -> (N_items, N_items).
    """
    n_items, owners = seen.shape[1], seen.T.tocsr()
    near = similarities(seen, candidates, shrinkage=0.0)
    size, found = max(1, table.CELLS // candidates**2), []
    for start in range(0, n_items, size):
        items = range(start, min(start + size, n_items))
        blocks = np.zeros((len(items), candidates, candidates), np.float32)
        targets = np.full((len(items), candidates), -np.inf, np.float32)  # where there are fewer candidates
        for row, item in enumerate(items):
            those = near.indices[near.indptr[item] : near.indptr[item + 1]]
            block = _block(owners, np.append(those, item))
            blocks[row, : len(those), : len(those)] = block[:-1, :-1]
            targets[row, : len(those)] = block[:-1, -1]
        kept = coordinate_descent(blocks, targets, l1, l2)[np.isfinite(targets)]
        found.append(kept)
    weights = sparse.csr_array((np.concatenate(found), near.indices, near.indptr), shape=near.shape).T.tocsr()
    weights.eliminate_zeros()
    return weights


def _block(owners: sparse.csr_array, items: np.ndarray) -> np.ndarray:
    rows = owners[items]
    return (rows @ rows.T).toarray()


def coordinate_descent(blocks: np.ndarray, targets: np.ndarray, l1: float, l2: float) -> np.ndarray:
    r"""Least :math:`\tfrac12 w^\top (G + \lambda_2 I) w - (g - \lambda_1)^\top w` over w ≥ 0, for many.

    A target of −∞ keeps its weight at 0. Shapes: blocks G (B, K, K), targets g (B, K) -> (B, K).
    """
    weights, own = np.zeros_like(targets), np.diagonal(blocks, axis1=1, axis2=2).copy()
    for _ in range(_SWEEPS):
        before = weights.copy()
        for i in range(targets.shape[1]):
            rest = targets[:, i] - np.vecdot(blocks[:, i], weights) + own[:, i] * weights[:, i]
            weights[:, i] = np.maximum(rest - l1, 0.0) / (own[:, i] + l2)
        if np.abs(weights - before).max(initial=0.0) < _TOLERANCE:
            break
    return weights

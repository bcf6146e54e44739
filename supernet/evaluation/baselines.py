"""Baselines without training: fit(train, n_users, n_items) -> score, to be ranked like any model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy import sparse
from scipy.linalg import lapack
from scipy.sparse.linalg import svds
from torch import Tensor

from ops.registry import Registry
from supernet.data.cooccurrence import similarities
from supernet.data.dataset import Pairs
from supernet.evaluation.ranking import Score

Baseline = Callable[..., Score]
"""(train, n_users, n_items, its own settings by name) -> score: users (B,) -> (B, N_items) float32."""

BASELINES: Registry[Baseline] = Registry("baseline")

# Cells (item, item) worked on at once: bounds the memory of a chunk.
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
    seen = _matrix(train, n_users, n_items)
    similar_t = similarities(seen, neighbours, shrinkage).T.tocsr()

    def score(users: Tensor) -> Tensor:
        dense = (seen[users.cpu().numpy()] @ similar_t).toarray()
        return torch.from_numpy(dense).to(users.device)

    return score


@BASELINES.register("user_knn")
def user_knn(
    train: Pairs, n_users: int, n_items: int, neighbours: int = 100, shrinkage: float = 10.0
) -> Score:
    r"""User-based nearest neighbours, :math:`score(u, j) = \sum_{v \in N(u)} s_{uv} [j \in I_v]`.

    s is the shrunk cosine of `item_knn`, between users, and N(u) the `neighbours` users most similar to u.
    Source: Herlocker et al. 1999; shrinkage as in Ferrari Dacrema et al., arXiv 1907.06902.
    Errors: ValueError for neighbours < 1 or shrinkage < 0.
    """
    seen = _matrix(train, n_users, n_items)
    similar = similarities(seen.T.tocsr(), neighbours, shrinkage)

    def score(users: Tensor) -> Tensor:
        dense = (similar[users.cpu().numpy()] @ seen).toarray()
        return torch.from_numpy(dense).to(users.device)

    return score


@BASELINES.register("ease")
def ease(train: Pairs, n_users: int, n_items: int, l2: float = 250.0) -> Score:
    r"""Linear regression of every item on all others, in closed form: :math:`B = I - P
    \operatorname{diag}(P)^{-1}`, :math:`P = (X^\top X + \lambda I)^{-1}`, :math:`score(u, \cdot) = x_u B`.

    The one N_items × N_items float32 matrix is factorised and inverted in place by LAPACK (6.7 GB and
    some 7e13 operations for the 41 thousand items of Gowalla). `l2` is λ.
    Source: Steck, arXiv 1905.03375. Errors: ValueError for l2 ≤ 0, and where P cannot be had in float32.
    """
    if l2 <= 0:
        raise ValueError(f"needs l2 above 0, found {l2}")
    seen = _matrix(train, n_users, n_items)
    gram = _gram(seen)
    gram[np.diag_indices(n_items)] += np.float32(l2)
    factor, failed = lapack.spotrf(gram, lower=1, clean=0, overwrite_a=1)
    inverse, failed_too = (factor, failed) if failed else lapack.spotri(factor, lower=1, overwrite_c=1)
    if failed or failed_too:
        raise ValueError(f"XᵀX + {l2} I has no inverse in float32; raise l2")
    _mirror(inverse)
    weights = inverse
    weights /= -inverse.diagonal().copy()
    np.fill_diagonal(weights, 0.0)

    def score(users: Tensor) -> Tensor:
        return torch.from_numpy(seen[users.cpu().numpy()] @ weights).to(users.device)

    return score


@BASELINES.register("gf_cf")
def gf_cf(
    train: Pairs, n_users: int, n_items: int, rank: int = 256, low_pass: float = 0.3, seed: int = 0
) -> Score:
    r"""Graph filter without training: a linear and an ideal low-pass filter of the item graph.

    .. math:: score(u, \cdot) = x_u (\tilde R^\top \tilde R + \alpha D^{-1/2} V V^\top D^{1/2}), \qquad
        \tilde R = D_U^{-1/2} R D^{-1/2}

    V (N_items, rank) holds the first right singular vectors of R̃, D the item degrees, α = `low_pass`. Only
    products with R̃ and V are made: items × items is never dense.
    Source: Shen et al., arXiv 2108.07567. Errors: ValueError for rank < 1.
    """
    if rank < 1:
        raise ValueError(f"needs rank ≥ 1, found {rank}")
    seen = _matrix(train, n_users, n_items)
    owners, degree = np.maximum(seen.sum(axis=1), 1.0), np.maximum(seen.sum(axis=0), 1.0)
    scaled = (sparse.diags_array(owners**-0.5) @ seen @ sparse.diags_array(degree**-0.5)).tocsr()
    vectors = _right_singular_vectors(scaled, min(rank, min(scaled.shape) - 1), seed)
    into, out = vectors * (degree**-0.5)[:, None], vectors.T * degree**0.5

    def score(users: Tensor) -> Tensor:
        rows = seen[users.cpu().numpy()]
        linear = (rows @ scaled.T).toarray() @ scaled
        return torch.from_numpy((linear + low_pass * (rows @ into) @ out).astype(np.float32)).to(users.device)

    return score


def _gram(seen: sparse.csr_array) -> np.ndarray:
    """XᵀX, dense float32 in Fortran's order, filled in chunks of columns."""
    n_items = seen.shape[1]
    gram = np.zeros((n_items, n_items), np.float32, order="F")
    owners, size = seen.T.tocsr(), max(1, _CELLS // n_items)
    for start in range(0, n_items, size):
        gram[:, start : start + size] = (owners[start : start + size] @ seen).toarray().T
    return gram


def _mirror(lower: np.ndarray) -> None:
    """Copy the lower triangle onto the upper, in place and in blocks."""
    size = 1024
    for start in range(0, len(lower), size):
        rows = slice(start, start + size)
        lower[rows, start + size :] = lower[start + size :, rows].T
        block = np.tril(lower[rows, rows])
        lower[rows, rows] = block + np.tril(block, -1).T


def _right_singular_vectors(matrix: sparse.csr_array, rank: int, seed: int) -> np.ndarray:
    """The first `rank` of them, (N_columns, rank) float32. A matrix of one row or column has just itself."""
    if rank < 1:
        row = matrix.toarray()[:1]
        return (row / max(float(np.linalg.norm(row)), 1e-12)).T.astype(np.float32)
    start = np.random.default_rng(seed).standard_normal(min(matrix.shape)).astype(matrix.dtype)
    return np.ascontiguousarray(svds(matrix, k=rank, v0=start)[2].T)


def _matrix(train: Pairs, n_users: int, n_items: int) -> sparse.csr_array:
    users, items = train.users.cpu().numpy(), train.items.cpu().numpy()
    return sparse.csr_array((np.ones(len(users), np.float32), (users, items)), shape=(n_users, n_items))

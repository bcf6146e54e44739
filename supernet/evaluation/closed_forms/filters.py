"""Graph filters without training: GF-CF and ChebyCF. Items × items is never dense."""

from __future__ import annotations

import numpy as np
import torch
from numpy.polynomial import chebyshev
from scipy import sparse
from torch import Tensor

from supernet.data.dataset import Pairs
from supernet.evaluation.closed_forms.table import baseline, matrix
from supernet.evaluation.ranking import Score

# Columns multiplied at once: what R̃ gathers from stays in the cache (41 thousand × 16: 2.6 MB).
_COLUMNS = 16
# Subspace iteration: orthonormal bases made, and products with R̃ᵀR̃ before each, which cost less than a basis.
_BASES, _POWERS = 4, 3


@baseline(
    "gf_cf",
    space={"rank": {"choices": [64, 128, 256, 512]}, "low_pass": {"low": 0.03, "high": 3.0, "log": True}},
)
def gf_cf(
    train: Pairs, n_users: int, n_items: int, rank: int = 256, low_pass: float = 0.3, seed: int = 0
) -> Score:
    r"""Graph filter without training: a linear and an ideal low-pass filter of the item graph.

    .. math:: score(u, \cdot) = x_u (\tilde R^\top \tilde R + \alpha D^{-1/2} V V^\top D^{1/2}), \qquad
        \tilde R = D_U^{-1/2} R D^{-1/2}

    V (N_items, rank) holds the first right singular vectors of R̃, D the item degrees, α = `low_pass`.
    Source: Shen et al., arXiv 2108.07567. Errors: ValueError for rank < 1.
    """
    _check_rank(rank)
    seen = matrix(train, n_users, n_items)
    scaled, degree = _normalised(seen)
    vectors = _right_singular_vectors(scaled, rank, seed)
    into, out = vectors * (degree**-0.5)[:, None], vectors.T * degree**0.5

    def score(users: Tensor) -> Tensor:
        rows = seen[users.cpu().numpy()]
        linear = ((rows @ scaled.T) @ scaled).toarray()
        return torch.from_numpy((linear + low_pass * (rows @ into) @ out).astype(np.float32)).to(users.device)

    return score


@baseline(
    "cheby_cf",
    space={
        "order": {"choices": [4, 6, 8, 10]},
        "flatness": {"low": 1.0, "high": 20.0, "log": True},
        "rank": {"choices": [64, 128, 256, 512]},
        "low_pass": {"low": 0.03, "high": 1.0, "log": True},
        "power": {"choices": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]},
    },
)
def cheby_cf(
    train: Pairs,
    n_users: int,
    n_items: int,
    order: int = 8,
    flatness: float = 1.5,
    rank: int = 512,
    low_pass: float = 0.2,
    power: float = 0.4,
    seed: int = 0,
) -> Score:
    r"""Graph filter without training: a polynomial with a plateau, and an ideal low-pass filter.

    .. math:: score(u, \cdot) = x_u D^{-\beta} (q(2 \tilde R^\top \tilde R - I) + \alpha V V^\top) D^{\beta},
        \qquad \tilde R = D_U^{-1/2} R D^{-1/2}

    q = `plateau_coefficients(order, flatness)` is a Chebyshev series, summed by Clenshaw's recurrence:
    2 · order products with R̃ a user. V (N_items, rank) holds the first right singular vectors of R̃, D the
    item degrees, α = `low_pass`, β = `power`. Defaults: the authors' for Gowalla.
    Source: Kim et al., arXiv 2505.00552. Errors: ValueError for order < 1, flatness ≤ 0 or rank < 1.
    """
    _check_rank(rank)
    seen = matrix(train, n_users, n_items)
    scaled, degree = _normalised(seen)
    backward, coefficients = scaled.T.tocsr(), plateau_coefficients(order, flatness)
    vectors, before, after = _right_singular_vectors(scaled, rank, seed), degree**-power, degree**power
    signals = (seen @ sparse.diags_array(before)).tocsr()

    def score(users: Tensor) -> Tensor:
        rows = signals[users.cpu().numpy()]
        found = low_pass * (rows @ vectors) @ vectors.T
        for start in range(0, len(users), _COLUMNS):
            part = slice(start, start + _COLUMNS)
            columns = np.ascontiguousarray(rows[part].toarray().T)
            found[part] += _clenshaw(scaled, backward, columns, coefficients).T
        return torch.from_numpy((found * after).astype(np.float32)).to(users.device)

    return score


def plateau_coefficients(order: int, flatness: float) -> np.ndarray:
    r"""Chebyshev series on [−1, 1] for the plateau :math:`h(t) = (1 + sign(t) |t|^{flatness}) / 2`.

    h rises from 0 to 1 and is flat around ½ for flatness > 1. As in the authors' code, the series of degree
    K = `order` takes the values of h at the extrema cos(iπ/K), which include both ends, on the roots
    cos((i + ½)π/(K + 1)): so it reaches 0 and 1 at the outermost roots. Shapes: -> (order + 1,) float32.
    Errors: ValueError for order < 1 or flatness ≤ 0.
    """
    if order < 1 or flatness <= 0:
        raise ValueError(f"needs order ≥ 1 and flatness above 0, found {order} and {flatness}")
    ends = chebyshev.chebpts2(order + 1)
    values = (1 + np.sign(ends) * np.abs(ends) ** flatness) / 2
    return chebyshev.chebfit(chebyshev.chebpts1(order + 1), values, order).astype(np.float32)


def _clenshaw(
    scaled: sparse.csr_array, backward: sparse.csr_array, signals: np.ndarray, coefficients: np.ndarray
) -> np.ndarray:
    """Σ c_k T_k(2 R̃ᵀR̃ − I) applied to columns of signals, (N_items, B) -> (N_items, B)."""
    later, last = np.zeros_like(signals), coefficients[-1] * signals
    for coefficient in coefficients[-2:0:-1]:
        later, last = last, coefficient * signals + 4 * (backward @ (scaled @ last)) - 2 * last - later
    return coefficients[0] * signals + 2 * (backward @ (scaled @ last)) - last - later


def _check_rank(rank: int) -> None:
    if rank < 1:
        raise ValueError(f"needs rank ≥ 1, found {rank}")


def _normalised(seen: sparse.csr_array) -> tuple[sparse.csr_array, np.ndarray]:
    """R̃ and the item degrees; those of users and items without interactions count as 1."""
    owners, degree = np.maximum(seen.sum(axis=1), 1.0), np.maximum(seen.sum(axis=0), 1.0)
    return (sparse.diags_array(owners**-0.5) @ seen @ sparse.diags_array(degree**-0.5)).tocsr(), degree


def _right_singular_vectors(scaled: sparse.csr_array, rank: int, seed: int) -> np.ndarray:
    """The first `rank`, or all that there are, (N_items, rank) float32.

    By subspace iteration from a random block a quarter wider (Halko et al., arXiv 0909.4061): a fraction of
    Lanczos' time, and exact where the block has as many columns as the matrix has rows or columns.
    """
    backward, smaller = scaled.T.tocsr(), min(scaled.shape)
    width = min(rank + max(rank // 4, 16), smaller)
    block = np.random.default_rng(seed).standard_normal((scaled.shape[1], width), np.float32)
    for _ in range(_BASES):
        for _ in range(_POWERS):
            block = _product(backward, _product(scaled, block))
        block = torch.linalg.qr(torch.from_numpy(block))[0].numpy()
    # Rayleigh-Ritz: the best vectors within the block
    found = _product(scaled, block)
    values, turn = np.linalg.eigh(found.T @ found)
    kept = np.argsort(-values)[: min(rank, smaller)]
    return np.ascontiguousarray(block @ turn[:, kept])


def _product(one: sparse.csr_array, columns: np.ndarray) -> np.ndarray:
    """one @ columns, a few columns at a time."""
    found = np.empty((one.shape[0], columns.shape[1]), np.float32)
    for start in range(0, columns.shape[1], _COLUMNS):
        part = slice(start, start + _COLUMNS)
        found[:, part] = one @ np.ascontiguousarray(columns[:, part])
    return found

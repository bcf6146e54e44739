"""EASE: the linear item–item model with a closed form."""

from __future__ import annotations

import numpy as np
import torch
from scipy.linalg import lapack
from torch import Tensor

from supernet.data.dataset import Pairs
from supernet.evaluation.closed_forms.table import baseline, gram, matrix
from supernet.evaluation.ranking import Score


@baseline("ease", space={"l2": {"low": 1.0, "high": 10_000.0, "log": True}})
def ease(train: Pairs, n_users: int, n_items: int, l2: float = 250.0) -> Score:
    r"""Linear regression of every item on all others, in closed form: :math:`B = I - P
    \operatorname{diag}(P)^{-1}`, :math:`P = (X^\top X + \lambda I)^{-1}`, :math:`score(u, \cdot) = x_u B`.

    The one N_items × N_items float32 matrix is factorised and inverted in place by LAPACK (6.7 GB and
    some 7e13 operations for the 41 thousand items of Gowalla). `l2` is λ.
    Source: Steck, arXiv 1905.03375.
    Errors: ValueError for l2 ≤ 0, FloatingPointError where P cannot be had in float32.
    """
    if l2 <= 0:
        raise ValueError(f"needs l2 above 0, found {l2}")
    seen = matrix(train, n_users, n_items)
    together = gram(seen)
    together[np.diag_indices(n_items)] += np.float32(l2)
    factor, failed = lapack.spotrf(together, lower=1, clean=0, overwrite_a=1)
    inverse, failed_too = (factor, failed) if failed else lapack.spotri(factor, lower=1, overwrite_c=1)
    if failed or failed_too:
        raise FloatingPointError(f"XᵀX + {l2} I has no inverse in float32; raise l2")
    mirror(inverse)
    # P is symmetric: its transpose is P in C's order, which a sparse product reads without a copy
    weights = inverse.T
    weights /= -inverse.diagonal().copy()
    np.fill_diagonal(weights, 0.0)

    def score(users: Tensor) -> Tensor:
        return torch.from_numpy(seen[users.cpu().numpy()] @ weights).to(users.device)

    return score


def mirror(lower: np.ndarray) -> None:
    """Copy the lower triangle onto the upper, in place and in blocks."""
    size = 1024
    for start in range(0, len(lower), size):
        rows = slice(start, start + size)
        lower[rows, start + size :] = lower[start + size :, rows].T
        block = np.tril(lower[rows, rows])
        lower[rows, rows] = block + np.tril(block, -1).T

"""EASE: the linear item–item model with a closed form."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from supernet.data.dataset import Pairs
from supernet.evaluation.closed_forms.table import baseline, gram, matrix
from supernet.evaluation.ranking import Score

BLOCK = 1024
"""Rows and columns taken at once by the inversion and the mirror."""


@baseline("ease", space={"l2": {"low": 1.0, "high": 10_000.0, "log": True}})
def ease(train: Pairs, n_users: int, n_items: int, l2: float = 250.0) -> Score:
    r"""Linear regression of every item on all others, in closed form: :math:`B = I - P
    \operatorname{diag}(P)^{-1}`, :math:`P = (X^\top X + \lambda I)^{-1}`, :math:`score(u, \cdot) = x_u B`.

    The one N_items × N_items float32 matrix is inverted in place (6.7 GB and some 7e13 operations for the 41
    thousand items of Gowalla). `l2` is λ.
    Source: Steck, arXiv 1905.03375.
    Errors: ValueError for l2 ≤ 0, FloatingPointError where P cannot be had in float32.
    """
    if l2 <= 0:
        raise ValueError(f"needs l2 above 0, found {l2}")
    seen = matrix(train, n_users, n_items)
    weights = gram(seen).T  # symmetric: in C's order, which a sparse product reads without a copy
    weights[np.diag_indices(n_items)] += np.float32(l2)
    if not negative_inverse(torch.from_numpy(weights)):
        raise FloatingPointError(f"XᵀX + {l2} I has no inverse in float32; raise l2")
    mirror(weights)
    weights /= -weights.diagonal().copy()
    np.fill_diagonal(weights, 0.0)

    def score(users: Tensor) -> Tensor:
        return torch.from_numpy(seen[users.cpu().numpy()] @ weights).to(users.device)

    return score


def negative_inverse(lower: Tensor) -> bool:
    r"""Turn the lower triangle of a positive definite A, (N, N), into that of :math:`-A^{-1}`, in place.

    Block by block by the symmetric sweep: with D the block and C its columns in the other rows,
    :math:`A \leftarrow A - C D^{-1} C^\top`, :math:`C \leftarrow C D^{-1}`, :math:`D \leftarrow -D^{-1}`. N³
    operations, as LAPACK's factorisation and inversion take; OpenBLAS' own crashes at 41 thousand rows.
    False where A is not positive definite in its precision.  Source: Goodnight 1979.
    """
    for start in range(0, len(lower), BLOCK):
        end = min(start + BLOCK, len(lower))
        factor, failed = torch.linalg.cholesky_ex(lower[start:end, start:end])
        if failed:
            return False
        pivot = torch.cholesky_inverse(factor)
        columns = torch.cat([lower[start:end, :start].T, lower[start:, start:end]])
        scaled = columns @ pivot
        for top in range(0, len(lower), BLOCK):
            rows, bottom = slice(top, top + BLOCK), min(top + BLOCK, len(lower))
            if top != start:
                lower[rows, :bottom].addmm_(scaled[rows], columns[:bottom].T, alpha=-1)
        lower[end:, start:end] = scaled[end:]
        lower[start:end, :start] = scaled[:start].T
        lower[start:end, start:end] = -pivot
    return True


def mirror(lower: np.ndarray) -> None:
    """Copy the lower triangle onto the upper, in place and in blocks."""
    for start in range(0, len(lower), BLOCK):
        rows, end = slice(start, start + BLOCK), start + BLOCK
        lower[rows, end:] = lower[end:, rows].T
        block = np.tril(lower[rows, rows])
        lower[rows, rows] = block + np.tril(block, -1).T

"""Vectors of an encoder as features: centred and brought to one spread."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ops.registry import Registry
from supernet.features.text.rows import Rows, Vectors

Scaled = tuple[int, Callable[[Vectors], Vectors]]
SCALINGS: Registry[Callable[[Rows], Scaled]] = Registry("text scaling")
"""Rows (N, d) -> the new width d', and what brings known rows (n, d) to it (n, d'); fitted to all that are
known, in blocks, so that no copy of the matrix is made."""

LEAST = 1e-4
"""Directions whose spread is below this share of the largest are noise, and left out of a whitening."""


@SCALINGS.register("none")
def as_they_are(rows: Rows) -> Scaled:
    """Unchanged. Shapes: (N, d) -> (N, d)."""
    return rows.width, lambda block: block


@SCALINGS.register("standardise")
def standardise(rows: Rows) -> Scaled:
    """Mean 0 and variance 1 in every column; a constant column becomes 0. Shapes: (N, d) -> (N, d)."""
    mean, second = _moments(rows, lambda x: (x**2).sum(axis=0))
    spread = np.sqrt(second)
    spread = np.where(spread > 1e-8, spread, 1.0).astype(np.float32)
    middle = mean.astype(np.float32)
    return rows.width, lambda block: (block - middle) / spread


@SCALINGS.register("whiten")
def whiten(rows: Rows) -> Scaled:
    """Uncorrelated columns of variance 1, those of the largest spread first: what sentence vectors share, and
    what makes all of them alike, weighs no more than the rest.

    Shapes: (N, d) -> (N, d') with d' at most d.  Papers: Su et al., arXiv 2103.15316; for recommendation
    WhitenRec, arXiv 2402.05712
    """
    if rows.known.sum() < 2:
        return as_they_are(rows)
    mean, covariance = _moments(rows, lambda x: x.T @ x)
    values, turn = np.linalg.eigh(covariance)
    kept = np.argsort(-values)
    kept = kept[values[kept] > LEAST**2 * max(values.max(), 1e-30)]
    if not len(kept):
        return 1, lambda block: np.zeros((len(block), 1), np.float32)
    turned = turn[:, kept] / np.sqrt(values[kept])
    return len(kept), lambda block: ((block - mean) @ turned).astype(np.float32)


def _moments(
    rows: Rows, square: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean (d,) of the known rows, and the mean of the squares around it; two passes, as a variance that is
    small beside the mean would drown in one."""
    count = max(1, int(rows.known.sum()))
    mean = np.zeros(rows.width)
    for _, block in rows.blocks():
        mean += block.sum(axis=0, dtype=np.float64) / count
    second = [square(block - mean) / count for _, block in rows.blocks()]
    return mean, np.sum(second, axis=0)

"""Vectors of an encoder as features: centred and brought to one spread."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ops.registry import Registry
from supernet.features.text.encoders.base import Vectors

Known = NDArray[np.bool_]
SCALINGS: Registry[Callable[[Vectors, Known, Known], Vectors]] = Registry("text scaling")
"""(vectors (N, d), which are known (N,), which of these count in means (N,)) -> vectors; rows that are not
known stay zero."""

LEAST = 1e-4
"""Directions whose spread is below this share of the largest are noise, and left out of a whitening."""


@SCALINGS.register("none")
def as_they_are(vectors: Vectors, known: Known, fitted: Known) -> Vectors:
    """Unchanged. Shapes: (N, d) -> (N, d)."""
    return vectors


@SCALINGS.register("standardise")
def standardise(vectors: Vectors, known: Known, fitted: Known) -> Vectors:
    """Mean 0 and variance 1 in every column; a constant column becomes 0. Shapes: (N, d) -> (N, d)."""
    out = np.zeros_like(vectors)
    if fitted.any():
        mean, spread = vectors[fitted].mean(axis=0), vectors[fitted].std(axis=0)
        out[known] = (vectors[known] - mean) / np.where(spread > 1e-8, spread, 1.0)
    return out


@SCALINGS.register("whiten")
def whiten(vectors: Vectors, known: Known, fitted: Known) -> Vectors:
    """Uncorrelated columns of variance 1, those of the largest spread first: what sentence vectors share, and
    what makes all of them alike, weighs no more than the rest.

    Shapes: (N, d) -> (N, d') with d' at most d.  Papers: Su et al., arXiv 2103.15316; for recommendation
    WhitenRec, arXiv 2402.05712
    """
    centred = vectors[fitted].astype(np.float64)
    if len(centred) < 2:
        return vectors
    mean = centred.mean(axis=0)
    centred -= mean
    values, turn = np.linalg.eigh(centred.T @ centred / len(centred))
    kept = np.argsort(-values)
    kept = kept[values[kept] > LEAST**2 * max(values.max(), 1e-30)]
    out = np.zeros((len(vectors), max(1, len(kept))), np.float32)
    if len(kept):
        out[known] = (vectors[known] - mean) @ (turn[:, kept] / np.sqrt(values[kept]))
    return out

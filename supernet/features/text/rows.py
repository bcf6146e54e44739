"""Matrices of vectors that are read a block of rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Places = NDArray[np.int64]
Known = NDArray[np.bool_]

BLOCK = 8192
"""Rows at a time: 12 MiB of 384 columns."""


@dataclass(frozen=True)
class Rows:
    """A matrix (N, width) of which some rows are known; the others are zeros.

    place (N,): where `take` finds a row; −1 for one that is not known. take: places (n,) -> (n, width).
    """

    place: Places
    width: int
    take: Callable[[Places], Vectors]

    @property
    def known(self) -> Known:
        """Which rows are known (N,)."""
        return self.place >= 0

    def blocks(self) -> Iterator[tuple[slice, Vectors]]:
        """The known rows in their order, and where in `place` each block of N lies."""
        for start in range(0, len(self.place), BLOCK):
            part = self.place[start : start + BLOCK]
            yield slice(start, start + len(part)), self.take(part[part >= 0])

    def array(self) -> Vectors:
        """All of it, in memory."""
        found = np.zeros((len(self.place), self.width), np.float32)
        for where, block in self.blocks():
            found[where][self.known[where]] = block
        return found


def rows_of(vectors: Vectors, known: Known | None = None) -> Rows:
    """Rows of an array. Shapes: vectors (N, width), known (N,), all by default."""
    place = np.arange(len(vectors))
    return Rows(place if known is None else np.where(known, place, -1), vectors.shape[1], vectors.__getitem__)

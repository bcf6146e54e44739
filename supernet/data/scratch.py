"""Large matrices that are made a block of rows at a time: in a nameless file, and mapped into memory."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from supernet.runtime import InputError

LARGE = 256 * 2**20
"""Bytes of a matrix that is a file; a smaller one is kept in memory."""


def stacked(blocks: Iterable[NDArray[np.float32]], rows: int) -> NDArray[np.float32]:
    """The blocks (n_k, width), at least one, below each other: (rows, width), the sum of n_k.

    A large matrix is a temporary file without a name, gone with the process; what is read of it is in memory,
    as long as there is room. Writing to the array changes this process's copy alone.
    Errors: InputError where the folder of temporary files has no room.
    """
    source = iter(blocks)
    first = next(source)
    width, every = first.shape[1], itertools.chain([first], source)
    if 4 * rows * width < LARGE:
        return np.concatenate(list(every), dtype=np.float32)
    with tempfile.TemporaryFile() as file:
        for block in every:
            try:
                file.write(np.ascontiguousarray(block, "<f4").data)
                file.flush()
            except OSError as error:
                raise InputError(
                    f"{tempfile.gettempdir()}: cannot be written: {error}; set TMPDIR to a folder with room"
                ) from None
        return np.memmap(file, "<f4", "c", shape=(rows, width))

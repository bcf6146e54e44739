"""Vectors that somebody else made, of images, sounds or texts: one a row, read by item."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from supernet.features.text.encoders.base import Vectors
from supernet.runtime import InputError

VECTORS = "vectors"
"""The encoder of a view that reads such a file in place of texts."""


def read_vectors(
    path: Path, item_ids: NDArray[np.object_], item: str = "item", vector: str = "vector"
) -> tuple[Vectors, NDArray[np.bool_], tuple[str, ...]]:
    """Vectors (N_items, d) in the order of item_ids, zeros where the file has none; which it has; notes.

    .npy: a matrix whose row k is item k; the ids must then be whole numbers. .parquet: a column `item` and a
    column `vector` of lists of numbers, all as long.
    Errors: InputError for a missing file or column, another shape, a number that is not finite, and where no
    item is known.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; give a .npy or .parquet of vectors")
    ids, rows = _matrix(path) if path.suffix == ".npy" else _table(path, item, vector)
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(bad):
        raise InputError(f"{path}: the vector of item {ids[bad[0]]!r} has a number that is not finite")
    place = {name: k for k, name in enumerate(ids)}
    known = np.array([name in place for name in item_ids], dtype=np.bool_)
    if not known.any():
        raise InputError(f"{path}: none of its {len(ids):,} items is in the data; its first is {ids[0]!r}")
    vectors = np.zeros((len(item_ids), rows.shape[1]), np.float32)
    vectors[known] = rows[[place[name] for name in item_ids[known]]]
    missing = int((~known).sum())
    notes = (f"{path.name}: {missing:,} of {len(item_ids):,} items have no vector there",) if missing else ()
    return vectors, known, notes


def _matrix(path: Path) -> tuple[list[str], Vectors]:
    try:
        rows = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a .npy file of numbers: {error}") from None
    if rows.ndim != 2 or not np.issubdtype(rows.dtype, np.number):
        raise InputError(f"{path}: needs a matrix, a row an item; found {rows.dtype} of shape {rows.shape}")
    return [str(k) for k in range(len(rows))], rows.astype(np.float32)


def _table(path: Path, item: str, vector: str) -> tuple[list[str], Vectors]:
    try:
        table = pq.read_table(path, columns=[item, vector])
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: cannot read the columns {item!r} and {vector!r}: {error}") from None
    ids = [str(value) for value in table.column(item).to_pylist()]
    rows = table.column(vector).to_pylist()
    lengths = {0 if row is None else len(row) for row in rows}
    if not rows or len(lengths) != 1 or 0 in lengths:
        raise InputError(
            f"{path}: column {vector!r} must hold vectors of one length, found {sorted(lengths)[:5]}"
        )
    return ids, np.array(rows, np.float32)

"""Vectors that somebody else made, of images, sounds or texts: one a row, read by item."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from supernet.data.scratch import stacked
from supernet.features.text.rows import BLOCK, Places, Rows, Vectors
from supernet.runtime import InputError

VECTORS = "vectors"
"""The encoder of a view that reads such a file in place of texts."""


def read_vectors(
    path: Path, item_ids: NDArray[np.object_], item: str = "item", vector: str = "vector"
) -> tuple[Rows, tuple[str, ...]]:
    """Vectors (N_items, d) in the order of item_ids, those known that the file has; notes.

    .npy: a matrix whose row k is item k; the ids must then be whole numbers. It is mapped, and never read as
    a whole. .parquet: a column `item` and a column `vector` of lists of numbers, all as long, which is read
    in blocks; of an item that stands there twice the first is taken, and such are counted.
    Errors: InputError for a missing file or column, another shape, a number that is not finite, where no item
    is known, and for a .npy of N rows where the ids are 1 to N.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; give a .npy or .parquet of vectors")
    ids, rows = _matrix(path) if path.suffix == ".npy" else _table(path, item, vector)
    for start in range(0, len(ids), BLOCK):
        bad = np.flatnonzero(~np.isfinite(rows(np.arange(start, min(start + BLOCK, len(ids))))).all(axis=1))
        if len(bad):
            name = str(ids[start + bad[0]])
            raise InputError(f"{path}: the vector of item {name!r} has a number that is not finite")
    place = _places(ids, item_ids)
    missing = int((place < 0).sum())
    if missing == len(place):
        name = str(ids[0])
        raise InputError(f"{path}: none of its {len(ids):,} items is in the data; its first is {name!r}")
    if isinstance(ids, range) and missing == 1:
        _refuse_shifted(path, len(ids), place, item_ids)
    twice = len(ids) - len(set(ids))
    counts = {
        f"{path.name}: {missing:,} of {len(item_ids):,} items have no vector there": missing,
        f"{path.name}: {twice:,} further vectors of an item were left out": twice,
    }
    notes = tuple(note for note, count in counts.items() if count)
    return Rows(place, rows(np.arange(1)).shape[1], rows), notes


def _refuse_shifted(path: Path, rows: int, place: Places, item_ids: NDArray[np.object_]) -> None:
    """Where the ids are 1 to N and so are the rows, row k is hardly the item k − 1."""
    if len(place) == rows and str(rows) in item_ids and not (place == 0).any():
        raise InputError(
            f"{path}: row k is the vector of item k, from 0 on; it has {rows:,} rows, and the items are 1 to "
            f"{rows:,}; put a row of zeros before the first, or give a .parquet with a column of ids"
        )


def _places(ids: Sequence[str] | range, item_ids: NDArray[np.object_]) -> Places:
    if isinstance(ids, range):
        found = (int(name) if name.isdecimal() and str(int(name)) == name else -1 for name in item_ids)
        place = np.fromiter(found, np.int64, len(item_ids))
        return np.where(place < len(ids), place, -1)
    number = {name: k for k, name in reversed(list(enumerate(ids)))}  # the first of several stays
    return np.fromiter((number.get(name, -1) for name in item_ids), np.int64, len(item_ids))


def _matrix(path: Path) -> tuple[range, Callable[[Places], Vectors]]:
    try:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: not a .npy file of numbers: {error}") from None
    if rows.ndim != 2 or not np.issubdtype(rows.dtype, np.number) or not rows.size:
        raise InputError(f"{path}: needs a matrix, a row an item; found {rows.dtype} of shape {rows.shape}")
    # opened anew for each block, so that what was read does not stay in memory
    return range(len(rows)), lambda places: np.load(path, mmap_mode="r")[places].astype(np.float32)


def _table(path: Path, item: str, vector: str) -> tuple[list[str], Callable[[Places], Vectors]]:
    try:
        with pq.ParquetFile(path) as file:
            kind = file.schema_arrow.field(vector).type
            if not _lists(kind):
                raise InputError(f"{path}: column {vector!r} must hold lists of numbers, found {kind}")
            rows = file.metadata.num_rows
            if not rows:
                raise InputError(f"{path}: it has no rows; give one for each item")
            parts = file.iter_batches(BLOCK, columns=[item])
            ids = [str(value).strip() for part in parts for value in part.column(item).to_pylist()]
            return ids, stacked(_vectors(path, file, vector), rows).__getitem__
    except (OSError, KeyError, pa.ArrowException) as error:
        raise InputError(f"{path}: cannot read the columns {item!r} and {vector!r}: {error}") from None


def _lists(kind: pa.DataType) -> bool:
    """Whether values of this type are lists of numbers."""
    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return bool(lists and (pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)))


def _vectors(path: Path, file: pq.ParquetFile, vector: str) -> Iterator[Vectors]:
    """The column in blocks of rows. Errors: InputError where the vectors are not all as long."""
    lengths: set[int] = set()
    for part in file.iter_batches(BLOCK, columns=[vector]):
        column = part.column(vector)
        lengths |= set(pc.list_value_length(column).fill_null(0).unique().to_pylist())
        if len(lengths) != 1 or 0 in lengths:
            raise InputError(
                f"{path}: column {vector!r} must hold vectors of one length, found {sorted(lengths)[:5]}"
            )
        numbers = pc.list_flatten(column).cast(pa.float32()).to_numpy(zero_copy_only=False)
        yield numbers.reshape(len(column), -1)

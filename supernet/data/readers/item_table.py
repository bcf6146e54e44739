"""What is said of items, from a table with a row per item: titles and text, in the order of the item ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from supernet.data.interactions import Interactions, Strings
from supernet.data.readers.batches import batches, columns
from supernet.data.readers.encode import as_text
from supernet.data.readers.files import ItemTable, TableFile
from supernet.runtime import InputError


def describe(
    interactions: Interactions, file: TableFile, item: str, title: Sequence[str], text: Sequence[str]
) -> Interactions:
    """`interactions` with titles (the columns `title`, joined) and text (the columns `text`, joined), and
    with the table itself, whose other columns are attributes.

    An item without a title is called by its id; one without text has ''. With no column named, there is none.
    Errors: InputError for a missing column or a broken file.
    """
    values, notes = item_columns(interactions, file, item, [*title, *text])
    titles, texts = _join(values[: len(title)], " "), _join(values[len(title) :], ", ")
    named = None if titles is None else np.where(titles == "", interactions.item_ids, titles)
    table = ItemTable(file, item, {name: name for name in columns(file) if name != item})
    notes = (*interactions.notes, *notes)
    return replace(interactions, titles=named, text=texts, item_table=table, notes=notes)


def item_columns(
    interactions: Interactions, file: TableFile, item: str, names: Sequence[str]
) -> tuple[list[Strings], tuple[str, ...]]:
    """The columns `names` as arrays of str (N_items,), in the order of item_ids; '' where an item has no row.

    Returns them and the counted notes. The first of several rows of an item counts.
    Errors: InputError for a missing column or a broken file.
    """
    ids, *found = text_columns(file, [item, *names])
    rows = pc.index_in(pa.array(interactions.item_ids, pa.string()), value_set=ids)
    missing = rows.null_count
    values = [np.array(column.take(rows).fill_null("").to_pylist(), dtype=object) for column in found]
    notes = []
    if missing:
        notes.append(f"{file.path.name}: {missing:,} of {interactions.n_items:,} items have no row there")
    repeated = len(ids) - len(ids.unique())
    if repeated:
        notes.append(f"{file.path.name}: {repeated:,} repeated rows of items left out (the first is kept)")
    return values, tuple(notes)


def text_columns(file: TableFile, names: Sequence[str]) -> list[pa.Array]:
    """The columns `names` as text without blanks around it, '' where there is none, in the file's order.

    Errors: InputError for a missing column, a file without rows or a broken one.
    """
    found: list[list[pa.Array]] = list(batches(file, names))
    if not found:
        raise InputError(
            f"{file.path}: the file has a header but no rows; leave it out, or give a row per item"
        )
    return [
        pa.concat_arrays([as_text(part, file, name) for part in parts])
        for name, parts in zip(names, zip(*found, strict=True), strict=True)
    ]


def _join(columns: Sequence[Strings], by: str) -> Strings | None:
    """Columns of text as one, empty values left out."""
    if not columns:
        return None
    return np.array([by.join(filter(None, words)) for words in zip(*columns, strict=True)], dtype=object)

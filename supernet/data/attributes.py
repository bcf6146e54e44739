"""Attributes of items: the columns of the table that describes them, read when something asks for them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from supernet.data.dataset import Dataset
from supernet.data.readers.item_table import text_columns

ITEM, TITLE = "item", "title"
"""What all items have, whatever the data: the id, and what a person calls them where the data says it. A
column of one of these names takes its place."""


class Attribute(NamedTuple):
    """What items have of one attribute: item items[e] (E,) has the value values[codes[e]], codes (E,); no
    pair twice, sorted by item; an empty cell is no value. absent: values of items that are not in the data,
    having no train pair or no pair at all."""

    values: tuple[str, ...]
    items: Tensor
    codes: Tensor
    absent: frozenset[str]


def attribute_names(data: Dataset) -> list[str]:
    """The attributes that items of the data have."""
    titled = [TITLE] if not np.array_equal(data.titles, data.item_ids) else []
    return list(dict.fromkeys([ITEM, *titled, *(data.item_table.columns if data.item_table else ())]))


def attribute(data: Dataset, name: str, separator: str | None = None) -> Attribute:
    """One attribute of all items. separator: stands between the values of a cell that holds several; None:
    what the data's format says, else a cell is one value. Letters count as they are, blanks around do not.

    Errors: LookupError that lists the names for an unknown one; InputError for a file that cannot be read.
    """
    if name not in attribute_names(data):
        raise LookupError(
            f"items have no attribute {name!r}; choose from: {', '.join(attribute_names(data))}"
        )
    table = data.item_table
    if table is None or name not in table.columns:
        said = data.item_ids if name == ITEM else data.titles
        return _attribute(pa.array(said.astype(str), pa.string()), _ids_of_the_table(data, name), separator)
    ids, cells = text_columns(table.file, [table.item, table.columns[name]])
    rows = pc.index_in(pa.array(data.item_ids.astype(str), pa.string()), value_set=ids)
    return _attribute(cells.take(rows).fill_null(""), cells, separator or table.separators.get(name))


def _ids_of_the_table(data: Dataset, name: str) -> pa.Array:
    if data.item_table is None or name != ITEM:
        return pa.array([], pa.string())
    return text_columns(data.item_table.file, [data.item_table.item])[0]


def _attribute(own: pa.Array, all_cells: pa.Array, separator: str | None) -> Attribute:
    """The attribute of the cells (N_items,), beside what else the whole column holds."""
    items, words = _split(own, separator)
    values, codes = np.unique(words, return_inverse=True)
    items, codes = np.divmod(np.unique(items * max(1, len(values)) + codes), max(1, len(values)))
    everything = set(_split(all_cells, separator)[1].tolist())
    return Attribute(
        tuple(values.tolist()),
        torch.from_numpy(items),
        torch.from_numpy(codes),
        frozenset(everything.difference(values.tolist())),
    )


def _split(cells: pa.Array, separator: str | None) -> tuple[np.ndarray, np.ndarray]:
    """The row of each value, (E,) int64, and the values, (E,) str, empty ones left out."""
    rows, values = pa.array(np.arange(len(cells))), cells
    if separator is not None:
        lists = pc.split_pattern(cells, separator)
        rows, values = pc.list_parent_indices(lists), pc.list_flatten(lists)
    values = pc.utf8_trim_whitespace(values)
    real = pc.not_equal(values, "")
    words = np.array(values.filter(real).to_pylist(), dtype=object)
    return rows.filter(real).to_numpy(zero_copy_only=False).astype(np.int64), words

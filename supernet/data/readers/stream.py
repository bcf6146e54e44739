"""Interactions from one or several table files with the same columns, without ever holding their text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from supernet.data.dataset import PARTS
from supernet.data.interactions import Interactions
from supernet.data.readers import encode
from supernet.data.readers.batches import batches
from supernet.data.readers.files import TableFile
from supernet.runtime import InputError


class Fields(NamedTuple):
    """The columns that hold user, item, rating and time; None where there is none."""

    user: str
    item: str
    rating: str | None = None
    time: str | None = None


@dataclass
class _Rows:
    """Columns as lists of batches: four bytes an id, eight a number."""

    users: list[np.ndarray] = field(default_factory=list)
    items: list[np.ndarray] = field(default_factory=list)
    ratings: list[np.ndarray] = field(default_factory=list)
    times: list[np.ndarray] = field(default_factory=list)
    parts: list[np.ndarray] = field(default_factory=list)


def stream(name: str, files: dict[str | None, TableFile], fields: Fields) -> Interactions:
    """Read `files`, part → table; the one key None where the parts are still to be cut.

    Errors: InputError for a wrong column, an empty file, and any bad row, named by its line.
    """
    users, items, rows = encode.Vocabulary(), encode.Vocabulary(), _Rows()
    for part, file in files.items():
        before = len(rows.users)
        _read(file, fields, users, items, rows)
        if len(rows.users) == before:
            raise InputError(f"{file.path}: the file has a header but no rows; give at least one pair")
        if part is not None:
            sizes = (len(batch) for batch in rows.users[before:])
            rows.parts += [np.full(size, PARTS.index(part), dtype=np.int8) for size in sizes]
    return Interactions(
        name=name,
        source=", ".join(str(file.path) for file in files.values()),
        users=_joined(rows.users, np.int64),
        items=_joined(rows.items, np.int64),
        user_ids=users.ids(),
        item_ids=items.ids(),
        ratings=_joined(rows.ratings, np.float64) if rows.ratings else None,
        times=_joined(rows.times, np.float64) if rows.times else None,
        parts=_joined(rows.parts, np.int8) if rows.parts else None,
    )


def _read(
    file: TableFile, fields: Fields, users: encode.Vocabulary, items: encode.Vocabulary, rows: _Rows
) -> None:
    names = [name for name in fields if name is not None]
    at = {name: encode.Column(file, name) for name in names}
    for columns in batches(file, names):
        batch = dict(zip(names, columns, strict=True))
        rows.users.append(users.encode(batch[fields.user], at[fields.user]))
        rows.items.append(items.encode(batch[fields.item], at[fields.item]))
        if fields.rating is not None:
            rows.ratings.append(encode.ratings(batch[fields.rating], at[fields.rating]))
        if fields.time is not None:
            rows.times.append(encode.times(batch[fields.time], at[fields.time]))
        for column in at.values():
            column.rows += len(columns[0])


def _joined(batches: list[np.ndarray], dtype: type[np.generic]) -> np.ndarray:
    """One array, its batches given back at once, so that no two columns are held twice."""
    column = np.concatenate(batches, dtype=dtype)
    batches.clear()
    return column

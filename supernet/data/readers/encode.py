"""From arrow columns to numbers: ids to codes, ratings and times to float64. No Python loop over rows."""

from __future__ import annotations

from typing import NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from supernet.data.interactions import Float64, Mask, Strings
from supernet.data.readers.blame import place
from supernet.data.readers.files import TableFile
from supernet.runtime import InputError


class Vocabulary:
    """The ids met so far, in order of appearance; grows batch by batch."""

    def __init__(self) -> None:
        self._values = pa.array([], pa.string())

    def encode(self, column: pa.Array, at: Column) -> NDArray[np.int32]:
        """Codes (n,) of a column of ids, blanks around them left out. Errors: InputError naming the line of
        an empty id."""
        if not (is_text(column.type) or pa.types.is_integer(column.type)):
            at.refuse(column.type, "ids must be text or whole numbers")
        encoded = column.cast(pa.string()).fill_null("").dictionary_encode()
        ids = pc.utf8_trim_whitespace(encoded.dictionary).dictionary_encode()  # blanks may make two ids one
        values, indices = ids.dictionary, ids.indices.to_numpy()[encoded.indices.to_numpy()]
        blank = pc.equal(values, "").to_numpy(zero_copy_only=False)
        if blank.any():
            at.fail(_first(blank[indices]), column, "is empty; every row needs an id")
        found = pc.index_in(values, value_set=self._values)
        codes = found.fill_null(-1).to_numpy().copy()
        new = codes < 0
        codes[new] = len(self._values) + np.arange(new.sum())
        self._values = pa.concat_arrays([self._values, values.filter(pa.array(new))])
        return codes[indices]

    def ids(self) -> Strings:
        """All ids as str objects, (N,)."""
        return np.array(self._values.to_pylist(), dtype=object)


class Column:
    """A column of a file and how many of its rows are read, so that a bad value can be named by its line."""

    def __init__(self, file: TableFile, name: str) -> None:
        self.file, self.name, self.rows = file, name, 0

    def fail(self, row: int, column: pa.Array, why: str) -> NoReturn:
        """Raise InputError for row `row` of this batch."""
        value = column[row].as_py()
        raise InputError(
            f"{self.file.path}, {place(self.file, self.rows + row)}: {self.name} {value!r} {why}"
        )

    def refuse(self, kind: pa.DataType, why: str) -> NoReturn:
        """Raise InputError for a column of a type that cannot be used."""
        raise InputError(f"{self.file.path}: column {self.name!r} is of type {kind}; {why}")


def ratings(column: pa.Array, at: Column) -> Float64:
    """Ratings (n,). Errors: InputError naming the line of a value that is no finite number >= 0."""
    values = _floats(column, at, "is not a number; mend it, or leave the rating column out")
    bad = ~(values >= 0) | np.isinf(values)
    if bad.any():
        at.fail(_first(bad), column, "is not a rating; it must be finite and not negative")
    return values


def times(column: pa.Array, at: Column) -> Float64:
    """Times (n,): numbers as they are, dates and ISO 8601 text as seconds since 1970, in UTC by default.

    Errors: InputError naming the line of a value that is neither, or not finite.
    """
    why = "is not a time; give a number or ISO 8601, such as 2024-05-31T12:00:00"
    if is_text(column.type) and not _parses(column[:1].cast(pa.string()), pa.float64()):
        text = pc.utf8_trim_whitespace(column.cast(pa.string()))
        zoned = _parses(text[:1], pa.timestamp("us", "UTC"))
        values = _seconds(_cast(text, pa.timestamp("us", "UTC" if zoned else None), column, at, why))
    elif pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        values = _seconds(column)
    else:
        values = _floats(column, at, why)
    if not np.isfinite(values).all():
        at.fail(_first(~np.isfinite(values)), column, why)
    return values


def as_text(column: pa.Array, file: TableFile, name: str) -> pa.Array:
    """A column as text without blanks around it, '' where there is none. Errors: InputError for a column of
    lists or the like."""
    kind = column.type
    if not (is_text(kind) or pa.types.is_primitive(kind)):
        raise InputError(f"{file.path}: column {name!r} is of type {kind}; it must hold text or numbers")
    return pc.utf8_trim_whitespace(column.cast(pa.string()).fill_null(""))


def is_text(kind: pa.DataType) -> bool:
    """Whether values of this type have to be parsed."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _first(bad: Mask) -> int:
    return int(np.argmax(bad))


def _seconds(column: pa.Array) -> Float64:
    return _numbers(column.cast(pa.timestamp("us"), safe=False).cast(pa.int64())) / 1e6


def _floats(column: pa.Array, at: Column, why: str) -> Float64:
    if is_text(column.type):
        return _numbers(
            _cast(pc.utf8_trim_whitespace(column.cast(pa.string())), pa.float64(), column, at, why)
        )
    if not (
        pa.types.is_integer(column.type)
        or pa.types.is_floating(column.type)
        or pa.types.is_decimal(column.type)
    ):
        at.refuse(column.type, "it must hold numbers")
    return _numbers(column)


def _numbers(column: pa.Array) -> Float64:
    filled = column.cast(pa.float64(), safe=False).fill_null(float("nan"))
    return np.array(filled.to_numpy(zero_copy_only=False), dtype=np.float64)


def _cast(text: pa.Array, kind: pa.DataType, column: pa.Array, at: Column, why: str) -> pa.Array:
    if not _parses(text, kind):
        at.fail(_first_bad(text, kind), column, why)
    return text.cast(kind)


def _first_bad(text: pa.Array, kind: pa.DataType) -> int:
    """The first row that does not parse, by bisection: rows before it do."""
    good, bad = 0, len(text)
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if _parses(text[good:middle], kind) else (good, middle)
    return good


def _parses(column: pa.Array, kind: pa.DataType) -> bool:
    try:
        column.cast(kind)
    except pa.ArrowInvalid:
        return False
    return True

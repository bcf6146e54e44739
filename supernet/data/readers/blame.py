"""What is wrong with a table file, and where: it is read again, slowly, for the first line to blame."""

from __future__ import annotations

import codecs
import csv
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, TextIO

import pyarrow as pa

from supernet.data.readers.files import TableFile
from supernet.runtime import InputError

if TYPE_CHECKING:
    from _csv import Reader


@contextmanager
def readable(file: TableFile) -> Iterator[None]:
    """Turn whatever a library says of a broken file into one InputError."""
    try:
        yield
    except (UnicodeError, pa.ArrowInvalid) as error:
        raise explain(file, error) from None
    except (OSError, EOFError, zlib.error, csv.Error, pa.ArrowException) as error:
        raise InputError(_broken(file, error)) from None


def explain(file: TableFile, error: Exception) -> InputError:
    """Read text again, slowly, for the first line that is wrong: its bytes, or its number of columns."""
    if file.format == "parquet":
        return InputError(_broken(file, error))
    try:
        return _bad_bytes(file) or _bad_row(file) or InputError(_broken(file, error))
    except (OSError, EOFError, zlib.error, csv.Error, UnicodeError) as again:
        return InputError(_broken(file, again))


def place(file: TableFile, row: int) -> str:
    """Where data row `row` (from 0) stands: 'line 7' of a text file, 'row 6' of a parquet file."""
    if file.format == "parquet":
        return f"row {row}"
    with readable(file), open_text(file) as text:
        rows = csv_rows(file, text)
        lines = (rows.line_num for values in rows if values)
        return f"line {next(islice(lines, row + 1, None), row + 2)}"


def open_text(file: TableFile) -> TextIO:
    """The decompressed text, without a byte order mark."""
    encoding = "utf-8-sig" if codecs.lookup(file.encoding).name == "utf-8" else file.encoding
    if file.path.suffix == ".gz":
        return gzip.open(file.path, "rt", encoding=encoding, newline="")
    return open(file.path, encoding=encoding, newline="")


def csv_rows(file: TableFile, text: TextIO) -> Reader:
    """Rows of an open text, as the standard library reads them; used for headers and messages only."""
    if file.quote is None:
        return csv.reader(text, delimiter=file.delimiter, quoting=csv.QUOTE_NONE)
    return csv.reader(text, delimiter=file.delimiter, quotechar=file.quote)


def _bad_bytes(file: TableFile) -> InputError | None:
    offset = 0
    with gzip.open(file.path) if file.path.suffix == ".gz" else open(file.path, "rb") as raw:
        for number, line in enumerate(raw, start=1):
            try:
                line.decode(file.encoding)
            except UnicodeDecodeError as error:
                bad = line[error.start : error.end]
                return InputError(
                    f"{file.path}, line {number}, byte {offset + error.start}: {bad!r} "
                    f"is not {file.encoding}; set encoding (latin-1 or cp1252 are common) or convert the file"
                )
            offset += len(line)
    return None


def _bad_row(file: TableFile) -> InputError | None:
    with open_text(file) as text:
        rows = csv_rows(file, text)
        width = len(next(rows, []))
        for values in rows:
            if values and len(values) != width:
                return InputError(
                    f"{file.path}, line {rows.line_num}: {len(values)} columns where the header has {width}: "
                    f"{file.delimiter.join(values)[:80]!r}; mend this line, or check delimiter and quote"
                )
    return None


def _broken(file: TableFile, error: Exception) -> str:
    gz = file.path.suffix == ".gz"
    what = "cut short or not a gzip file" if gz else f"not a readable {file.format} file"
    return f"{file.path}: {what} ({error}); fetch or write it again"

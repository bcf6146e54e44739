"""Stream chosen columns of a table file, batch by batch: strings from text, typed columns from parquet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from supernet.data.readers.blame import csv_rows, open_text, readable
from supernet.data.readers.files import TableFile, require_columns
from supernet.runtime import InputError

BLOCK_BYTES = 16 << 20
"""Text held at a time. A batch of about half a million lines makes the per-batch look-up of ids cheap."""


def columns(file: TableFile) -> list[str]:
    """The names of the columns. Errors: InputError for a file that cannot be read, or has no header."""
    with readable(file):
        if file.format == "parquet":
            with pa.parquet.ParquetFile(file.path) as parquet:
                return list(parquet.schema_arrow.names)
        with open_text(file) as text:
            for values in csv_rows(file, text):
                if values:
                    return values
    raise InputError(f"{file.path}: the file is empty; its first line must name the columns")


def batches(file: TableFile, names: Sequence[str]) -> Iterator[list[pa.Array]]:
    """Yield the columns `names` of each batch, in that order; one name may stand twice.

    Errors: InputError for a missing column, a broken or wrongly encoded file, a row of the wrong width.
    """
    require_columns(file.path, names, columns(file))
    with readable(file):
        stream = _parquet(file, names) if file.format == "parquet" else _text(file, names)
        for batch in stream:
            if batch.num_rows:
                yield [batch.column(name) for name in names]


def _parquet(file: TableFile, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    with pa.parquet.ParquetFile(file.path) as parquet:
        yield from parquet.iter_batches(batch_size=1 << 19, columns=list(dict.fromkeys(names)))


def _text(file: TableFile, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    unique = list(dict.fromkeys(names))
    with pa.csv.open_csv(
        file.path,
        read_options=pa.csv.ReadOptions(block_size=BLOCK_BYTES, encoding=file.encoding),
        parse_options=pa.csv.ParseOptions(
            delimiter=file.delimiter,
            quote_char=file.quote or False,
            newlines_in_values=file.quote is not None,
        ),
        convert_options=pa.csv.ConvertOptions(
            include_columns=unique,
            column_types=dict.fromkeys(unique, pa.string()),
            strings_can_be_null=False,
        ),
    ) as reader:
        yield from reader

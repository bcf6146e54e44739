"""Table files (csv, tsv, parquet): where they are, how they are written, and which columns they must have."""

from __future__ import annotations

import codecs
import difflib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from supernet.runtime import InputError

FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".txt": "tsv",
    ".inter": "tsv",
    ".item": "tsv",
    ".parquet": "parquet",
}
DELIMITERS = {"csv": ",", "tsv": "\t"}


@dataclass(frozen=True)
class TableFile:
    """A table on disk. `format` is csv, tsv or parquet; the other fields matter to text alone.

    quote None: no quoting, a quotation mark is a letter like any other.
    """

    path: Path
    format: str
    delimiter: str = "\t"
    encoding: str = "utf-8"
    quote: str | None = '"'


@dataclass(frozen=True)
class ItemTable:
    """A table with a row per item: its file, the column of ids, and attribute → column for all others.

    separators: attribute → what stands between several values of a cell, for those known to hold several.
    """

    file: TableFile
    item: str
    columns: Mapping[str, str]
    separators: Mapping[str, str] = field(default_factory=dict)


def table_file(
    path: str | Path,
    *,
    format: str | None = None,
    delimiter: str | None = None,
    encoding: str = "utf-8",
    quote: str | None = '"',
) -> TableFile:
    """The table at `path`, its format told by the suffix (before .gz) where it is not given.

    Errors: InputError for a missing or empty file, an unknown format, encoding or delimiter.
    """
    path = require_file(path)
    suffix = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    kind = format or FORMATS.get(suffix.lower())
    if kind not in ("csv", "tsv", "parquet"):
        raise InputError(f"{path}: format {kind or suffix!r} is not known; set format to csv, tsv or parquet")
    if delimiter is not None and len(delimiter) != 1:
        raise InputError(f"{path}: delimiter {delimiter!r} must be one character, such as ',' or a tab")
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise InputError(
            f"{path}: encoding {encoding!r} is not known; try utf-8, latin-1 or cp1252"
        ) from None
    return TableFile(path, kind, delimiter or DELIMITERS.get(kind, ""), encoding, quote)


def require_file(path: str | Path) -> Path:
    """`path` as a Path. Errors: InputError where no file is there, or it is empty."""
    path = Path(path).expanduser()
    if not path.is_file():
        raise InputError(
            f"{path}: {'is a folder, not a file' if path.is_dir() else 'no such file'}; check the path"
        )
    if not os.access(path, os.R_OK):
        raise InputError(f"{path}: no permission to read this file")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty")
    return path


def require_folder(path: str | Path) -> Path:
    """`path` as a Path. Errors: InputError where no folder is there."""
    path = Path(path).expanduser()
    if not path.is_dir():
        raise InputError(
            f"{path}: {'is a file, not a folder' if path.is_file() else 'no such folder'}; check the path"
        )
    return path


def require_columns(path: Path, wanted: Sequence[str], present: Sequence[str]) -> None:
    """Errors: InputError naming the first column that is missing or there twice, and those present."""
    for name in wanted:
        if present.count(name) == 1:
            continue
        if name in present:
            raise InputError(
                f"{path}, line 1: column {name!r} occurs {present.count(name)} times; rename one"
            )
        close = difflib.get_close_matches(name, present, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]!r}?" if close else "name one of these"
        raise InputError(
            f"{path}: no column {name!r}; the columns are {', '.join(map(repr, present))}; {hint}"
        )

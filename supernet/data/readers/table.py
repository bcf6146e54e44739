"""Reader `table`: csv, tsv or parquet with named columns; ids are strings, "007" stays "007"."""

from __future__ import annotations

from collections.abc import Sequence

from supernet.data.interactions import Interactions
from supernet.data.readers.files import TableFile, table_file
from supernet.data.readers.item_table import describe
from supernet.data.readers.registry import READERS
from supernet.data.readers.stream import Fields, stream
from supernet.data.undirected import mirrored
from supernet.runtime import InputError


@READERS.register("table")
def read_table(
    *,
    path: str,
    name: str | None = None,
    user: str = "user",
    item: str = "item",
    rating: str | None = None,
    time: str | None = None,
    format: str | None = None,
    delimiter: str | None = None,
    encoding: str = "utf-8",
    quote: str | None = '"',
    undirected: bool = False,
    alpha_path: str | None = None,
    valid_path: str | None = None,
    test_path: str | None = None,
    items_path: str | None = None,
    items_id: str | None = None,
    title: Sequence[str] = (),
    text: Sequence[str] = (),
) -> Interactions:
    """Interactions of one table; or of several given parts, where `test_path` is set (then `path` is train).

    path: .csv, .tsv or .parquet (csv and tsv also .gz); else say `format`. user, item, rating, time: columns;
    time holds numbers or ISO 8601. items_path: a table with a row per item, its id in column `items_id`
    (`item` where not given), its title in the columns `title`, its text in `title` and `text`, each once.
    undirected: users and items are the same people, such as friends; each pair is read in both directions.
    Streamed: memory holds codes and numbers, 4 + 4 + 8 + 8 bytes a row, twice at the end.
    Errors: InputError naming file, line, column and value for whatever is wrong in the files.
    """

    def open_(file: str) -> TableFile:
        return table_file(file, format=format, delimiter=delimiter, encoding=encoding, quote=quote)

    if (valid_path or alpha_path) and not test_path:
        raise InputError(
            f"{path}: valid_path or alpha_path is set, but not test_path; given parts need a test file"
        )
    files: dict[str | None, TableFile] = {"train" if test_path else None: open_(path)}
    given = {"alpha": alpha_path, "valid": valid_path, "test": test_path}
    files |= {part: open_(file) for part, file in given.items() if file}
    first = next(iter(files.values()))
    interactions = stream(name or first.path.name.split(".")[0], files, Fields(user, item, rating, time))
    if undirected:
        interactions = mirrored(interactions)
    if items_path is None:
        return interactions
    items = table_file(items_path, encoding=encoding, quote=quote)
    return describe(interactions, items, items_id or item, title, list(dict.fromkeys([*title, *text])))

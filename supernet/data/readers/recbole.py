"""Reader `recbole`: a folder of RecBole atomic files, <name>.inter and perhaps <name>.item, typed headers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from supernet.data.interactions import Interactions
from supernet.data.readers.batches import columns
from supernet.data.readers.files import ItemTable, TableFile, require_columns, require_folder, table_file
from supernet.data.readers.item_table import describe
from supernet.data.readers.registry import READERS
from supernet.data.readers.stream import Fields, stream


@READERS.register("recbole")
def read_recbole(
    *,
    path: str,
    name: str | None = None,
    user: str = "user_id",
    item: str = "item_id",
    rating: str | None = "rating",
    time: str | None = "timestamp",
    title: Sequence[str] = (),
    text: Sequence[str] | None = None,
    encoding: str = "utf-8",
) -> Interactions:
    """Interactions of `path`/`name`.inter; titles and text of `path`/`name`.item where that file is.

    name: the folder's name where not given. user, item, rating, time, title, text: fields without their type;
    title: the first token_seq field where empty; text: all token_seq fields where None. As attributes of
    items, the words of a token_seq field are values each, as the format has it.
    Errors: InputError naming file, line, field and value for whatever is wrong in the files.
    """
    folder = require_folder(path)
    name = name or folder.resolve().name
    inter = _atomic(folder / f"{name}.inter", encoding)
    typed = typed_names(inter, [field for field in (user, item, rating, time) if field is not None])
    fields = Fields(
        typed[user], typed[item], typed[rating] if rating else None, typed[time] if time else None
    )
    interactions = stream(name, {None: inter}, fields)
    if not (folder / f"{name}.item").exists():
        return interactions
    file = _atomic(folder / f"{name}.item", encoding)
    names = {column.split(":")[0]: column for column in columns(file)}
    prose = [name for name, column in names.items() if column.endswith(":token_seq")]
    title, text = title or prose[:1], prose if text is None else text
    typed = typed_names(file, [item, *title, *text])
    described = describe(interactions, file, typed[item], [typed[t] for t in title], [typed[t] for t in text])
    attributes = {name: column for name, column in names.items() if name != item}
    table = ItemTable(file, typed[item], attributes, dict.fromkeys(prose, " "))
    return replace(described, item_table=table)


def typed_names(file: TableFile, fields: Sequence[str]) -> dict[str, str]:
    """Field → column: rating → rating:float. Errors: InputError naming a field that is not there."""
    present = columns(file)
    require_columns(file.path, fields, [column.split(":")[0] for column in present])
    return {column.split(":")[0]: column for column in present}


def _atomic(path: Path, encoding: str) -> TableFile:
    return table_file(path, format="tsv", encoding=encoding, quote=None)

"""Reader `ml-100k`: MovieLens 100k from the files inside the wheel recbole 1.2.1, whose code is never run."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from supernet.data.interactions import Interactions
from supernet.data.readers.files import ItemTable, table_file
from supernet.data.readers.item_table import item_columns
from supernet.data.readers.recbole import read_recbole
from supernet.data.readers.registry import READERS
from supernet.runtime import InputError

NAME = "ml-100k"
INSTALL = "run: pip install --no-deps recbole==1.2.1"


@READERS.register("ml-100k")
def read_ml_100k(*, path: str | None = None) -> Interactions:
    """100,000 timed ratings of 943 users on 1,682 films. Terms of GroupLens: research use, no redistribution.

    path: the folder of the atomic files; where None, the one inside the installed wheel. Titles read
    "Toy Story (1995)"; text is title, year, genres; attributes are title, year and genres.
    Errors: InputError saying what to install where the files are not found.
    """
    folder = _installed() if path is None else Path(path).expanduser()
    if not (folder / f"{NAME}.inter").is_file():
        raise InputError(
            f"{folder}: no file {NAME}.inter there; set path to the folder that holds it, or {INSTALL}"
        )
    fields = ("movie_title", "release_year", "class")
    interactions = read_recbole(path=str(folder), name=NAME, title=fields[:1], text=fields)
    file = table_file(folder / f"{NAME}.item", format="tsv", quote=None)
    (years,), _ = item_columns(interactions, file, "item_id:token", ["release_year:token"])
    assert interactions.titles is not None
    pairs = zip(interactions.titles, years, strict=True)
    titles = np.array([f"{title} ({year})" if year else title for title, year in pairs], dtype=object)
    columns = {"year": "release_year:token", "genres": "class:token_seq"}
    table = ItemTable(file, "item_id:token", columns, {"genres": " "})
    return replace(interactions, titles=titles, item_table=table)


def _installed() -> Path:
    """The folder inside the wheel. find_spec of a top-level package runs none of its code."""
    spec = find_spec("recbole")
    if spec is None or not spec.submodule_search_locations:
        raise InputError(f"data ml-100k: the package that holds its files is not installed; {INSTALL}")
    return Path(spec.submodule_search_locations[0]) / "dataset_example" / NAME

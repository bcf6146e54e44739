"""Edges beside the interactions: who trusts whom, what is said of items in a knowledge graph, whose texts are
alike."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray
from torch import Tensor

from ops.top import stable_top
from supernet.data.readers.batches import batches, columns
from supernet.data.readers.encode import as_text
from supernet.data.readers.files import table_file
from supernet.data.views import View
from supernet.runtime import InputError

CELLS = 4_000_000
"""Similarities held at a time."""

BLOCK = 8192
"""Vectors brought to length 1 at a time."""


class Edges(NamedTuple):
    """Directed edges: `target` (E,) receives from `source` (E,), one of `n_source` nodes; `types` (E,) where
    there are several kinds, by number in `names`. None occurs twice."""

    target: Tensor
    source: Tensor
    n_source: int
    types: Tensor | None = None
    names: tuple[str, ...] = ()


class Beside(NamedTuple):
    """All that is known beside the interactions: views of the items, and edges by the name of their
    relation; and by fold the same of new items, whose edges are from the items that are not new."""

    views: dict[str, View]
    edges: dict[str, Edges]
    new: Mapping[str, Beside] = MappingProxyType({})


def read_trust(
    path: Path, user_ids: NDArray[np.object_], user: str = "user", friend: str = "friend"
) -> tuple[Edges, tuple[str, ...]]:
    """From a table of two columns of user ids: each user receives from the friends that stand beside them.

    Users that the data does not have, edges from a user to themselves, repetitions and rows with an empty
    cell are left out, and counted. Errors: InputError for a missing file or column, and where no edge is
    left.
    """
    (who, whom), blank = _table(path, (user, friend))
    known = {name: k for k, name in enumerate(user_ids)}
    target = np.array([known.get(name, -1) for name in who])
    source = np.array([known.get(name, -1) for name in whom])
    strange = (target < 0) | (source < 0)
    own = (target == source) & ~strange
    pairs = np.unique(np.stack([target, source], axis=1)[~strange & ~own], axis=0)
    repeated = int((~strange & ~own).sum()) - len(pairs)
    notes = blank + [
        f"{path.name}: {count:,} edges {words} were left out"
        for count, words in (
            (int(strange.sum()), "of users without interactions"),
            (int(own.sum()), "of users to themselves"),
            (repeated, "that stand there twice"),
        )
        if count
    ]
    if not len(pairs):
        raise InputError(f"{path}: none of its {len(who):,} edges is between two users of the data")
    edges = torch.from_numpy(pairs)
    return Edges(edges[:, 0].clone(), edges[:, 1].clone(), len(user_ids)), tuple(notes)


def read_knowledge(
    path: Path, items_path: Path, item_ids: NDArray[np.object_]
) -> tuple[Edges, tuple[str, ...]]:
    """From triples (head, relation, tail) and a table (item, entity): each item receives from the entities it
    is tied to, by the type of the tie; where it is the tail, the type is another one, "relation⁻¹".

    Entities are numbered as they are met. An item tied to one entity by several types keeps the first; such,
    items without any tie, and rows with an empty cell, which tie nothing, are counted. Errors: InputError for
    a missing file or column, and where no item is tied to anything.
    """
    (heads, kinds, tails), blank = _table(path, ("head", "relation", "tail"))
    (linked, entities), unlinked = _table(items_path, ("item", "entity"))
    known = {name: k for k, name in enumerate(item_ids)}
    items_of: dict[str, list[int]] = {}
    for linked_item, entity in zip(linked, entities, strict=True):
        if linked_item in known:
            items_of.setdefault(entity, []).append(known[linked_item])
    number: dict[str, int] = {}
    names: dict[str, int] = {}
    found: dict[tuple[int, int], int] = {}
    several = 0
    for head, kind, tail in zip(heads, kinds, tails, strict=True):
        for own, other, name in ((head, tail, kind), (tail, head, f"{kind}⁻¹")):
            for item in items_of.get(own, ()):
                edge = item, number.setdefault(other, len(number))
                if edge in found:
                    several += 1
                else:
                    found[edge] = names.setdefault(name, len(names))
    if not found:
        raise InputError(f"{path}: no item of the data is tied to anything by {items_path.name}")
    edges = torch.tensor(list(found), dtype=torch.int64)
    tied = len(torch.unique(edges[:, 0]))
    notes = [f"{path.name}: {tied:,} of {len(item_ids):,} items are tied to {len(number):,} entities, "
             f"by {len(found):,} edges of {len(names)} types"]  # fmt: skip
    if several:
        notes.append(f"{path.name}: {several:,} further ties of an item to the same entity were left out")
    types = torch.tensor(list(found.values()), dtype=torch.int64)
    found_edges = Edges(edges[:, 0].clone(), edges[:, 1].clone(), len(number), types, tuple(names))
    return found_edges, (*notes, *blank, *unlinked)


def nearest_texts(view: View, neighbours: int, new: View | None = None) -> Edges:
    """Each item with a text receives from the `neighbours` items whose vectors have the largest cosine with
    its own; of equal ones the lower index. Exact, in chunks: items × items is never dense.

    new: of other items, which are then those that receive, from the nearest of `view`.
    Shapes: view.vectors (N, width), new.vectors (N', width). Errors: ValueError for neighbours < 1.
    """
    if neighbours < 1:
        raise ValueError(f"needs neighbours ≥ 1, found {neighbours}")
    known = view.known.nonzero().flatten()
    unit = _unit(view, known)
    receivers, asking = known, unit
    if new is not None:
        receivers = new.known.nonzero().flatten()
        asking = _unit(new, receivers)
    count = min(neighbours, len(known) - (new is None))
    targets, sources = [], []
    size = max(1, CELLS // max(1, len(known)))
    for start in range(0, len(receivers) if count > 0 else 0, size):
        scores = asking[start : start + size] @ unit.t()
        if new is None:
            own = torch.arange(len(scores))
            scores[own, start + own] = -torch.inf
        best = stable_top(scores, count)[1]
        targets.append(receivers[start : start + size].repeat_interleave(count))
        sources.append(known[best.flatten()])
    return Edges(torch.cat([known[:0], *targets]), torch.cat([known[:0], *sources]), len(view.known))


def _unit(view: View, rows: Tensor) -> Tensor:
    """The vectors of `rows` at length 1, in blocks."""
    unit = torch.empty(len(rows), view.vectors.shape[1])
    for start in range(0, len(rows), BLOCK):
        block = view.vectors[rows[start : start + BLOCK]].double()
        unit[start : start + BLOCK] = torch.nn.functional.normalize(block, dim=1)
    return unit


def _table(path: Path, names: Sequence[str]) -> tuple[list[list[str]], list[str]]:
    """Columns of a csv, tsv or parquet as text without blanks around it, rows with an empty cell left out;
    a note of these."""
    file = table_file(path)
    there = columns(file)
    for name in names:
        if name not in there:
            raise InputError(f"{path}: no column {name!r}; its columns are: {', '.join(there)}")
    read: list[list[str]] = [[] for _ in names]
    rows = 0
    for part in batches(file, list(names)):
        cells = [as_text(column, file, name) for column, name in zip(part, names, strict=True)]
        whole = functools.reduce(pc.and_, [pc.not_equal(column, "") for column in cells])
        rows += len(whole)
        for column, own in zip(cells, read, strict=True):
            own.extend(column.filter(whole).to_pylist())
    left = rows - len(read[0])
    return read, [f"{path.name}: {left:,} rows with an empty cell were left out"] if left else []

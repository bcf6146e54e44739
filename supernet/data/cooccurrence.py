"""Which items are alike: those that the same users have. Items × items is never dense."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from supernet.data.dataset import Pairs

# Cells (item, item) worked on at once: bounds the memory of a chunk of similarities at about 32 bytes each.
CELLS = 2_000_000


class Neighbours(NamedTuple):
    """Directed edges between items: `target` (E,) has `source` (E,) among its most similar, by `value` (E,)
    float32; sorted by target, and there from the most similar on."""

    target: Tensor
    source: Tensor
    value: Tensor


def item_neighbours(
    pairs: Pairs, n_users: int, n_items: int, neighbours: int = 20, shrinkage: float = 10.0
) -> Neighbours:
    """The `neighbours` items most similar to each item by the shrunk cosine of `similarities`, on the device
    of `pairs`. Errors: ValueError for neighbours < 1 or shrinkage < 0.
    """
    users, items = pairs.users.cpu().numpy(), pairs.items.cpu().numpy()
    seen = sparse.csr_array((np.ones(len(users), np.float32), (users, items)), shape=(n_users, n_items))
    rows, columns, values = _neighbours(seen, neighbours, shrinkage)
    edges = Neighbours(torch.from_numpy(rows), torch.from_numpy(columns), torch.from_numpy(values))
    return Neighbours(*(x.to(pairs.items.device) for x in edges))


def similarities(seen: sparse.csr_array, neighbours: int, shrinkage: float) -> sparse.csr_array:
    r"""Shrunk cosines :math:`s_{ij} = c_{ij} / (\sqrt{c_i c_j} + shrinkage)`, i ≠ j, of the `neighbours`
    columns most similar to each (ties: the lower index), where c_ij rows have both columns and c_i have i.

    seen is 0/1 in float32. Built in chunks of columns, so that N_items × N_items is never dense.
    Shapes: seen (N_users, N_items) -> (N_items, N_items), row i holds the neighbours of i.
    Source: Deshpande & Karypis 2004; shrinkage as in Ferrari Dacrema et al., arXiv 1907.06902.
    Errors: ValueError for neighbours < 1 or shrinkage < 0.
    """
    rows, columns, values = _neighbours(seen, neighbours, shrinkage)
    return sparse.csr_array((values, (rows, columns)), shape=(seen.shape[1], seen.shape[1]))


def _neighbours(
    seen: sparse.csr_array, neighbours: int, shrinkage: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, columns and values of `similarities`, row by row, the best first."""
    if neighbours < 1 or shrinkage < 0:
        raise ValueError(f"needs neighbours ≥ 1 and shrinkage ≥ 0, found {neighbours} and {shrinkage}")
    n_items = seen.shape[1]
    norms = np.sqrt(seen.sum(axis=0))
    owners = seen.T.tocsr()
    size = max(1, CELLS // n_items)
    chunks = []
    for start in range(0, n_items, size):
        both = owners[start : start + size] @ seen
        rows = np.repeat(np.arange(both.shape[0]), np.diff(both.indptr))
        values = both.data / (norms[rows + start] * norms[both.indices] + np.float32(shrinkage))
        values[rows + start == both.indices] = 0.0  # the item itself comes last
        rows, columns, values = _best_per_row(rows, both.indices, values, both.indptr, neighbours)
        chunks.append((rows + start, columns, values))
    rows, columns, values = (np.concatenate(part) for part in zip(*chunks, strict=True))
    return rows, columns, values


_VALUE = (1 << 31) - 1  # the bits of a positive float32, which order as it does


def _best_per_row(
    rows: np.ndarray, columns: np.ndarray, values: np.ndarray, ptr: np.ndarray, best: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The `best` greatest values above 0 of each row in falling order, of equal ones the lower column first;
    row i is the entries ptr[i] … ptr[i + 1].

    Row, value and column are packed into one integer each, whose sort took a fifth of the time of a sort by
    three keys.
    """
    bits = int(columns.max(initial=1)).bit_length()
    packed = (rows << 31 | (_VALUE - values.view(np.int32))) << bits | columns
    packed.sort()
    place = np.arange(len(rows)) - ptr[rows]
    packed, rows = packed[place < best], rows[place < best]
    columns = packed & ((1 << bits) - 1)
    values = (_VALUE - (packed >> bits & _VALUE)).astype(np.int32).view(np.float32)
    above = values > 0.0
    return rows[above], columns[above], values[above]

"""Arrays of sparse matrices in CSR: pointers, transposes, places; and those of some rows or entries alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse
import torch
from torch import Tensor


class Arrays(NamedTuple):
    """A matrix in CSR and its transpose, as `ops.relation.Relation` has them."""

    ptr: Tensor
    column: Tensor
    row: Tensor
    ptr_t: Tensor
    column_t: Tensor
    perm: Tensor
    inverse: Tensor


def check_range(name: str, nodes: Tensor, size: int) -> None:
    """Errors: ValueError naming the range of `nodes` where one is not in [0, size)."""
    if nodes.numel() and not (int(nodes.min()) >= 0 and int(nodes.max()) < size):
        raise ValueError(
            f"{name} indices must lie in [0, {size}), found {int(nodes.min())} … {int(nodes.max())}"
        )


def pointers(rows: Tensor, size: int) -> Tensor:
    """Where each of `size` rows begins among entries sorted by row: rows (E,) -> (size + 1,)."""
    counts = torch.bincount(rows, minlength=size)
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])


def transposed(ptr: Tensor, index: Tensor, n_source: int) -> tuple[Tensor, Tensor]:
    """Pointers and permutation of the transpose of a CSR matrix: ptr_t (N_src + 1,), perm (E,)."""
    if index.device.type != "cpu":
        return pointers(index, n_source), torch.argsort(index, stable=True)
    size, number = (ptr.numel() - 1, n_source), np.arange(index.numel())
    # a counting sort, where torch's own would compare
    twin = scipy.sparse.csr_array((number, index.numpy(), ptr.numpy()), shape=size).tocsc()
    return torch.from_numpy(twin.indptr).long(), torch.from_numpy(twin.data).long()


def places(mask: Tensor) -> Tensor:
    """How many are True before each, and in all: (E,) -> (E + 1,)."""
    before = torch.zeros(mask.numel() + 1, dtype=torch.long, device=mask.device)
    torch.cumsum(mask, 0, out=before[1:])
    return before


def some_rows(matrix: Arrays, rows: Tensor) -> tuple[Arrays, Tensor]:
    """Some rows (R,), ascending, none twice, as a matrix of R rows; and which entries these are, (E_part,).
    It costs in proportion to the entries it holds."""
    first, counts = matrix.ptr[rows], matrix.ptr[rows + 1] - matrix.ptr[rows]
    ptr = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    row = torch.repeat_interleave(counts)
    entries = (first - ptr[:-1])[row] + torch.arange(row.numel(), device=row.device)
    index = matrix.column.index_select(0, entries)
    ptr_t, perm = transposed(ptr, index, matrix.ptr_t.numel() - 1)
    inverse = torch.empty_like(perm)
    inverse[perm] = torch.arange(row.numel(), device=row.device)
    return Arrays(ptr, index, row, ptr_t, row.index_select(0, perm), perm, inverse), entries


def some_entries(matrix: Arrays, mask: Tensor) -> tuple[Arrays, Tensor, Tensor]:
    """The entries where `mask` (E,) is True; which these are here, and which in the transpose, (E_part,)
    each. Nothing is sorted."""
    mask_t = mask.index_select(0, matrix.perm)
    entries, twins = mask.nonzero().flatten(), mask_t.nonzero().flatten()
    place, place_t = places(mask), places(mask_t)
    part = Arrays(
        place.index_select(0, matrix.ptr),
        matrix.column.index_select(0, entries),
        matrix.row.index_select(0, entries),
        place_t.index_select(0, matrix.ptr_t),
        matrix.column_t.index_select(0, twins),
        place.index_select(0, matrix.perm.index_select(0, twins)),
        place_t.index_select(0, matrix.inverse.index_select(0, entries)),
    )
    return part, entries, twins

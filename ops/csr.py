"""Arrays of sparse matrices in CSR: pointers, transposes, places."""

from __future__ import annotations

import numpy as np
import scipy.sparse
import torch
from torch import Tensor


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

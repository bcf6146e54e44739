"""What is known of nodes beside their ids: constant vectors by name, of items and of users through them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from supernet.data.dataset import Pairs
from supernet.data.scratch import stacked

BLOCK = 8192
"""Users whose means are taken at a time."""


class View(NamedTuple):
    """What is known of the nodes of one kind beside their ids, as constants: vectors (N, width), rows of
    zeros where there is none, and which are known (N,), 1 or 0. projector: what brings them to D columns."""

    vectors: Tensor
    known: Tensor
    projector: str = "linear"

    def to(self, device: torch.device | str) -> View:
        """The same on another device."""
        return View(self.vectors.to(device), self.known.to(device), self.projector)


Views = Mapping[str, View]
"""Name → view, of one kind of nodes."""


def users_views(pairs: Pairs, n_users: int, items: Views) -> dict[str, View]:
    """The view that a user has of each: the mean over the items of their pairs that are known; unknown for a
    user without any. Of many users it is mapped into memory, as `stacked`."""
    found = {}
    rows, columns = pairs.users.cpu().numpy(), pairs.items.cpu().numpy()
    for name, view in items.items():
        known = view.known.cpu().numpy()
        seen = sparse.csr_array(
            (known[columns], (rows, columns)), shape=(n_users, len(known)), dtype=np.float32
        )
        counts = seen.sum(axis=1)
        means = stacked(_means(seen, counts, view.vectors.cpu().numpy()), n_users)
        mask = torch.from_numpy((counts > 0).astype(np.float32))
        found[name] = View(torch.from_numpy(means), mask, view.projector)
    return found


def _means(
    seen: sparse.csr_array, counts: NDArray[np.float32], vectors: NDArray[np.float32]
) -> Iterator[NDArray[np.float32]]:
    for start in range(0, max(1, len(counts)), BLOCK):
        block = seen[start : start + BLOCK] @ vectors
        block /= np.maximum(counts[start : start + BLOCK], 1.0)[:, None]
        yield block.astype(np.float32, copy=False)

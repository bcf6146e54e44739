"""What is known of nodes beside their ids: constant vectors by name, of items and of users through them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from supernet.data.dataset import Pairs


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
    user without any."""
    found = {}
    rows, columns = pairs.users.cpu().numpy(), pairs.items.cpu().numpy()
    for name, view in items.items():
        known = view.known.cpu().numpy()
        seen = sparse.csr_array(
            (known[columns], (rows, columns)), shape=(n_users, len(known)), dtype=np.float32
        )
        counts = seen.sum(axis=1)
        means = seen @ view.vectors.cpu().numpy()
        means /= np.maximum(counts, 1.0)[:, None]
        mask = torch.from_numpy((counts > 0).astype(np.float32))
        found[name] = View(torch.from_numpy(means.astype(np.float32, copy=False)), mask, view.projector)
    return found

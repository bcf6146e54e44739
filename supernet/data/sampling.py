"""Batches of pairs and negative items, all vectorised, from explicit generators."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from supernet.data.dataset import Pairs, UserItems


class Batch(NamedTuple):
    """Observed pairs and sampled items. Shapes: users (B,), items (B,), negatives (M,) shared or (B, K) per
    pair."""

    users: Tensor
    items: Tensor
    negatives: Tensor


class Batches:
    """Endless batches of pairs, shuffled anew at every pass; the last batch of a pass may be smaller.

    Its state (order, position, generator) is saved with `state_dict`, so that a resumed run draws the same
    batches.
    """

    def __init__(self, pairs: Pairs, batch_size: int, generator: torch.Generator) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, found {batch_size}")
        self.pairs, self.batch_size, self.generator = pairs, batch_size, generator
        self.order = torch.zeros(0, dtype=torch.long)
        self.position = 0

    def __len__(self) -> int:
        return -(-self.pairs.users.numel() // self.batch_size)

    def draw(self) -> Pairs:
        """The next batch; users (B,), items (B,)."""
        if self.position >= self.order.numel():
            self.order = torch.randperm(self.pairs.users.numel(), generator=self.generator)
            self.position = 0
        chosen = sent(self.order[self.position : self.position + self.batch_size], self.pairs.users.device)
        self.position += self.batch_size
        return Pairs(self.pairs.users[chosen], self.pairs.items[chosen])

    def state_dict(self) -> dict[str, Any]:
        """Order, position and generator."""
        return {"order": self.order, "position": self.position, "generator": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken."""
        self.order, self.position = state["order"], state["position"]
        self.generator.set_state(state["generator"])


def sent(x: Tensor, device: torch.device) -> Tensor:
    """`x` on a device; to CUDA from pinned memory, without waiting for the copy."""
    if device.type != "cuda" or x.device.type != "cpu":
        return x.to(device)
    return x.pin_memory().to(device, non_blocking=True)


def shared_negatives(count: int, n_items: int, generator: torch.Generator) -> Tensor:
    """`count` items drawn uniformly, for all pairs of a batch, (M,) int64."""
    return torch.randint(n_items, (count,), generator=generator)


def unseen_negatives(
    users: Tensor, seen: UserItems, n_items: int, count: int, generator: torch.Generator
) -> Tensor:
    """`count` items a user, drawn uniformly from those the user has not seen; from all, where none is left.

    Exact for any density: a rank among the unseen items is drawn, and turned into that item by a search in a
    list of all pairs, which `seen` keeps.
    Shapes: users (B,) -> (B, count) int64.
    """
    free = (n_items - seen.counts[users]).unsqueeze(1)
    limit = torch.where(free > 0, free, n_items)
    share = torch.rand(users.numel(), count, generator=generator, dtype=torch.float64)
    share = sent(share, users.device)
    rank = torch.minimum((share * limit).long(), limit - 1)
    wanted = users.unsqueeze(1) * (n_items + 1) + rank
    before = seen.cached("unseen", n_items, lambda: _unseen_before(seen, n_items))
    passed = torch.searchsorted(before, wanted, right=True)
    return torch.where(free > 0, rank + passed - seen.ptr[users].unsqueeze(1), rank)


def _unseen_before(seen: UserItems, n_items: int) -> Tensor:
    """user · (N_items + 1) + how many lower items the user has not seen, of every pair, ascending, (E,)."""
    rows = torch.repeat_interleave(seen.counts)
    position = torch.arange(rows.numel(), device=rows.device) - seen.ptr[rows]
    return rows * (n_items + 1) + seen.items - position

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
        chosen = self.order[self.position : self.position + self.batch_size].to(self.pairs.users.device)
        self.position += self.batch_size
        return Pairs(self.pairs.users[chosen], self.pairs.items[chosen])

    def state_dict(self) -> dict[str, Any]:
        """Order, position and generator."""
        return {"order": self.order, "position": self.position, "generator": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken."""
        self.order, self.position = state["order"], state["position"]
        self.generator.set_state(state["generator"])


def shared_negatives(count: int, n_items: int, generator: torch.Generator) -> Tensor:
    """`count` items drawn uniformly, for all pairs of a batch, (M,) int64."""
    return torch.randint(n_items, (count,), generator=generator)


def unseen_negatives(
    users: Tensor, seen: UserItems, n_items: int, count: int, generator: torch.Generator, tries: int = 4
) -> Tensor:
    """`count` items a user, drawn uniformly; those the user has seen are drawn again, up to `tries` times.

    Shapes: users (B,) -> (B, count) int64.
    """
    keys = seen_keys(seen, n_items)
    drawn = torch.randint(n_items, (users.numel(), count), generator=generator).to(users.device)
    for _ in range(tries):
        wanted = users.unsqueeze(1) * n_items + drawn
        place = torch.searchsorted(keys, wanted).clamp(max=keys.numel() - 1)
        hit = keys[place] == wanted
        if not bool(hit.any()):
            break
        fresh = torch.randint(n_items, (int(hit.sum()),), generator=generator).to(users.device)
        drawn[hit] = fresh
    return drawn


def seen_keys(seen: UserItems, n_items: int) -> Tensor:
    """user · N_items + item of every pair, ascending, (E,) int64."""
    users = torch.repeat_interleave(torch.arange(seen.ptr.numel() - 1, device=seen.ptr.device), seen.counts)
    return users * n_items + seen.items

"""The negatives that a loss needs."""

from __future__ import annotations

import torch
from torch import Tensor

from supernet.data.dataset import UserItems
from supernet.data.sampling import sent, shared_negatives, unseen_negatives
from supernet.training.losses.base import SHARED, SOLE
from supernet.training.recipe import Recipe


def draw_negatives(
    users: Tensor, seen: UserItems, n_items: int, recipe: Recipe, generator: torch.Generator
) -> Tensor:
    """The sampled items a loss needs: (M,) shared by the batch for SHARED, none (0,) for SOLE, (B, K) per
    pair for the others."""
    if recipe.loss in SOLE:
        return users.new_zeros(0)
    if recipe.loss in SHARED:
        return sent(shared_negatives(recipe.negatives, n_items, generator), users.device)
    return unseen_negatives(users, seen, n_items, max(1, recipe.negatives), generator)

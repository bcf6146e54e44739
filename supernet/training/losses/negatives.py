"""The negatives that a loss needs: how they are drawn, and which of them are kept."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from supernet.data.dataset import UserItems
from supernet.data.popularity import popularity, shared_weighted, unseen_weighted
from supernet.data.sampling import sent, shared_negatives, unseen_negatives
from supernet.training.losses.base import SHARED, SOLE
from supernet.training.recipe import Recipe

SAMPLINGS = ("uniform", "popularity", "hard", "all")
"""uniform; by popularity^β (recipe.popularity); the hardest of a pool (`hardest`); all items, for SHARED."""


def draw_negatives(
    users: Tensor, seen: UserItems, n_items: int, recipe: Recipe, generator: torch.Generator
) -> Tensor:
    """The sampled items a loss needs: (M,) shared by the batch for SHARED, none (0,) for SOLE, (B, K) per
    pair for the others; with sampling="hard" the pool they are chosen from, recipe.candidates times as
    many."""
    if recipe.loss in SOLE:
        return users.new_zeros(0)
    if recipe.loss in SHARED:
        return _shared(users.device, seen, n_items, recipe, generator)
    if recipe.sampling == "all":
        raise ValueError(f"sampling=all is for {SHARED}, found loss={recipe.loss}")
    count = _pool(max(1, recipe.negatives), recipe)
    if recipe.sampling == "popularity":
        weights = popularity(seen, n_items, recipe.popularity)
        return unseen_weighted(users, seen, weights, count, generator)
    return unseen_negatives(users, seen, n_items, count, generator)


def _shared(
    device: torch.device, seen: UserItems, n_items: int, recipe: Recipe, generator: torch.Generator
) -> Tensor:
    if recipe.sampling == "all":
        return torch.arange(n_items, device=device)
    if recipe.sampling == "popularity":
        return shared_weighted(recipe.negatives, popularity(seen, n_items, recipe.popularity), generator)
    return sent(shared_negatives(_pool(recipe.negatives, recipe), n_items, generator), device)


def _pool(count: int, recipe: Recipe) -> int:
    return count * recipe.candidates if recipe.sampling == "hard" else count


@torch.no_grad()
def hardest(
    score: Callable[..., Tensor], users: Tensor, pool: Tensor, negatives: Tensor, recipe: Recipe
) -> Tensor:
    r"""The negatives kept of a pool: the first (1 - hard) · K as they were drawn, and of the others the hard
    · K (rounded up) of the highest score now.

    Per pair the score is that of the pair's user; with hard = 1 and K = 1 this is dynamic negative sampling
    (Zhang et al., SIGIR 2013). Of a shared pool it is an item's weight in the batch's denominators,
    :math:`\log \sum_b e^{s(u_b, j)/T}`.
    Shapes: users (B, D), pool (M', D) or (B, K', D), negatives (M',) or (B, K') -> (M,) or (B, K).
    """
    count = negatives.shape[-1] // recipe.candidates
    hard = math.ceil(recipe.hard * count - 1e-9)
    if negatives.dim() == 1:
        value = (score(users, pool) / recipe.temperature).logsumexp(dim=0)
    else:
        value = score(users.unsqueeze(1), pool, pairs=True)
    plain, rest = negatives[..., : count - hard], negatives[..., count - hard :]
    best = value[..., count - hard :].topk(hard, dim=-1).indices
    return torch.cat([plain, rest.gather(-1, best)], dim=-1)

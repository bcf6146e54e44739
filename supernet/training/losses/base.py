"""What a loss is given, and the table of losses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from ops.registry import Registry
from supernet.data.sampling import Batch
from supernet.training.recipe import Recipe


@dataclass(frozen=True)
class Scored:
    """A batch with the vectors that a loss reads of it.

    score: every user with every item, (B, D), (M, D) -> (B, M); with pairs=True row with row. product: scores
    are the plain products of the vectors; bound: and never above it (1 for unit vectors). offset: added to
    each item's score in a softmax (N_items,), None for zeros. `batch` tells which items the rows are.
    Shapes: users (B, D), items (B, D), negatives (M, D) shared by the batch or (B, K, D) per pair.
    """

    score: Callable[..., Tensor]
    users: Tensor
    items: Tensor
    negatives: Tensor
    batch: Batch
    recipe: Recipe
    offset: Tensor | None = None
    product: bool = False
    bound: float | None = None

    @property
    def in_batch(self) -> bool:
        """Whether the items of the batch are candidates beside the sampled ones; among all items they are
        already."""
        return self.recipe.in_batch and self.recipe.sampling != "all"


Loss = Callable[[Scored], Tensor]
"""A scalar, the mean over the batch."""

LOSSES: Registry[Loss] = Registry("loss")

SHARED = ("softmax", "bsl")
"""Losses whose negatives are shared by a batch; those of the others, but for SOLE, are drawn for each
pair."""

SOLE = ("directau",)
"""Losses without negatives. They do not read the score slot."""

"""The mixture of scores."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ops.mixture.base import Mixture
from ops.score import SCORES


class ScoreMixture(Mixture):
    """Σ_k p_k score_k. Shapes: users (B, D), items (M, D), p (K,) -> (B, M); `pairs`: (…, D), (…, D) ->
    (…)."""

    def __init__(self, names: Sequence[str], dim: int) -> None:
        super().__init__({name: SCORES[name](dim) for name in names}, scaled=False)

    def forward(self, users: Tensor, items: Tensor, p: Tensor | None = None, pairs: bool = False) -> Tensor:
        """The mixed score."""
        modules = list(self.candidates.values())
        scores = [module.pairs(users, items) if pairs else module(users, items) for module in modules]  # type: ignore[operator]
        if self.only is not None:
            return scores[0]
        assert p is not None, "a slot with several candidates needs its mixture"
        return sum((p[k] * score for k, score in enumerate(scores)), start=torch.zeros_like(scores[0]))

"""The mixture of scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from ops.mixture.base import Choice, Mix, Mixture
from ops.score import SCORES


class ScoreMixture(Mixture):
    """Σ_k p_k score_k. Shapes: users (B, D), items (M, D), p (K,) -> (B, M); `pairs`: (…, D), (…, D) ->
    (…)."""

    measurable = False

    def __init__(self, names: Sequence[str], dim: int) -> None:
        super().__init__({name: SCORES[name](dim) for name in names}, scaled=False)

    def forward(self, users: Tensor, items: Tensor, p: Mix | None = None, pairs: bool = False) -> Tensor:
        """The mixed score."""
        modules = list(self.candidates.values())
        chosen = modules[p.number] if isinstance(p, Choice) else self.only
        if chosen is not None:
            value = _scored(chosen, users, items, pairs)
            return value if not isinstance(p, Choice) or p.weight is None else p.weight * value
        assert isinstance(p, Tensor), "a slot with several candidates needs its mixture"
        scores = [_scored(module, users, items, pairs) for module in modules]
        return sum((p[k] * score for k, score in enumerate(scores)), start=torch.zeros_like(scores[0]))


def _scored(module: nn.Module, users: Tensor, items: Tensor, pairs: bool) -> Tensor:
    return cast(Tensor, module.pairs(users, items) if pairs else module(users, items))  # type: ignore[operator]

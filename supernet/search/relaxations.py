"""Relaxations: alphas (raw) → mixture (a point of the simplex). Contract: (alpha (K,), temperature) ->
(K,)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from torch import Tensor

from ops.registry import Registry

Relaxation = Callable[[Tensor, float], Tensor]
RELAXATIONS: Registry[Relaxation] = Registry("relaxation")


@RELAXATIONS.register("softmax")
def softmax(alpha: Tensor, temperature: float) -> Tensor:
    r""":math:`p_k = e^{\alpha_k / T} / \sum_j e^{\alpha_j / T}` (DARTS, arXiv 1806.09055). Shapes: (K,) ->
    (K,)."""
    return (alpha / temperature).softmax(dim=0)


def mix(
    alphas: Mapping[str, Tensor], relaxation: str, temperature: float, detach: bool = False
) -> dict[str, Tensor]:
    """The mixture of every open slot. `detach` for weight steps, which so skip the gradients of the edge
    weights."""
    relax = RELAXATIONS[relaxation]
    return {slot: relax(alpha.detach() if detach else alpha, temperature) for slot, alpha in alphas.items()}


def temperature_at(epoch: int, epochs: int, start: float, end: float) -> float:
    """Geometric schedule from `start` (epoch 0) to `end` (the last epoch)."""
    share = epoch / max(1, epochs - 1)
    return float(start * (end / start) ** min(1.0, share))


def entropy(p: Tensor) -> float:
    """Entropy over its maximum, log K: 1 is undecided, 0 is decided. Shapes: p (K,) -> a number."""
    return float(-(p * p.clamp(min=1e-12).log()).sum()) / math.log(p.numel())

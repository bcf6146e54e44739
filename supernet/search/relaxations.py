"""Relaxations: alphas (raw) → mixture (a point of the simplex). Contract: (alpha (K,), temperature) ->
(K,)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ops.mixture import Choice, Mix, Partial
from ops.registry import Registry
from supernet.space.slots import slot_kind

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


def paths(
    alphas: Mapping[str, Tensor],
    relaxation: str,
    temperature: float,
    generator: torch.Generator,
    detach: bool = False,
) -> dict[str, Mix]:
    """One candidate a slot, drawn by adding Gumbel noise to the alphas; only these are then computed.

    Without `detach` the choice carries a straight-through gradient to its probability, and so to all alphas
    of its slot. The noise comes from `generator`, on the CPU.  Paper: arXiv 1910.04465 (GDAS)
    """
    relax = RELAXATIONS[relaxation]
    chosen: dict[str, Mix] = {}
    for slot, alpha in alphas.items():
        uniform = torch.rand(alpha.shape, generator=generator, dtype=torch.float64)
        noise = -(-uniform.clamp_(min=1e-12).log()).log()
        p = relax((alpha.detach() if detach else alpha) + noise.to(alpha), temperature)
        number = int(p.detach().argmax())
        chosen[slot] = Choice(number, None if detach else 1.0 + p[number] - p[number].detach())
    return chosen


def partial(p: Mapping[str, Tensor], dim: int, share: float, generator: torch.Generator) -> dict[str, Mix]:
    """The aggregate slots mix one block of channels, drawn anew at each call; the other channels take sym.

    Paper: arXiv 1907.05737 (PC-DARTS)
    """
    width = max(1, round(dim * share))
    start = int(torch.randint(dim - width + 1, (), generator=generator))
    return {
        slot: Partial(q, start, start + width) if slot_kind(slot) == "aggregate" else q
        for slot, q in p.items()
    }


def temperature_at(epoch: int, epochs: int, start: float, end: float) -> float:
    """Geometric schedule from `start` (epoch 0) to `end` (the last epoch)."""
    share = epoch / max(1, epochs - 1)
    return float(start * (end / start) ** min(1.0, share))


def entropy(p: Tensor) -> float:
    """Entropy over its maximum, log K: 1 is undecided, 0 is decided. Shapes: p (K,) -> a number."""
    return float(-(p * p.clamp(min=1e-12).log()).sum()) / math.log(p.numel())

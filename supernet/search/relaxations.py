"""Relaxations: alphas (raw) → mixture. Contract: (alpha (K,), temperature) -> weights (K,), none negative;
of all but `sigmoid` a point of the simplex. A candidate whose alpha is −∞ has been dropped: its weight is
0."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ops.mixture import Choice, Mix, Partial
from ops.registry import Registry
from supernet.data.graph import INTERACTIONS
from supernet.space.slots import slot_kind, slot_relation

Relaxation = Callable[[Tensor, float], Tensor]
RELAXATIONS: Registry[Relaxation] = Registry("relaxation")


@RELAXATIONS.register("softmax")
def softmax(alpha: Tensor, temperature: float) -> Tensor:
    r""":math:`p_k = e^{\alpha_k / T} / \sum_j e^{\alpha_j / T}` (DARTS, arXiv 1806.09055). Shapes: (K,) ->
    (K,)."""
    return (alpha / temperature).softmax(dim=0)


@RELAXATIONS.register("sparsemax")
def sparsemax(alpha: Tensor, temperature: float) -> Tensor:
    r"""The point of the simplex nearest to α / T, :math:`p_k = \max(0, \alpha_k / T - \tau)` with τ such that
    the sum is 1: unlikely candidates have the weight 0. Shapes: (K,) -> (K,).  Paper: arXiv 1602.02068"""
    z = alpha / temperature
    z = (z - z.detach().max()).clamp(min=-2.0)  # at 1 below the largest a weight is 0 already
    ordered = z.sort(descending=True).values
    sums = ordered.cumsum(dim=0)
    size = torch.arange(1, len(z) + 1, device=z.device, dtype=z.dtype)
    support = int((1 + size * ordered > sums).sum())
    return (z - (sums[support - 1] - 1) / support).clamp(min=0.0)


@RELAXATIONS.register("top2")
def top_two(alpha: Tensor, temperature: float) -> Tensor:
    """The softmax of the two largest alphas, and of those that equal the second; the others have the weight
    0. Shapes: (K,) -> (K,).  Paper: in the manner of ProxylessNAS, arXiv 1812.00332, section 3.2"""
    second = alpha.detach().topk(min(2, len(alpha))).values[-1]
    return (alpha / temperature).masked_fill(alpha.detach() < second, -math.inf).softmax(dim=0)


@RELAXATIONS.register("sigmoid")
def sigmoid(alpha: Tensor, temperature: float) -> Tensor:
    r""":math:`p_k = \sigma(\alpha_k / T)`, every candidate by itself, so that none gains by another's loss.

    It goes with `regularisers.zero_one`. Shapes: (K,) -> (K,).  Paper: Fair DARTS, arXiv 1911.12126
    """
    return (alpha / temperature).sigmoid()


def mix(
    alphas: Mapping[str, Tensor], relaxation: str, temperature: float, detach: bool = False
) -> dict[str, Tensor]:
    """The mixture of every open slot. `detach` for weight steps, which so skip the gradients of the edge
    weights."""
    relax = RELAXATIONS[relaxation]
    return {slot: relax(alpha.detach() if detach else alpha, temperature) for slot, alpha in alphas.items()}


def noisy(
    alphas: Mapping[str, Tensor], noise: str, scale: float, generator: torch.Generator
) -> dict[str, Tensor]:
    r"""The alphas with noise drawn anew: "gumbel" adds :math:`-\log(-\log u)` (with softmax: Gumbel-softmax,
    arXiv 1611.01144; SNAS, arXiv 1812.09926), "normal" and "uniform" a number of mean 0 and standard
    deviation 1 (against collapse: SmoothDARTS, arXiv 2002.05283); times `scale`. "none" adds nothing.

    The noise comes from `generator`, on the CPU.
    """
    draw = NOISES[noise]
    if draw is None:
        return dict(alphas)
    return {slot: alpha + scale * draw(alpha.shape, generator).to(alpha) for slot, alpha in alphas.items()}


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
    for slot, alpha in noisy(alphas, "gumbel", 1.0, generator).items():
        p = relax(alpha.detach() if detach else alpha, temperature)
        number = int(p.detach().argmax())
        chosen[slot] = Choice(number, None if detach else 1.0 + p[number] - p[number].detach())
    return chosen


def partial(p: Mapping[str, Tensor], dim: int, share: float, generator: torch.Generator) -> dict[str, Mix]:
    """The aggregate slots mix one block of channels, drawn anew at each call; the other channels take sym of
    the interactions, and nothing of other relations, which a design may leave out.

    Paper: arXiv 1907.05737 (PC-DARTS)
    """
    width = max(1, round(dim * share))
    start = int(torch.randint(dim - width + 1, (), generator=generator))
    return {
        slot: Partial(q, start, start + width, slot_relation(slot) == INTERACTIONS)
        if slot_kind(slot) == "aggregate"
        else q
        for slot, q in p.items()
    }


Schedule = Callable[[float, float, float], float]
SCHEDULES: Registry[Schedule] = Registry("temperature schedule")
"""(start, end, share of the way) -> temperature."""


@SCHEDULES.register("geometric")
def geometric(start: float, end: float, share: float) -> float:
    """In equal ratios."""
    return float(start * (end / start) ** share)


@SCHEDULES.register("linear")
def linear(start: float, end: float, share: float) -> float:
    """In equal steps."""
    return start + (end - start) * share


@SCHEDULES.register("cosine")
def cosine(start: float, end: float, share: float) -> float:
    """Along half a cosine: slowly at both ends."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


@SCHEDULES.register("constant")
def constant(start: float, end: float, share: float) -> float:
    """`start` throughout."""
    return start


def temperature_at(epoch: int, epochs: int, start: float, end: float, schedule: str = "geometric") -> float:
    """The temperature of an epoch, by a schedule from `start` (epoch 0) to `end` (the last epoch)."""
    return SCHEDULES[schedule](start, end, min(1.0, epoch / max(1, epochs - 1)))


def entropy(p: Tensor) -> float:
    """Entropy of the shares over its maximum, log K: 1 is undecided, 0 is decided. Shapes: p (K,) -> a
    number."""
    share = p / p.sum().clamp(min=torch.finfo(p.dtype).tiny)
    return float(-(share * share.clamp(min=1e-12).log()).sum()) / math.log(p.numel())


Draw = Callable[[torch.Size, torch.Generator], Tensor]


def _gumbel(shape: torch.Size, generator: torch.Generator) -> Tensor:
    uniform = torch.rand(shape, generator=generator, dtype=torch.float64)
    return -(-uniform.clamp_(min=1e-12).log()).log()


def _normal(shape: torch.Size, generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def _uniform(shape: torch.Size, generator: torch.Generator) -> Tensor:
    return (torch.rand(shape, generator=generator, dtype=torch.float64) - 0.5) * math.sqrt(12)


NOISES: dict[str, Draw | None] = {"none": None, "gumbel": _gumbel, "normal": _normal, "uniform": _uniform}
"""What `noisy` may add, of scale 1."""

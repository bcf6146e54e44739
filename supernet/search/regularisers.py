"""What is added to the alpha loss against collapse, a weight each. Contract: (alphas by slot, mixture by
slot, candidates by slot) -> a scalar."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from ops.registry import Registry, plain_name
from supernet.space.slots import slot_kind

Slots = Mapping[str, Tensor]
Names = Mapping[str, Sequence[str]]
Regulariser = Callable[[Slots, Slots, Names], Tensor]
REGULARISERS: Registry[Regulariser] = Registry("regulariser")

IDLE = {"aggregate": "none", "convolve": "skip"}
"""Candidates that pass on nothing, or nothing new. Weight-free aggregation is not among them: in
collaborative filtering it can be the right answer."""


@REGULARISERS.register("idle")
def idle(alphas: Slots, mixture: Slots, names: Names) -> Tensor:
    """The mean weight of `none` and `skip` over the slots that have them; 0 where none has.

    Only these are held down, in place of all that has no weights of its own (against the collapse to skips:
    RobustDARTS, arXiv 1909.09656).
    """
    found = [
        mixture[slot][k]
        for slot, candidates in names.items()
        for k, name in enumerate(candidates)
        if IDLE.get(slot_kind(slot)) == plain_name(name)
    ]
    return torch.stack(found).mean() if found else _zero(alphas)


@REGULARISERS.register("beta")
def beta(alphas: Slots, mixture: Slots, names: Names) -> Tensor:
    r"""The mean over the slots of :math:`\log \sum_k e^{\alpha_k}`, which keeps alphas from running away from
    each other. Candidates that were dropped do not count.  Paper: β-DARTS, arXiv 2203.01665, equation 9"""
    return torch.stack([alpha.logsumexp(dim=0) for alpha in alphas.values()]).mean()


@REGULARISERS.register("zero_one")
def zero_one(alphas: Slots, mixture: Slots, names: Names) -> Tensor:
    r"""The mean over slots and candidates of :math:`\frac14 - (p_k - \frac12)^2`: 0 where every weight is
    0 or 1, ¼ where all are ½. For the `sigmoid` relaxation.  Paper: Fair DARTS, arXiv 1911.12126, eq. 6"""
    return torch.stack([(0.25 - (p - 0.5).square()).mean() for p in mixture.values()]).mean()


def penalty(weights: Mapping[str, float], alphas: Slots, mixture: Slots, names: Names) -> Tensor:
    """Σ weight · regulariser over those with a weight."""
    terms = [w * REGULARISERS[name](alphas, mixture, names) for name, w in weights.items() if w]
    return torch.stack(terms).sum() if terms else _zero(alphas)


def _zero(alphas: Slots) -> Tensor:
    return next(iter(alphas.values())).new_zeros(())

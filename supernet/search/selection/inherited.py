"""Rules that ask the supernet itself, one slot after the other; how it ranks is less what it costs."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from supernet.search.selection.base import SELECTIONS, Choices, Mixture, Trials, one_hot
from supernet.search.selection.designs import largest
from supernet.space import SearchSpace


@SELECTIONS.register("perturbation")
def perturbation(space: SearchSpace, mixture: Mixture, trials: Trials) -> list[Choices]:
    """In each slot the candidate without which the supernet ranks worst on valid; slots are decided in a
    random order, each with those before it decided.

    A weight tells how often a candidate was wanted, not what would be lost without it.
    Paper: DARTS-PT, arXiv 2108.04392, without its training between decisions
    """
    now, design = dict(mixture), largest(space, mixture)
    slots = list(space.choices())
    for place in torch.randperm(len(slots), generator=trials.generator).tolist():
        slot = slots[place]
        names = space.choices()[slot]
        left = trials.left(slot, len(names))
        scores = {k: trials.worth(now | {slot: without(now[slot], k)}) for k in left}
        chosen = min(left, key=lambda k: scores[k])
        now[slot], design[slot] = one_hot(len(names), chosen), names[chosen]
    return [design]


@SELECTIONS.register("greedy")
def greedy(space: SearchSpace, mixture: Mixture, trials: Trials) -> list[Choices]:
    """The surest slot first: in each the candidate with which the supernet ranks best on valid, those before
    it decided, those after it mixed.

    Sure is a slot with little entropy that has not changed over the last epochs: (1 − entropy) · stability,
    the latter the mean overlap of its mixture with those of the history.
    Paper: SGAS, arXiv 1912.00195, criterion 2, without its training between decisions
    """
    now, design = dict(mixture), largest(space, mixture)
    for slot in sorted(mixture, key=lambda slot: -certainty(slot, mixture, trials)):
        names = space.choices()[slot]
        left = trials.left(slot, len(names))
        scores = {k: trials.worth(now | {slot: one_hot(len(names), k)}) for k in left}
        chosen = max(left, key=lambda k: (scores[k], float(mixture[slot][k])))
        now[slot], design[slot] = one_hot(len(names), chosen), names[chosen]
    return [design]


def certainty(slot: str, mixture: Mixture, trials: Trials) -> float:
    """(1 − entropy) · stability of a slot, in [0, 1]."""
    p = _shares(mixture[slot])
    entropy = float(-(p * p.clamp(min=1e-12).log()).sum()) / math.log(p.numel())
    overlaps = [float(torch.minimum(p, _shares(past[slot]).to(p)).sum()) for past in trials.history]
    stability = sum(overlaps) / len(overlaps) if overlaps else 1.0
    return (1.0 - entropy) * stability


def without(p: Tensor, number: int) -> Tensor:
    """The mixture without one candidate, its weight shared among the others by theirs; evenly where they have
    none. Shapes: (K,) -> (K,)."""
    rest = p.clone()
    rest[number] = 0.0
    if float(rest.sum()) == 0.0:
        rest = torch.ones_like(p)
        rest[number] = 0.0
    return rest * (p.sum() / rest.sum())


def _shares(p: Tensor) -> Tensor:
    return p / p.sum()

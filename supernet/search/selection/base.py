"""What a selection rule is given, and the table of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ops.registry import Registry
from supernet.space import SearchSpace

Choices = dict[str, str]
Mixture = Mapping[str, Tensor]


@dataclass(frozen=True)
class Trials:
    """What a rule may look at, beside the mixture.

    train: (choices, steps) → validation score of a model trained anew. mixed: a mixture of the open slots →
    validation score of the supernet with it, its weights as they are. generator: draws designs. known:
    designs of the space that the field has names for. pool, steps: designs, and batches of each training, in
    the first round of short trainings. history: the mixtures of the epochs in which alphas moved. dropped:
    by slot, candidates that the supernet does not compute any more (`search.shrink`), which it cannot judge.
    cost: what a design costs, in units of the score; it is taken off the score of a short training.
    expected_cost: likewise of a mixture.
    """

    train: Callable[[Choices, int], float]
    mixed: Callable[[Mixture], float]
    generator: torch.Generator
    known: Sequence[Choices]
    pool: int
    steps: int
    history: Sequence[Mixture] = field(default_factory=list)
    cost: Callable[[Choices], float] = lambda choices: 0.0
    dropped: Mapping[str, frozenset[int]] = field(default_factory=dict)
    expected_cost: Callable[[Mixture], float] = lambda mixture: 0.0

    def worth(self, mixture: Mixture) -> float:
        """The score of a mixture less its expected cost."""
        return self.mixed(mixture) - self.expected_cost(mixture)

    def left(self, slot: str, size: int) -> list[int]:
        """Numbers of the slot's candidates that the supernet can judge."""
        return [k for k in range(size) if k not in self.dropped.get(slot, frozenset())]

    def lacks(self, space: SearchSpace, choices: Choices) -> list[str]:
        """Slots in which the design takes a candidate that the supernet dropped."""
        numbers = {slot: names.index(choices[slot]) for slot, names in space.choices().items()}
        return [slot for slot, k in numbers.items() if k in self.dropped.get(slot, frozenset())]

    def inherited(self, space: SearchSpace, choices: Choices) -> float:
        """Validation score of a design with the supernet's weights."""
        return self.mixed(decided(space, choices))


Selection = Callable[[SearchSpace, Mixture, Trials], list[Choices]]
"""Designs, the best first."""

SELECTIONS: Registry[Selection] = Registry("selection rule")


def one_hot(size: int, number: int) -> Tensor:
    """A mixture that is decided, (K,)."""
    return torch.eye(size)[number]


def decided(space: SearchSpace, choices: Choices) -> dict[str, Tensor]:
    """A design as the mixture of the open slots, (K,) each."""
    return {slot: one_hot(len(names), names.index(choices[slot])) for slot, names in space.choices().items()}


def halving(pool: Sequence[Choices], trials: Trials, steps: int) -> list[Choices]:
    """Successive halving, a third at a time: all are trained for so many batches, the best third three times
    as long, until one round of at most three is left. The designs of the last round, then those that fell out
    of later rounds before those of earlier ones.  Paper: arXiv 1502.07943"""
    ranked = ordered(pool, trials, steps)
    if len(ranked) <= 3:
        return ranked
    kept = -(-len(ranked) // 3)
    return [*halving(ranked[:kept], trials, 3 * steps), *ranked[kept:]]


def ordered(pool: Sequence[Choices], trials: Trials, steps: int) -> list[Choices]:
    """The pool by its scores less costs after trainings of so many batches, the best first."""
    scores = [trials.train(design, steps) - trials.cost(design) for design in pool]
    return [pool[k] for k in sorted(range(len(pool)), key=lambda k: -scores[k])]

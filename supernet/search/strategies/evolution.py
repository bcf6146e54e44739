"""The genetic algorithm: tournaments, crossover, mutation, and a population that ages."""

from __future__ import annotations

from collections import deque

import torch

from supernet.search.strategies.base import STRATEGIES, Choices
from supernet.space import SearchSpace

POPULATION = 16
"""Designs that may be parents: the latest; the first so many are drawn uniformly."""

TOURNAMENT = 5
"""Designs drawn for a tournament, whose best is a parent."""

CROSSOVER = 0.5
"""Probability of a second parent, each slot then being one of either."""

MUTATIONS = 1.5
"""Slots of a child that are drawn anew, on average; at least one where it would be a copy of its parent."""


@STRATEGIES.register("evolution")
class Evolution:
    """Regularised evolution (arXiv 1802.01548) with crossover.

    The oldest of POPULATION designs is replaced, not the worst, so that a lucky score does not stay.
    """

    def __init__(self, space: SearchSpace, generator: torch.Generator) -> None:
        self.space, self.generator = space, generator
        self.population: deque[tuple[Choices, float]] = deque(maxlen=POPULATION)

    def ask(self) -> Choices:
        """A child of the winners of one or two tournaments; at first a design drawn uniformly."""
        if len(self.population) < POPULATION:
            return self.space.sample(self.generator)
        parent = self._winner()
        child = parent
        if self._draw() < CROSSOVER:
            other = self._winner()
            child = {slot: (name if self._draw() < 0.5 else other[slot]) for slot, name in parent.items()}
        return self._mutated(child, forced=child == parent)

    def tell(self, choices: Choices, score: float) -> None:
        """Into the population; the oldest leaves it."""
        self.population.append((choices, score))

    def _winner(self) -> Choices:
        drawn = torch.randperm(len(self.population), generator=self.generator)[:TOURNAMENT].tolist()
        return max((self.population[k] for k in drawn), key=lambda member: member[1])[0]

    def _mutated(self, child: Choices, forced: bool) -> Choices:
        slots = self.space.choices()
        rate = MUTATIONS / max(1, len(slots))
        chosen = [slot for slot in slots if self._draw() < rate]
        if forced and not chosen and slots:
            chosen = [list(slots)[self._below(len(slots))]]
        return child | {slot: self._other(slots[slot], child[slot]) for slot in chosen}

    def _other(self, names: tuple[str, ...], now: str) -> str:
        others = [name for name in names if name != now]
        return others[self._below(len(others))]

    def _draw(self) -> float:
        return float(torch.rand((), generator=self.generator))

    def _below(self, size: int) -> int:
        return int(torch.randint(size, (), generator=self.generator))

"""Random search."""

from __future__ import annotations

import torch

from supernet.search.strategies.base import STRATEGIES, Choices
from supernet.space import SearchSpace


@STRATEGIES.register("random")
class RandomSearch:
    """Designs drawn uniformly: what every other strategy has to beat at equal seconds."""

    def __init__(self, space: SearchSpace, generator: torch.Generator) -> None:
        self.space, self.generator = space, generator

    def ask(self) -> Choices:
        """A design drawn uniformly."""
        return self.space.sample(self.generator)

    def tell(self, choices: Choices, score: float) -> None:
        """Nothing is learnt."""

"""Strategies that choose designs one by one and are told their scores: a file each, and the table of them."""

from pathlib import Path

import torch

from supernet.search.settings import ADVISOR, SearchSettings
from supernet.search.strategies.advisor import Advisor
from supernet.search.strategies.base import STRATEGIES, Strategy
from supernet.search.strategies.evolution import Evolution
from supernet.search.strategies.random import RandomSearch
from supernet.search.strategies.reinforce import Reinforce
from supernet.search.strategies.tpe import TPE
from supernet.space import SearchSpace

__all__ = [
    "STRATEGIES",
    "TPE",
    "Advisor",
    "Evolution",
    "RandomSearch",
    "Reinforce",
    "Strategy",
    "make_strategy",
]


def make_strategy(
    settings: SearchSettings, space: SearchSpace, generator: torch.Generator, record: Path | None = None
) -> Strategy:
    """The strategy of the settings. record: where an adviser's answers are kept; None: in memory alone."""
    make = STRATEGIES[settings.strategy]
    if settings.strategy == ADVISOR:
        return make(space, generator, settings.advisor, record)
    return make(space, generator)

"""Strategies that choose designs one by one and are told their scores: a file each, and the table of them."""

from supernet.search.strategies.base import STRATEGIES, Strategy
from supernet.search.strategies.evolution import Evolution
from supernet.search.strategies.random import RandomSearch
from supernet.search.strategies.reinforce import Reinforce
from supernet.search.strategies.tpe import TPE

__all__ = ["STRATEGIES", "TPE", "Evolution", "RandomSearch", "Reinforce", "Strategy"]

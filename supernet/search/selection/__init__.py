"""Selection rules: mixture → designs, one candidate for every slot, the best first."""

from supernet.search.selection.argmax import argmax
from supernet.search.selection.base import (
    SELECTIONS,
    Choices,
    Mixture,
    Trials,
    decided,
    halving,
    one_hot,
    ordered,
)
from supernet.search.selection.designs import (
    distinct,
    draw,
    even_design,
    even_neighbour,
    in_slots,
    known_designs,
    neighbour,
    shallow,
)
from supernet.search.selection.inherited import greedy, perturbation
from supernet.search.selection.rescored import BY_TRAINING, rescored, sampled, screened
from supernet.search.selection.sources import enriched, sources, takes, with_source, without

__all__ = [
    "BY_TRAINING",
    "SELECTIONS",
    "Choices",
    "Mixture",
    "Trials",
    "argmax",
    "decided",
    "distinct",
    "draw",
    "enriched",
    "even_design",
    "even_neighbour",
    "greedy",
    "halving",
    "in_slots",
    "known_designs",
    "neighbour",
    "one_hot",
    "ordered",
    "perturbation",
    "rescored",
    "sampled",
    "screened",
    "shallow",
    "sources",
    "takes",
    "with_source",
    "without",
]

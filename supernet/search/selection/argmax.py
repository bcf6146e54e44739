"""The classic rule."""

from __future__ import annotations

from supernet.search.selection.base import SELECTIONS, Choices, Mixture, Trials
from supernet.search.selection.designs import largest
from supernet.space import SearchSpace


@SELECTIONS.register("argmax")
def argmax(space: SearchSpace, mixture: Mixture, trials: Trials) -> list[Choices]:
    """The candidate of the largest weight; of equal ones, the first named. Fixed slots keep their one
    candidate."""
    return [largest(space, mixture)]

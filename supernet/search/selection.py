"""Selection rules: mixture → one candidate for every slot."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

from ops.registry import Registry
from supernet.space import SearchSpace

Selection = Callable[[SearchSpace, Mapping[str, Tensor]], dict[str, str]]
SELECTIONS: Registry[Selection] = Registry("selection rule")


@SELECTIONS.register("argmax")
def argmax(space: SearchSpace, mixture: Mapping[str, Tensor]) -> dict[str, str]:
    """The candidate of the largest weight; of equal ones, the first named. Fixed slots keep their one
    candidate."""
    return {
        slot: names[int(mixture[slot].argmax())] if slot in mixture else names[0]
        for slot, names in space.candidates().items()
    }

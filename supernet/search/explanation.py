"""How a choice came about: what every other candidate of a slot would have cost, with inherited weights."""

from __future__ import annotations

from dataclasses import dataclass

from supernet.search.selection import Choices, Trials
from supernet.space import SearchSpace


@dataclass(frozen=True)
class Explanation:
    """Valid scores with the supernet's weights: of the mixture, of the chosen design, and of that design with
    one slot changed, slot → candidate → score; candidates that were dropped have none."""

    mixture: float
    chosen: float
    swapped: dict[str, dict[str, float]]

    def runner_up(self, slot: str, chosen: str) -> tuple[str, float]:
        """The best other candidate of a slot, and what taking it instead would have cost."""
        others = {name: score for name, score in self.swapped[slot].items() if name != chosen}
        best = max(others, key=lambda name: others[name])
        return best, self.chosen - others[best]


def explain(space: SearchSpace, mixture_score: float, chosen: Choices, trials: Trials) -> Explanation:
    """Score the chosen design and each of its neighbours by one slot; no weight is trained."""
    base = trials.inherited(space, chosen)
    swapped = {
        slot: {
            names[k]: base if names[k] == chosen[slot] else trials.inherited(space, chosen | {slot: names[k]})
            for k in trials.left(slot, len(names))
        }
        for slot, names in space.choices().items()
    }
    return Explanation(mixture_score, base, swapped)

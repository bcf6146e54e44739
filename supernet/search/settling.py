"""What a design loses by being cut out of the mixture, and how soon weights of its own make up for it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supernet.search.averaging import copy_weights
from supernet.search.selection import Choices, Mixture, Trials

if TYPE_CHECKING:
    from supernet.search.loop import Search


LOOKS = 4
"""Rankings of valid in a pass over the train pairs: in a whole pass a design gains some percent at once."""


@dataclass(frozen=True)
class Settled:
    """mixture: its score on valid, with the weights that the search ended with; scores: of the chosen design
    with the same weights, then `looks` times in each epoch that trained it alone; seconds: of these epochs,
    their scores included."""

    mixture: float
    scores: list[float]
    seconds: float
    looks: int = 1

    @property
    def kept(self) -> int:
        """The number of the best score, whose weights were kept."""
        return max(range(len(self.scores)), key=lambda number: self.scores[number])

    @property
    def epochs(self) -> float:
        """After so many the weights were kept."""
        return self.kept / self.looks

    @property
    def inherited_gap(self) -> float:
        r"""The discretisation gap, :math:`s_0 / s_\mathrm{mixture} - 1`; NaN where the mixture scores 0."""
        return self._gap(0)

    @property
    def gap(self) -> float:
        """The same of the weights that were kept."""
        return self._gap(self.kept)

    def _gap(self, number: int) -> float:
        return self.scores[number] / self.mixture - 1.0 if self.mixture else math.nan


def settle(
    search: Search,
    design: Choices,
    mixture: Mixture,
    trials: Trials,
    epochs: int,
    on_step: Callable[[], None] | None = None,
) -> Settled:
    """Train the supernet's weights on under the chosen design alone, until it ranks valid as well as the
    mixture it was chosen from, `epochs` passes over the train pairs at most, with LOOKS looks in each; the
    model has the best weights.

    In a mixture every weight learns beside those of all other candidates, so that a design without these
    scores less than the mixture does. The optimiser goes on with its moments; alphas stay as they are. A loss
    that diverges ends it.
    """
    target, scores = trials.mixed(mixture), [trials.inherited(search.model.space, design)]
    candidates = search.model.space.choices()
    slots = search.model.one_hot({slot: names.index(design[slot]) for slot, names in candidates.items()})
    best, start = [w.detach().clone() for w in search.weights], time.perf_counter()
    batches, looks = len(search.train), min(LOOKS, len(search.train))
    while len(scores) <= epochs * looks and scores[-1] < target:
        part = (len(scores) - 1) % looks
        try:
            for _ in range(part * batches // looks, (part + 1) * batches // looks):
                search.weight_step(slots)
                if on_step is not None:
                    on_step()
        except FloatingPointError:
            break
        scores.append(trials.inherited(search.model.space, design))
        if scores[-1] > max(scores[:-1]):
            best = [w.detach().clone() for w in search.weights]
    copy_weights(best, search.weights)
    return Settled(target, scores, time.perf_counter() - start, looks)

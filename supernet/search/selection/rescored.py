"""Designs judged by short trainings of their own."""

from __future__ import annotations

import itertools

from supernet.search.selection.base import SELECTIONS, Choices, Mixture, Trials, halving, ordered
from supernet.search.selection.designs import (
    distinct,
    draw,
    even_design,
    even_neighbour,
    filled,
    flatter,
    largest,
    neighbour,
)
from supernet.space import SearchSpace

PATHS = 8
"""So many paths are drawn for each place in the pool of `sampled`."""


@SELECTIONS.register("rescored")
def rescored(space: SearchSpace, mixture: Mixture, trials: Trials) -> list[Choices]:
    """A pool of designs by their scores on the valid part, after short trainings of the designs themselves.

    Round 1 trains argmax, the known designs and designs drawn half from the mixture, half from all
    candidates, every other one alike in all layers and on both sides. Round 2 trains the best third of them,
    each with two neighbours (one open slot drawn anew, or one kind of slot everywhere), three times as long;
    these are returned. A mixture can deceive (RobustDARTS: the supernet's own score does not warn of
    collapse); a short training of the design does not.
    Papers: successive halving, arXiv 1502.07943; rescoring of sampled paths, arXiv 1904.00420
    """
    pool = distinct([largest(space, mixture), *trials.known])
    fresh = itertools.cycle([even_design, draw])
    pool = filled(pool, trials.pool, lambda: next(fresh)(space, flatter(mixture), trials.generator))
    pool = ordered(pool, trials, trials.steps)[: max(1, -(-len(pool) // 3))]
    parents = itertools.cycle(itertools.product((even_neighbour, neighbour), pool))

    def near() -> Choices:
        make, parent = next(parents)
        return make(space, mixture, parent, trials.generator)

    pool = filled(pool, 3 * len(pool), near)
    return ordered(pool, trials, 3 * trials.steps)


@SELECTIONS.register("sampled")
def sampled(space: SearchSpace, mixture: Mixture, trials: Trials) -> list[Choices]:
    """Many paths drawn from the mixture, the best of them with inherited weights, then successive halving of
    short trainings among these and the known designs.

    PATHS times `trials.pool` paths are scored by the supernet, as SPOS (arXiv 1904.00420) does.
    """
    paths = filled(
        [largest(space, mixture)],
        PATHS * trials.pool,
        lambda: draw(space, flatter(mixture), trials.generator),
    )
    scores = [trials.inherited(space, path) for path in paths]
    best = [paths[k] for k in sorted(range(len(paths)), key=lambda k: -scores[k])]
    return halving(distinct([*best[: trials.pool], *trials.known]), trials, trials.steps)

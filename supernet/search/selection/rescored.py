"""Designs judged by short trainings of their own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial

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
from supernet.space import SearchSpace, identity_of

BY_TRAINING = ("rescored", "sampled", "screened")
"""The rules here: they judge designs, known ones among them, by trainings of their own."""

PATHS = 8
"""So many designs are drawn for each place in the pool of `sampled`."""

SCREENED = 2
"""And for each in that of `screened`; with more the choices are worse (benchmarks/selection.py)."""

ROUNDS = 3
"""Of short trainings; the rule "two rounds" of benchmarks/selection.py can measure what the last is worth."""

Fill = Callable[[list[Choices], int, Callable[[], Choices]], list[Choices]]
"""(pool, size, a maker of designs) → the pool with new designs up to `size`."""


@SELECTIONS.register("rescored")
def rescored(space: SearchSpace, mixture: Mixture, trials: Trials) -> list[Choices]:
    """A pool of designs by their scores on the valid part, after short trainings of the designs themselves.

    Round 1 trains argmax, the known designs and designs drawn half from the mixture, half from all
    candidates, every other one alike in all layers and on both sides. Round 2 trains the best third of them,
    each with two neighbours (one open slot drawn anew, or one kind of slot everywhere), three times as long;
    round 3 the best third of these, three times as long again. The designs of round 3 are returned, then the
    others of round 2. Of designs that compute the same, one is trained. A mixture can deceive (RobustDARTS:
    the supernet's own score does not warn of collapse); a short training of the design does not.
    Papers: successive halving, arXiv 1502.07943; rescoring of sampled paths, arXiv 1904.00420
    """

    return rounds_of(space, mixture, trials, screen(space, trials, 1))


@SELECTIONS.register("screened")
def screened(space: SearchSpace, mixture: Mixture, trials: Trials) -> list[Choices]:
    """As `rescored`, where the supernet screens what is drawn: SCREENED designs are drawn for each new
    place, and those that rank best on valid with inherited weights are trained.
    Paper: SPOS, arXiv 1904.00420
    """

    return rounds_of(space, mixture, trials, screen(space, trials, SCREENED))


def screen(space: SearchSpace, trials: Trials, draws: int) -> Fill:
    """How a pool is filled: so many designs are drawn for each place, and the best with inherited weights
    are taken; all of them where it is one."""

    def fill(pool: list[Choices], size: int, make: Callable[[], Choices]) -> list[Choices]:
        places, kept = max(0, size - len(pool)), partial(_kept, space, trials)
        drawn = filled(pool, len(pool) + draws * places, make, kept, identity_of(space))[len(pool) :]
        return [*pool, *(_by_inherited(space, drawn, trials)[:places] if draws > 1 else drawn)]

    return fill


def rounds_of(
    space: SearchSpace, mixture: Mixture, trials: Trials, fill: Fill, rounds: int = ROUNDS
) -> list[Choices]:
    """The rounds of `rescored`, with pools filled by `fill`; rounds: 2 leaves the last one out. The designs
    of the last round, the best first, then the others of the one before."""
    pool = distinct([largest(space, mixture), *trials.known], identity_of(space))
    fresh = itertools.cycle([even_design, draw])
    pool = fill(pool, trials.pool, lambda: next(fresh)(space, flatter(mixture), trials.generator))
    pool = ordered(pool, trials, trials.steps)[: max(1, -(-len(pool) // 3))]
    parents = itertools.cycle(itertools.product((even_neighbour, neighbour), pool))

    def near() -> Choices:
        make, parent = next(parents)
        return make(space, mixture, parent, trials.generator)

    pool = ordered(fill(pool, 3 * len(pool), near), trials, 3 * trials.steps)
    last = -(-len(pool) // 3) if rounds == ROUNDS else 0
    return [*ordered(pool[:last], trials, 9 * trials.steps), *pool[last:]]


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
        partial(_kept, space, trials),
        identity_of(space),
    )
    best = _by_inherited(space, paths, trials)[: trials.pool]
    return halving(distinct([*best, *trials.known], identity_of(space)), trials, trials.steps)


def _kept(space: SearchSpace, trials: Trials, design: Choices) -> bool:
    """Whether the supernet still computes all of the design: what was dropped is not drawn again."""
    return not trials.lacks(space, design)


def _by_inherited(space: SearchSpace, designs: Sequence[Choices], trials: Trials) -> list[Choices]:
    """The designs by their scores with inherited weights less their costs, the best first."""
    scores = [trials.inherited(space, design) - trials.cost(design) for design in designs]
    return [designs[k] for k in sorted(range(len(designs)), key=lambda k: -scores[k])]

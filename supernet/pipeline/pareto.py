"""The picture of what the designs of a search cost and how they ranked."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from supernet.report.board import Board
from supernet.report.figures import save_figure
from supernet.report.pareto import MILLISECONDS, PARAMETERS, Point, pareto_figure
from supernet.search.costs import Costs
from supernet.search.explanation import Explanation
from supernet.search.selection import Choices
from supernet.search.settings import SearchSettings
from supernet.space import SearchSpace
from supernet.space.judged import ShortTraining, averaged

TRAINED, INHERITED = "after the short training", "with inherited weights"

UNSCORED = "no design was scored; search.explain=true or search.select=screened scores some"


def scored_designs(
    trained: Sequence[ShortTraining], told: Explanation | None, chosen: Choices
) -> tuple[list[tuple[Choices, float]], str]:
    """Designs with scores that may be compared, and how they were scored: those of the longest short training
    of each; where there was none, the chosen design and its neighbours by one slot."""
    if trained or told is None:
        ordered = sorted(averaged(trained), key=lambda row: row.steps)
        last = {tuple(sorted(row.choices.items())): (row.choices, row.score) for row in ordered}
        return list(last.values()), TRAINED
    near = [
        (chosen | {slot: name}, score)
        for slot, scores in told.swapped.items()
        for name, score in scores.items()
        if name != chosen[slot]
    ]
    return [(chosen, told.chosen), *near], INHERITED


def points_of(designs: Sequence[tuple[Choices, float]], space: SearchSpace, costs: Costs) -> list[Point]:
    """The designs by cost and score, with the candidates of the open slots for a name."""
    slots = space.choices()
    found = []
    for choices, score in designs:
        time, size = costs.of({slot: names.index(choices[slot]) for slot, names in slots.items()})
        found.append(Point(time, size, score, ", ".join(choices[slot] for slot in slots)))
    return found


def cost_drawn(settings: SearchSettings) -> str:
    """The cost that the picture is over: parameters where they alone are weighed, else milliseconds."""
    return PARAMETERS if settings.parameter_weight and not settings.cost_weight else MILLISECONDS


def draw_pareto(
    space: SearchSpace,
    costs: Costs | None,
    cost: str,
    designs: Sequence[tuple[Choices, float]],
    metric: str,
    how: str,
    folder: Path,
    board: Board,
    log: logging.Logger,
) -> None:
    """pareto.png of the run folder where costs are weighed, or a line that says why there is none. cost: that
    is drawn, by name."""
    if costs is None:
        return
    if not designs:
        log.info("no pareto.png: %s", UNSCORED)
        return
    figure = pareto_figure(points_of(designs, space, costs), metric, how, cost)
    save_figure(figure, folder / "pareto.png")
    board.figure(f"score over {cost}", figure, 0)

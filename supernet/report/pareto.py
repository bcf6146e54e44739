"""What is not beaten in cost and score at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

MILLISECONDS, PARAMETERS = "milliseconds", "parameters"

AXES = {
    MILLISECONDS: "milliseconds of its operators, measured one by one",
    PARAMETERS: "parameters of its operators",
}
"""What a cost is, by name."""


class Point(NamedTuple):
    """A design by what it costs and how it ranks; label: what is written beside it on the front."""

    milliseconds: float
    parameters: int
    score: float
    label: str

    def cost(self, name: str) -> float:
        """By name, one of `AXES`."""
        return cast(float, getattr(self, name))


def pareto_front(points: Sequence[Point], cost: str = MILLISECONDS) -> list[Point]:
    """The points that no other beats in this cost, one of `AXES`, and score at once, the cheapest first; of
    equal ones the first."""
    front: list[Point] = []
    for point in sorted(points, key=lambda p: (p.cost(cost), -p.score)):
        if not front or point.score > front[-1].score:
            front.append(point)
    return front


def pareto_figure(
    points: Sequence[Point], metric: str, how: str = "after the short training", cost: str = MILLISECONDS
) -> Figure:
    """All points over this cost, one of `AXES`, sized by the other, and the front as a line. how: they were
    scored, in words. Errors: ValueError without points."""
    if not points:
        raise ValueError("there is no design to draw")
    figure = Figure(figsize=(7.2, 4.4), layout=ConstrainedLayoutEngine())
    FigureCanvasAgg(figure)
    ax = figure.subplots()
    (other,) = AXES.keys() - {cost}
    most = max(point.cost(other) for point in points) or 1
    sizes = [12 + 60 * point.cost(other) / most for point in points]
    ax.scatter([p.cost(cost) for p in points], [p.score for p in points], sizes, color="#9ca3af")
    front = pareto_front(points, cost)
    ax.step([p.cost(cost) for p in front], [p.score for p in front], where="post", color="#8c2981")
    for point in front:
        place = (point.cost(cost), point.score)
        ax.plot(*place, "o", color="#8c2981", markersize=4)
        ax.annotate(point.label, place, (4, -8), textcoords="offset points", fontsize=6)
    ax.set_xlabel(AXES[cost], fontsize=8)
    ax.set_ylabel(f"valid {metric} {how}", fontsize=8)
    return figure

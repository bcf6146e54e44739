"""What is not beaten in cost and score at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine


class Point(NamedTuple):
    """A design by what it costs and how it ranks; label: what is written beside it on the front."""

    milliseconds: float
    parameters: int
    score: float
    label: str


def pareto_front(points: Sequence[Point]) -> list[Point]:
    """The points that no other beats in milliseconds and score at once, the cheapest first; of equal ones the
    first."""
    front: list[Point] = []
    for point in sorted(points, key=lambda p: (p.milliseconds, -p.score)):
        if not front or point.score > front[-1].score:
            front.append(point)
    return front


def pareto_figure(points: Sequence[Point], metric: str, how: str = "after the short training") -> Figure:
    """All points, sized by their parameters, and the front as a line. how: they were scored, in words.
    Errors: ValueError without points."""
    if not points:
        raise ValueError("there is no design to draw")
    figure = Figure(figsize=(7.2, 4.4), layout=ConstrainedLayoutEngine())
    FigureCanvasAgg(figure)
    ax = figure.subplots()
    most = max(1, *(point.parameters for point in points)) if len(points) > 1 else 1
    sizes = [12 + 60 * point.parameters / most for point in points]
    ax.scatter([p.milliseconds for p in points], [p.score for p in points], sizes, color="#9ca3af")
    front = pareto_front(points)
    ax.step([p.milliseconds for p in front], [p.score for p in front], where="post", color="#8c2981")
    for point in front:
        place = (point.milliseconds, point.score)
        ax.plot(*place, "o", color="#8c2981", markersize=4)
        ax.annotate(point.label, place, (4, -8), textcoords="offset points", fontsize=6)
    ax.set_xlabel("milliseconds of its operators, measured one by one", fontsize=8)
    ax.set_ylabel(f"valid {metric} {how}", fontsize=8)
    return figure

"""The picture of search quality: regret over seconds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.search_statistics import interval, mean


def regret_figure(rows: Sequence[dict]) -> Figure:
    """Regret over seconds, a panel a data set: methods as points with their interval, strategies that
    train one design after the other as lines."""
    names = list(dict.fromkeys(row["data"] for row in rows))
    figure = Figure(figsize=(5.6 * len(names), 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    for ax, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        own = [row for row in rows if row["data"] == name]
        draw_methods(ax, [row for row in own if row["kind"] == "method"])
        draw_strategies(ax, [row for row in own if row["kind"] == "strategy"])
        ax.set_title(name, fontsize=10, loc="left")
        ax.set_xscale("log")
        ax.set_xlabel("seconds, at the pace of the table's trainings", fontsize=8)
        ax.set_ylabel("regret", fontsize=8)
    return figure


def draw_methods(ax: Axes, rows: Sequence[dict]) -> None:
    """A point each; its seconds are those that it would have taken when the table was made."""
    for method in dict.fromkeys(row["method"] for row in rows):
        one = [row for row in rows if row["method"] == method]
        x = statistics.fmean(row["seconds"] / row.get("pace", 1.0) for row in one)
        y = mean(one, "regret")
        low, high = interval([row["regret"] for row in one])
        bold = method == "default"
        sides = [[max(0.0, y - low)], [max(0.0, high - y)]]  # it may miss the mean by a rounding error
        size, color = (7, "#8c2981") if bold else (4, "#6b7280")
        ax.errorbar(x, y, sides, fmt="o", markersize=size, color=color, elinewidth=0.8)
        ax.annotate(method, (x, y), (4, 3), textcoords="offset points", fontsize=6)


def draw_strategies(ax: Axes, rows: Sequence[dict]) -> None:
    """A line each, in its interval."""
    for method in dict.fromkeys(row["method"] for row in rows):
        one = [row for row in rows if row["method"] == method]
        x, y, low, high = [], [], [], []
        for k, mark in enumerate(one[0]["seconds"]):
            known = [row["regret"][k] for row in one if row["regret"][k] is not None]
            if known:
                x.append(mark)
                y.append(statistics.fmean(known))
                for side, bound in zip((low, high), interval(known), strict=True):
                    side.append(bound)
        (drawn,) = ax.plot(x, y, linewidth=1, label=f"{method}, trained one by one")
        ax.fill_between(x, low, high, color=drawn.get_color(), alpha=0.12, linewidth=0)
    if rows:
        ax.legend(fontsize=7, frameon=False)

"""The picture of search quality: regret over seconds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.search_groups import by_method, known_well
from benchmarks.search_statistics import interval, mean

DEFAULT, RULE = "default", "rule "
"""Of the methods these have their names beside them; so many others lie upon each other."""

COLORS = {"random": "#4c566a", "evolution": "#d08770", "tpe": "#5e81ac", "reinforce": "#a3be8c"}
"""Of the strategies, in every panel; an adviser has OTHER."""

OTHER, BOLD, PALE = "#b48ead", "#8c2981", "#9ca3af"

LEAST = 1e-3
"""Where the axis of regret begins; it is logarithmic."""


def regret_figure(rows: Sequence[dict]) -> Figure:
    """Regret over seconds, a panel a data set: methods as points, the default and its rules with names and
    intervals; random search at the default's seconds and at three times as many; strategies that train one
    design after the other as lines."""
    names = list(dict.fromkeys(row["data"] for row in rows))
    figure = Figure(figsize=(5.6 * len(names), 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    for ax, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        own = [row for row in rows if row["data"] == name]
        draw_methods(ax, [row for rows in known_well(by_method(own, "method"))[0].values() for row in rows])
        draw_strategies(ax, [row for row in own if row["kind"] == "strategy"])
        ax.set_title(name, fontsize=10, loc="left")
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_ylim(bottom=LEAST)
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
        bold, named = method == DEFAULT, method == DEFAULT or method.startswith(RULE)
        # an interval may miss the mean by a rounding error
        sides = [[max(0.0, y - max(low, LEAST))], [max(0.0, high - y)]] if named else None
        size, color = (7, BOLD) if bold else (4, PALE)
        label = None if named else "other methods"
        ax.errorbar(x, y, sides, fmt="o", ms=size, color=color, elinewidth=0.8, label=label, zorder=2 + bold)
        if named:
            ax.annotate(method, (x, y), (5, 4), textcoords="offset points", fontsize=7, color=color)
        if bold:
            times = {1: "random search, the default's seconds", 3: "random search, three times as many"}
            for factor, mark in ((1, "s"), (3, "D")):
                regret = mean(one, f"random_{factor}")
                ax.plot(factor * x, regret, mark, ms=6, color=COLORS["random"], label=times[factor])


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
        color = COLORS.get(method, OTHER)
        ax.plot(x, y, linewidth=1, color=color, label=f"{method}, trained one by one")
        ax.fill_between(x, [max(v, LEAST) for v in low], high, color=color, alpha=0.12, linewidth=0)
    handles = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))  # each name once
    if handles:
        ax.legend(handles.values(), handles.keys(), fontsize=7, frameon=False, loc="best")

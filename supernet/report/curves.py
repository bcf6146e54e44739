"""Figures of the diagnostics: what a search did over its epochs, and what other choices would have cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from supernet.space.slots import slot_kind

NORMED = ("aggregate", "convolve", "activation", "features", "readout")
"""Kinds of slots whose candidates give vectors of sizes of their own, which are measured."""

NORM = "output norm"

GAP, ENTROPY, EIGENVALUE = "gap: mixture − argmax", "entropy of the mixtures", "dominant eigenvalue"
COSINES, GRADIENTS = "cosine of alpha gradients, layer to layer", "norm of alpha gradients"
OF_ALPHAS = (GAP, ENTROPY, EIGENVALUE, COSINES, GRADIENTS)
"""Charts that say nothing where alphas are not trained."""

CHOSEN, OTHER = "#8c2981", "#9ca3af"


def curves_figure(
    epochs: Sequence[Mapping[str, Any]],
    metric: str,
    candidates: Mapping[str, Sequence[str]],
    learns: bool = True,
) -> Figure:
    """Charts over the epochs: losses, score of mixture and argmax, gap; entropy, eigenvalue, coverage;
    energy and cosine of each layer, cosine of alpha gradients; their norms and those of what candidates give,
    each the mean over the slots of a kind, on a logarithmic axis. candidates: slot → names. learns: False
    leaves out what is told of alphas, where none are trained. Errors: ValueError without epochs."""
    if not epochs:
        raise ValueError("there is no epoch to draw")
    x = [epoch["epoch"] for epoch in epochs]
    open_kinds = {slot_kind(slot) for slot in candidates}
    charts: list[tuple[str, dict[str, list[float | None]]]] = [
        ("loss", {"train": _column(epochs, "train_loss"), "alpha": _moved(epochs)}),
        (f"valid {metric}", _scores(epochs, learns)),
        (GAP, {"": _column(epochs, "gap")}),
        (ENTROPY, {"": _column(epochs, "entropy")}),
        (EIGENVALUE, {"": _column(epochs, "eigenvalue")}),
        ("coverage", {"": _column(epochs, "coverage")}),
        ("Dirichlet energy", _layers(epochs, "energy")),
        ("mean cosine", _layers(epochs, "cosine")),
        (COSINES, _kinds(epochs)),
        *((f"{NORM}, {kind}", _norms(epochs, candidates, kind)) for kind in NORMED if kind in open_kinds),
        (GRADIENTS, _gradients(epochs)),
    ]
    charts = [chart for chart in charts if learns or chart[0] not in OF_ALPHAS]
    rows = -(-len(charts) // 3)
    figure = Figure(figsize=(12.6, 2.4 * rows), layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1))
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, 3).ravel()
    for ax in axes[len(charts) :]:
        ax.remove()
    for ax, (title, lines) in zip(axes, charts, strict=False):
        _draw(ax, title, x, lines)
        if title.startswith(NORM) and ax.lines:  # a sum gives many times what a mean gives
            ax.set_yscale("log")
    return figure


def swaps_figure(
    swapped: Mapping[str, Mapping[str, float]], choices: Mapping[str, str], chosen: float, metric: str
) -> Figure:
    """A row a slot: the score of the design with each candidate there, the chosen one in colour. Errors:
    ValueError without slots."""
    if not swapped:
        raise ValueError("there is no slot to draw")
    size = (8.5, 0.6 + 0.32 * len(swapped))
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine())
    FigureCanvasAgg(figure)
    ax = figure.subplots()
    for place, (slot, scores) in enumerate(swapped.items()):
        for name, score in scores.items():
            own = name == choices[slot]
            ax.plot(score, -place, "o" if own else "|", color=CHOSEN if own else OTHER, markersize=7)
            ax.annotate(name, (score, -place), (0, 5), textcoords="offset points", fontsize=6, ha="center")
    ax.axvline(chosen, color=CHOSEN, linewidth=0.6, alpha=0.5)
    ax.set_yticks([-place for place in range(len(swapped))], list(swapped), fontsize=8)
    ax.set_xlabel(f"valid {metric} with inherited weights", fontsize=8)
    ax.margins(y=0.08)
    return figure


def _column(epochs: Sequence[Mapping[str, Any]], key: str) -> list[float | None]:
    return [epoch[key] for epoch in epochs]


def _scores(epochs: Sequence[Mapping[str, Any]], learns: bool) -> dict[str, list[float | None]]:
    mixture = {"mixture": _column(epochs, "score")}
    return mixture | {"argmax": _column(epochs, "derived_score")} if learns else mixture


def _layers(epochs: Sequence[Mapping[str, Any]], key: str) -> dict[str, list[float | None]]:
    return {f"layer {k}": [epoch[key][k] for epoch in epochs] for k in range(len(epochs[0][key]))}


def _kinds(epochs: Sequence[Mapping[str, Any]]) -> dict[str, list[float | None]]:
    names = dict.fromkeys(name for epoch in epochs for name in epoch["gradient_cosine"])
    return {name: [epoch["gradient_cosine"].get(name) for epoch in epochs] for name in names}


def _moved(epochs: Sequence[Mapping[str, Any]]) -> list[float | None]:
    """The alpha loss, of the epochs after the warm-up."""
    return [epoch["alpha_loss"] if any(epoch["gradient"].values()) else None for epoch in epochs]


def _gradients(epochs: Sequence[Mapping[str, Any]]) -> dict[str, list[float | None]]:
    """Kind of slot → the mean of its slots' norms by epoch; none in the warm-up."""
    found: dict[str, list[float | None]] = {}
    for kind in dict.fromkeys(slot_kind(slot) for epoch in epochs for slot in epoch["gradient"]):
        rows = [[v for slot, v in e["gradient"].items() if slot_kind(slot) == kind] for e in epochs]
        found[kind] = [fmean(row) if any(row) else None for row in rows]
    return found


def _norms(
    epochs: Sequence[Mapping[str, Any]], candidates: Mapping[str, Sequence[str]], kind: str
) -> dict[str, list[float | None]]:
    """Candidate → its norm by epoch, the mean over the slots of the kind that were measured."""
    slots = [slot for slot in candidates if slot_kind(slot) == kind]
    found: dict[str, list[float | None]] = {}
    names = dict.fromkeys(name for slot in slots for name in candidates[slot])
    for name in (name for name in names if name != "none"):  # it sends nothing
        of = [(slot, list(candidates[slot]).index(name)) for slot in slots if name in candidates[slot]]
        sizes = [[epoch["size"][slot][k] for slot, k in of if slot in epoch["size"]] for epoch in epochs]
        rows = [[size for size in row if size is not None] for row in sizes]
        found[name] = [fmean(row) if row else None for row in rows]
    return found


def _draw(ax: Axes, title: str, x: Sequence[int], lines: Mapping[str, Sequence[float | None]]) -> None:
    ax.set_title(title, fontsize=9, loc="left")
    for label, values in lines.items():
        known = [(a, v) for a, v in zip(x, values, strict=True) if v is not None]
        if known:
            ax.plot(*zip(*known, strict=True), marker=".", linewidth=1.2, label=label or None)
    if not ax.lines:
        ax.text(0.5, 0.5, "not measured", fontsize=8, ha="center", transform=ax.transAxes)
    elif any(lines):
        # beside the chart: within it, it would cover lines
        place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.03), "borderaxespad": 0.2}
        ax.legend(fontsize=6, frameon=False, handlelength=1.2, **place)
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    ax.tick_params(labelsize=7)

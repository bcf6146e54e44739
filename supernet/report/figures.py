"""Figures without pyplot, so without a window: the architecture, and the mixtures over time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from supernet.report.architecture import genotype_figure
from supernet.runtime import atomic_path
from supernet.space.judged import Evaluation

__all__ = ["anytime_figure", "genotype_figure", "mixture_figure", "save_figure"]


def anytime_figure(rows: Sequence[Evaluation], metric: str) -> Figure:
    """The best score over the evaluations and over their seconds, and the scores it is the best of. Errors:
    ValueError without rows."""
    if not rows:
        raise ValueError("there is no evaluation to draw")
    figure = Figure(figsize=(8.4, 3.4), layout=ConstrainedLayoutEngine())
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, sharey=True)
    numbers, seconds = list(range(1, len(rows) + 1)), [row.seconds for row in rows]
    for ax, x, name in ((left, numbers, "evaluations"), (right, seconds, "seconds of evaluations")):
        ax.plot(x, [row.score for row in rows], ".", color="0.6", markersize=4, label="evaluation")
        ax.step(x, [row.best for row in rows], where="post", color="#8c2981", label="best so far")
        ax.set_xlabel(name, fontsize=8)
    left.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    left.set_ylabel(f"valid {metric}", fontsize=8)
    figure.legend(
        *left.get_legend_handles_labels(), loc="outside upper right", fontsize=8, frameon=False, ncols=2
    )
    return figure


def mixture_figure(history: Mapping[str, np.ndarray], candidates: Mapping[str, Sequence[str]]) -> Figure:
    """A heat map per slot: its candidates (y) over the epochs (x), coloured by weight from 0 to 1.

    Args: history: slot → weights (T, K), one row per epoch; candidates: slot → its K names.
    Errors: ValueError if there is no slot, or the shape of a slot does not fit its candidates.
    """
    if not history:
        raise ValueError("there is no mixture to draw")
    columns = min(3, len(history))
    rows = math.ceil(len(history) / columns)
    spacing = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.06)
    figure = Figure(figsize=(4.2 * columns, 0.5 + 2.0 * rows), layout=spacing)
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, (slot, weights) in zip(axes, history.items(), strict=False):
        names, weights = list(candidates[slot]), np.asarray(weights, dtype=float)
        if weights.ndim != 2 or weights.shape[1] != len(names):
            raise ValueError(
                f"slot {slot!r} has {len(names)} candidates but a history of shape {weights.shape}"
            )
        span = (0.5, len(weights) + 0.5, len(names) - 0.5, -0.5)  # epochs count from 1
        image = ax.imshow(
            weights.T, aspect="auto", vmin=0, vmax=1, cmap="magma_r", interpolation="nearest", extent=span
        )
        ax.set_title(slot, fontsize=9, loc="left")
        ax.set_yticks(range(len(names)), names, fontsize=8)
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
        ax.tick_params(axis="x", labelsize=8)
    for ax in axes[len(history) :]:
        ax.remove()
    for ax in axes[max(0, len(history) - columns) : len(history)]:
        ax.set_xlabel("epoch", fontsize=8)
    figure.colorbar(image, ax=list(axes[: len(history)]), label="weight", fraction=0.03, pad=0.02, aspect=30)
    return figure


def save_figure(figure: Figure, path: Path, dpi: int = 160) -> None:
    """Write the figure, atomically, in the format of the suffix (.png, .svg, .pdf)."""
    path = Path(path)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format=path.suffix.lstrip("."), dpi=dpi)

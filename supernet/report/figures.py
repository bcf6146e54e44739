"""Figures without pyplot, so without a window: the architecture, and the mixtures over time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from supernet.report.architecture import genotype_figure
from supernet.runtime import atomic_path

__all__ = ["anytime_figure", "genotype_figure", "mixture_figure", "save_figure"]


class Timed(Protocol):
    """An evaluation of a search: its score, the best so far, the seconds so far."""

    @property
    def score(self) -> float: ...

    @property
    def best(self) -> float: ...

    @property
    def seconds(self) -> float: ...


def anytime_figure(rows: Sequence[Timed], metric: str) -> Figure:
    """The best score over the seconds, and the scores it is the best of. Errors: ValueError without rows."""
    if not rows:
        raise ValueError("there is no evaluation to draw")
    figure = Figure(figsize=(6.0, 3.6), layout=ConstrainedLayoutEngine())
    FigureCanvasAgg(figure)
    ax = figure.subplots()
    seconds = [row.seconds for row in rows]
    ax.plot(seconds, [row.score for row in rows], ".", color="0.6", markersize=4, label="evaluation")
    ax.step(seconds, [row.best for row in rows], where="post", color="#8c2981", label="best so far")
    ax.set_xlabel("seconds of evaluations", fontsize=8)
    ax.set_ylabel(f"valid {metric}", fontsize=8)
    ax.legend(fontsize=8, frameon=False)
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
        image = ax.imshow(weights.T, aspect="auto", vmin=0, vmax=1, cmap="magma_r", interpolation="nearest")
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

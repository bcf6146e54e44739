"""The searched architecture as boxes and arrows, bottom to top: features, layers, read-out, score."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from supernet.data.graph import RELATIONS, SIDES

PARTS = ("convolve", "activation")
_SLOT = re.compile(r"layer(?P<layer>\d+)/(?:(?P<side>user|item)/)?(?:(?P<relation>[^/]+)/)?(?P<part>[^/]+)")

_SIGN = {"user": -1, "item": 1, "both": 0}
_INK = {"user": "#2b6cb0", "item": "#b7521e", "both": "#4a5568"}
_FILL = {"user": "#ecf4fc", "item": "#fdf2e9", "both": "#f4f5f7"}
_FADED = "#b8bfc9"

_INCH = 0.72  # of one unit of the axes
_WIDTH, _HEIGHT = 1.9, 0.62  # of a box
_STEP, _GAP = 0.9, 1.2  # from box to box upwards, and from one layer to the next
_MIDDLE, _COLUMN = 1.05, 2.05  # of the first aggregate from the middle, and from column to column
_RAIL = 1.3  # of the line along the edge from the middle of the outermost boxes


@dataclass(frozen=True)
class _Side:
    """One side of a layer. aggregates: relation → choice; parts: "convolve", "activation" → choice."""

    aggregates: dict[str, str] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)


def genotype_figure(choices: Mapping[str, str], title: str = "") -> Figure:
    """Draw a genotype: users left, items right, the layers from bottom to top, messages as crossing arrows.

    Args: choices: slot → candidate, with slots named layer1/user/interactions/aggregate,
    layer1/user/convolve, layer1/user/activation (without user/ or item/ where the sides are tied),
    features/user, readout, score.
    Messages of "interactions" come from the other side, those of any other relation from the same side.
    A slot of another name is listed below the drawing, so that no choice goes unsaid.
    """
    layers, ends, rest = _read(choices)
    columns = max((len(side.aggregates) for sides in layers.values() for side in sides.values()), default=1)
    main = _MIDDLE + _COLUMN * columns  # distance from the middle of what is not a message
    edge = main + _RAIL + 0.35
    figure = Figure()
    FigureCanvasAgg(figure)
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set_axis_off()
    states = [0.0]
    for side in SIDES:
        _box(ax, side, _SIGN[side] * main, 0.0, f"{side} features", ends.get(f"features/{side}", "id"))
    for number, sides in layers.items():
        states.append(_draw_layer(ax, number, sides, states[-1], main))
    top = _draw_ends(ax, ends, states, main)
    bottom = -0.6 - 0.3 * len(rest)
    for line, (slot, choice) in enumerate(rest.items()):
        ax.text(
            0.35 - edge, -0.75 - 0.3 * line, f"{slot}: {choice}", fontsize=8, color=_INK["both"], va="center"
        )
    if title:
        top += 0.55
        ax.text(0.35 - edge, top - 0.1, title, fontsize=12, fontweight="bold", color="#1a202c", va="center")
    ax.set(xlim=(-edge, edge), ylim=(bottom, top + 0.2))
    figure.set_size_inches(2 * edge * _INCH, (top + 0.2 - bottom) * _INCH)
    return figure


def _read(choices: Mapping[str, str]) -> tuple[dict[int, dict[str, _Side]], dict[str, str], dict[str, str]]:
    """Sort the slots into the sides of each layer, the two ends, and the rest."""
    layers: dict[int, dict[str, _Side]] = {}
    ends, rest = {}, {}
    for slot, choice in choices.items():
        found = _SLOT.fullmatch(slot)
        if slot in ("readout", "score") or re.fullmatch(r"(features|readout)/(user|item)", slot):
            ends[slot] = choice
        elif found and (found["part"] == "aggregate" or (found["part"] in PARTS and not found["relation"])):
            sides = layers.setdefault(int(found["layer"]), {side: _Side() for side in SIDES})
            received = RELATIONS.get(found["relation"], SIDES)  # of tied sides
            for side in [found["side"]] if found["side"] else received:
                if found["part"] == "aggregate":
                    sides[side].aggregates[found["relation"] or "interactions"] = choice
                else:
                    sides[side].parts[found["part"]] = choice
        else:
            rest[slot] = choice
    return dict(sorted(layers.items())), ends, rest


def _draw_layer(ax: Axes, number: int, sides: Mapping[str, _Side], below: float, main: float) -> float:
    """Draw one layer above the states at height `below`; returns the height of its own states."""
    convolve = below + _GAP + _STEP
    last = convolve + _STEP * any("activation" in side.parts for side in sides.values())
    _panel(ax, below + _GAP - 0.44, last + 0.42, main + 1.1)
    ax.text(0, last, f"layer {number}", fontsize=10, color=_INK["both"], ha="center", va="center", zorder=3)
    for side, drawn in sides.items():
        x, ink = _SIGN[side] * main, _INK[side]
        _arrow(ax, (x, below + _HEIGHT / 2), (x, convolve - _HEIGHT / 2), ink)
        messages = sorted(drawn.aggregates.items(), key=_interactions_first)
        for column, (relation, choice) in enumerate(messages):
            _draw_message(ax, side, column, relation, choice, below, main)
        _box(ax, side, x, convolve, "convolve", drawn.parts.get("convolve", "–"))
        if "activation" in drawn.parts:
            _box(ax, side, x, last, "activation", drawn.parts["activation"])
            _arrow(ax, (x, convolve + _HEIGHT / 2), (x, last - _HEIGHT / 2), ink)
    return last


def _interactions_first(aggregate: tuple[str, str]) -> bool:
    return aggregate[0] != "interactions"


def _draw_message(
    ax: Axes, side: str, column: int, relation: str, choice: str, below: float, main: float
) -> None:
    """Draw an aggregate box with the arrow into it and the one on to the convolution; "none" is faded."""
    sign, y, dead = _SIGN[side], below + _GAP, choice == "none"
    x = sign * (_MIDDLE + _COLUMN * column)
    source = sign if relation != "interactions" else -sign
    ink_in, ink_out = (_FADED, _FADED) if dead else (_INK["user" if source < 0 else "item"], _INK[side])
    _box(ax, side, x, y, f"aggregate {relation}", choice, dead)
    _arrow(ax, (source * (main - _WIDTH / 2), below + 0.1), (x, y - _HEIGHT / 2), ink_in, dashed=dead)
    end = (sign * (main - _WIDTH / 2), y + _STEP)
    _arrow(ax, (x, y + _HEIGHT / 2), end, ink_out, "angle3,angleA=90,angleB=0", dashed=dead)


def _draw_ends(ax: Axes, ends: Mapping[str, str], states: list[float], main: float) -> float:
    """Draw read-outs and score above the last states; returns the height of the drawing."""
    readout, score = states[-1] + _GAP, states[-1] + _GAP + _STEP
    for side in SIDES:
        sign, ink, choice = _SIGN[side], _INK[side], ends.get(f"readout/{side}", ends.get("readout", "last"))
        edge, rail = sign * (main + _WIDTH / 2), sign * (main + _RAIL)
        _box(ax, side, sign * main, readout, "read-out", choice)
        _arrow(ax, (sign * main, states[-1] + _HEIGHT / 2), (sign * main, readout - _HEIGHT / 2), ink)
        if choice != "last" and len(states) > 1:  # the states of the other layers run along the edge
            for state in states[:-1]:
                ax.plot([edge, rail], [state, state], color=ink, lw=1, alpha=0.6, zorder=1)
            ax.plot([rail, rail], [states[0], readout], color=ink, lw=1, alpha=0.6, zorder=1)
            _arrow(ax, (rail, readout), (edge, readout), ink, width=1)
        start, end = (sign * (main - _WIDTH / 2), readout), (sign * _WIDTH / 4, score - _HEIGHT / 2)
        _arrow(ax, start, end, ink, "angle3,angleA=0,angleB=90")
    _box(ax, "both", 0, score, "score", ends.get("score", "dot"))
    return score + _HEIGHT / 2


def _box(ax: Axes, side: str, x: float, y: float, caption: str, choice: str, faded: bool = False) -> None:
    edge, fill, ink = (_FADED, "white", "#8a94a3") if faded else (_INK[side], _FILL[side], "#1a202c")
    corner, style = (x - _WIDTH / 2, y - _HEIGHT / 2), "round,pad=0,rounding_size=0.13"
    ax.add_patch(FancyBboxPatch(corner, _WIDTH, _HEIGHT, style, fc=fill, ec=edge, lw=1.3, zorder=3))
    place: dict[str, Any] = {"ha": "center", "va": "center", "zorder": 4}
    ax.text(x, y + 0.16, caption, fontsize=6.5, color="#6b7686", **place)
    size = min(10, 140 / max(1, len(choice)))  # a long name still fits its box
    ax.text(x, y - 0.09, choice, fontsize=size, fontweight="bold", color=ink, **place)


def _arrow(
    ax: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    ink: str,
    curve: str = "arc3,rad=0",
    dashed: bool = False,
    width: float = 1.4,
) -> None:
    arrow = FancyArrowPatch(
        start,
        end,
        arrowstyle="-|>",
        connectionstyle=curve,
        mutation_scale=9,
        shrinkA=0,
        shrinkB=0,
        color=ink,
        linewidth=width,
        linestyle="--" if dashed else "-",
        zorder=2,
    )
    ax.add_patch(arrow)


def _panel(ax: Axes, bottom: float, top: float, edge: float) -> None:
    style = "round,pad=0,rounding_size=0.2"
    corner, size = (-edge, bottom), (2 * edge, top - bottom)
    ax.add_patch(FancyBboxPatch(corner, *size, style, fc="#fafbfc", ec="#dfe3e8", zorder=0))

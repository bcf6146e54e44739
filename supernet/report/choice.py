"""Of a run's page: how the choice came about, how sure it is, and what others would have cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from supernet.report.curves import swaps_figure
from supernet.report.markup import svg, table, text
from supernet.report.signs import trains_alphas
from supernet.report.table import metric_label
from supernet.space.judged import ShortTraining
from supernet.space.slots import slot_kind

BEST = 12
"""So many short trainings of each length are shown, and that of the chosen design."""

PARTS = 6
"""So many differences of a design are named."""

THE_CHOSEN = "the chosen design"

Choices = Mapping[str, str]


def short_form(design: Choices, chosen: Choices, slots: Sequence[str]) -> str:
    """A design by where it differs from the chosen one in the open `slots`, kinds and layers that change as
    one in a word: "every convolve=gcn, every layer2 aggregate=none, readout=sum"."""
    parts = []
    for kind in dict.fromkeys(map(slot_kind, slots)):
        own = [slot for slot in slots if slot_kind(slot) == kind]
        if _as_one(own, design, chosen):
            parts.append(f"every {kind}={design[own[0]]}")
            continue
        for layer in dict.fromkeys(slot.partition("/")[0] for slot in own):
            of = [slot for slot in own if slot.startswith(f"{layer}/")]
            if _as_one(of, design, chosen):
                parts.append(f"every {layer} {kind}={design[of[0]]}")
            else:
                parts += [f"{s}={design[s]}" for s in of or own if design[s] != chosen[s]]
    more = [f"{len(parts) - PARTS} more"] if len(parts) > PARTS else []
    return ", ".join(parts[:PARTS] + more) or THE_CHOSEN


def _as_one(slots: Sequence[str], design: Choices, chosen: Choices) -> bool:
    """Whether several slots change, and all are alike."""
    return len({design[slot] for slot in slots}) == 1 and sum(design[s] != chosen[s] for s in slots) > 1


def how_it_came(rows: Sequence[ShortTraining], search: Mapping[str, Any], genotype: Mapping[str, Any]) -> str:
    """The short trainings, the longest first, of each length the best first; "" where there were none."""
    if not rows:
        return ""
    chosen, slots, metric = genotype["choices"], list(search["candidates"]), metric_label(search["metric"])
    weighed = any(row.cost for row in rows)
    head = ["design", "steps", metric, *(["cost", "less cost"] if weighed else []), "margin"]
    lines: list[list[object]] = []
    bold = []
    for steps in sorted({row.steps for row in rows}, reverse=True):
        ranked = sorted((row for row in rows if row.steps == steps), key=lambda row: -row.value)
        own = next((row for row in ranked if row.choices == chosen), None)
        for place, row in enumerate(ranked):
            if place >= BEST and row is not own:
                continue
            if row is own:
                bold.append(len(lines))
            margin = "" if own is None or row is own else f"{row.value - own.value:+.4f}"
            costs = [f"{row.cost:.4f}", f"{row.value:.4f}"] if weighed else []
            lines.append([short_form(row.choices, chosen, slots), steps, f"{row.score:.4f}", *costs, margin])
    left = len(rows) - len(lines)
    rest = f'<p class="quiet">{left} more ranked lower.</p>' if left else ""
    less = " less what it costs" if weighed else ""
    most = max(row.repeat for row in rows) + 1
    less += f", the mean of {most} trainings where they decide" if most > 1 else ""
    return (
        f"<h2>How the choice came about</h2><p>{len(rows)} short trainings: each design was trained anew for "
        f"so many steps and ranked by its valid {text(metric)}{less}; those of the most steps decide. A "
        "design is told by where it differs from the chosen one; its margin is to that one after as many "
        f"steps.</p>{table(head, lines, ('design',), bold)}{rest}"
    )


def how_sure(rows: Sequence[ShortTraining], search: Mapping[str, Any], genotype: Mapping[str, Any]) -> str:
    """The margin of the short trainings; where alphas were trained, entropy and weights of every slot."""
    sentences = _margin(rows, search, genotype) + _weights(search, genotype)
    return f"<h2>How sure it is</h2>{sentences}" if sentences else ""


def _margin(rows: Sequence[ShortTraining], search: Mapping[str, Any], genotype: Mapping[str, Any]) -> str:
    chosen = genotype["choices"]
    steps = max((row.steps for row in rows if row.choices == chosen), default=0)
    if not steps:
        return ""
    round_ = [row for row in rows if row.steps == steps]
    own = next(row for row in round_ if row.choices == chosen)
    others = [row for row in round_ if row is not own]
    if not others:
        return f"<p>The chosen design alone was trained for {steps} steps.</p>"
    second = max(others, key=lambda row: row.value)
    margin, less = own.value - second.value, " less its cost" if own.cost else ""
    share = f" ({margin / own.score:+.1%})" if own.score > 0 else ""
    other = short_form(second.choices, chosen, list(search["candidates"]))
    often = "one training each" if own.repeat == 0 else f"{own.repeat + 1} trainings each, on average"
    return (
        f"<p>After {steps} steps the chosen design has {own.value:.4f} valid {text(search['metric'])}{less}, "
        f"the best of {len(others)} other{'s' * (len(others) > 1)} {second.value:.4f}: a margin of "
        f"{margin:+.4f}{share}, of {often}. That other has {text(other)}.</p>"
    )


def _weights(search: Mapping[str, Any], genotype: Mapping[str, Any]) -> str:
    if not trains_alphas(search) or not genotype["mixture"]:
        return ""
    lines, against = [], 0
    for slot, weights in genotype["mixture"].items():
        name = genotype["choices"][slot]
        second = max((other for other in weights if other != name), key=lambda other: weights[other])
        against += weights[second] > weights[name]
        told = f"{weights[name]:.2f}", second, f"{weights[second]:.2f}", f"{entropy(weights):.2f}"
        lines.append([slot, name, *told])
    head = ["slot", "chosen", "weight", "runner-up", "its weight", "entropy"]
    return (
        f"<p>The mixture gives another candidate more weight than the chosen one in {against} of "
        f"{len(lines)} slots. Entropy is 1 where a slot is undecided, 0 where it is decided.</p>"
        f"{table(head, lines, ('slot', 'chosen', 'runner-up'))}"
    )


def entropy(weights: Mapping[str, float]) -> float:
    r""":math:`-\sum_k p_k \log p_k / \log K` of the shares p of at least two weights."""
    total = sum(weights.values())
    shares = [weight / total for weight in weights.values() if weight > 0]
    return -sum(p * math.log(p) for p in shares) / math.log(len(weights))


def swaps(search: Mapping[str, Any], genotype: Mapping[str, Any]) -> str:
    """What the runner-up of each slot would have cost with inherited weights; "" where none was asked."""
    found, metric = search["explanation"], metric_label(search["metric"])
    if found is None:
        return ""
    lines = []
    for slot, scores in found["swapped"].items():
        chosen = genotype["choices"][slot]
        others = {name: score for name, score in scores.items() if name != chosen}
        best = max(others, key=lambda name: others[name])
        lines.append([slot, chosen, best, f"{others[best]:.4f}", f"{found['chosen'] - others[best]:+.4f}"])
    figure = svg(swaps_figure(found["swapped"], genotype["choices"], found["chosen"], search["metric"]))
    head = ["slot", "chosen", "runner-up", "its score", "cost"]
    return (
        "<h2>What the runner-up would have cost</h2>"
        f"<p>Valid {text(metric)} with the supernet's weights, one slot changed at a time; the "
        f"chosen design has {found['chosen']:.4f}, the mixture {found['mixture']:.4f}. Inherited weights "
        "rank less surely than training does: a cost below zero says that the supernet preferred another.</p>"
        f"{table(head, lines, ('slot', 'chosen', 'runner-up'))}{figure}"
    )


def settling(search: Mapping[str, Any]) -> str:
    """From the mixture to the chosen design with inherited weights, and to weights of its own; "" where the
    search did not settle."""
    found = search.get("settled")
    if found is None or not found["mixture"]:
        return ""
    mixture, scores, looks = found["mixture"], found["scores"], found.get("looks", 1)
    best = max(range(len(scores)), key=lambda number: scores[number])
    lines = [["the mixture", f"{mixture:.4f}", ""]]
    for number, score in enumerate(scores):
        epochs = number / looks
        word = "epoch" if epochs == 1 else "epochs"
        name = f"after {epochs:g} {word} of its own" if epochs else "the design, inherited weights"
        lines.append([name, f"{score:.4f}", f"{score / mixture - 1:+.1%}"])
    head = ["", metric_label(search["metric"]), "gap"]
    return (
        "<h2>From the mixture to the design</h2>"
        "<p>On valid. Every weight learnt beside those of all other candidates; under the design alone they "
        f"were trained on until it ranks as well as the mixture, {found['seconds']:.1f} s, and the best are "
        f"kept.</p>{table(head, lines, chosen=[1 + best])}"
    )

"""One self-contained HTML page about a run, from the files in its folder."""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from supernet.report.curves import curves_figure, swaps_figure
from supernet.report.figures import genotype_figure, mixture_figure
from supernet.runtime import InputError, write_text

SEARCH = "search.json"
"""What train.py leaves for this page: the epochs, the explanation, the candidates."""

DECIDED = 0.5
"""Entropy (1: undecided) above which a mixture is called undecided."""

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2937; max-width: 980px; margin: 2rem auto }
body { padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.2rem; border-bottom: 1px solid #d1d5db }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13px }
td, th { padding: .2rem .7rem; border-bottom: 1px solid #e5e7eb; text-align: right }
td:first-child, th:first-child, td.word, th.word { text-align: left }
tr.chosen td { font-weight: 600 } img { max-width: 100% } .warn { color: #9a3412 } .quiet { color: #6b7280 }
code { background: #f3f4f6; padding: 0 .2rem }
"""


def write_report(folder: Path) -> Path:
    """Write report.html into a run folder and return its path.

    Errors: InputError where the folder holds no finished search.
    """
    search, genotype = _read(folder / SEARCH), _read(folder / "genotype.json")
    metrics = _read(folder / "metrics.json") if (folder / "metrics.json").is_file() else None
    parts = [
        _head(folder, search, genotype),
        _warnings(search, genotype),
        _design(search, genotype),
        _history(search),
        _swaps(search, genotype),
        _numbers(search),
        _result(metrics),
    ]
    title = f"{folder.name} · {genotype['hash']}"
    page = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body>\n" + "\n".join(filter(None, parts)) + "\n</body></html>\n"
    )
    write_text(folder / "report.html", page)
    return folder / "report.html"


def signs_of_collapse(search: Mapping[str, Any], genotype: Mapping[str, Any]) -> list[str]:
    """What is to be distrusted, in sentences; none where nothing is seen."""
    found, epochs = [], search["epochs"]
    metric = search["metric"]
    if epochs:
        last = epochs[-1]
        if last["entropy"] > DECIDED:
            found.append(
                f"The mixture is undecided: its entropy is {last['entropy']:.2f} of 1 at the end, so its "
                "argmax is close to a draw."
            )
        if last["score"] > 0 and abs(last["gap"]) > 0.02 * last["score"]:
            found.append(
                f"The gap is {last['gap']:+.4f} {metric} ({last['gap'] / last['score']:+.0%}): the argmax "
                "with inherited weights does not rank as the mixture does."
            )
        eigenvalues = [e["eigenvalue"] for e in epochs if e["eigenvalue"] is not None]
        if len(eigenvalues) > 1 and abs(eigenvalues[-1]) > 1.5 * abs(eigenvalues[0]):
            found.append(
                f"The dominant eigenvalue rose from {eigenvalues[0]:.3g} to {eigenvalues[-1]:.3g}: a sign "
                "that goes before a collapse."
            )
        if last["cosine"] and last["cosine"][-1] > 0.9:
            found.append(f"The last layer is over-smoothed: its mean cosine is {last['cosine'][-1]:.2f}.")
    idle = [slot for slot, name in genotype["choices"].items() if _idle(slot, name)]
    if idle:
        slots = ", ".join(idle)
        found.append(
            f"These slots pass on nothing new: {slots}. Where that is depth left out, it is no harm."
        )
    return found


def _idle(slot: str, name: str) -> bool:
    return (slot.endswith("aggregate") and name == "none") or (slot.endswith("convolve") and name == "skip")


def _head(folder: Path, search: Mapping[str, Any], genotype: Mapping[str, Any]) -> str:
    candidates = search["candidates"]
    size = 1
    for names in candidates.values():
        size *= len(names)
    rows = [
        ("data", search["data"]),
        ("space", f"{size:,} designs in {len(candidates)} open slots, {genotype['layers']} layers"),
        ("strategy", search["strategy"] + _advice(search.get("advisor"))),
        ("seconds", f"{genotype['metrics'].get('seconds', 0):.0f}"),
        ("seed", genotype["seed"]),
    ]
    cells = "".join(
        f'<tr><td class="word">{_text(k)}</td><td class="word">{_text(v)}</td></tr>' for k, v in rows
    )
    return f"<h1>{_text(folder.name)}: how the architecture was found</h1>\n<table>{cells}</table>"


def _advice(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return ""
    return f": {found['requests']} requests, {found['random']} designs drawn in place of invalid ones"


def _warnings(search: Mapping[str, Any], genotype: Mapping[str, Any]) -> str:
    found = signs_of_collapse(search, genotype)
    if not found:
        return "<h2>What to distrust</h2><p>No sign of collapse was seen.</p>"
    items = "".join(f'<li class="warn">{_text(sentence)}</li>' for sentence in found)
    return f"<h2>What to distrust</h2><ul>{items}</ul>"


def _design(search: Mapping[str, Any], genotype: Mapping[str, Any]) -> str:
    picture = _svg(genotype_figure(genotype["choices"], f"genotype {genotype['hash']}"))
    others = genotype["runners_up"]
    lines = "".join(
        f"<li>{_text(', '.join(f'{s}={n}' for s, n in design.items() if genotype['choices'][s] != n))}</li>"
        for design in others
    )
    differ = f"<p>The designs that came next, where they differ:</p><ol>{lines}</ol>" if others else ""
    return f"<h2>The design</h2>{picture}{differ}"


def _history(search: Mapping[str, Any]) -> str:
    epochs, candidates = search["epochs"], search["candidates"]
    if not epochs:
        return ""
    mixtures = {slot: np.array([epoch["mixture"][slot] for epoch in epochs]) for slot in candidates}
    heat = _svg(mixture_figure(mixtures, candidates))
    lines = _svg(curves_figure(epochs, search["metric"], candidates))
    return f"<h2>The search, epoch by epoch</h2>{lines}<h2>Mixtures</h2>{heat}"


def _swaps(search: Mapping[str, Any], genotype: Mapping[str, Any]) -> str:
    found = search["explanation"]
    if found is None:
        return ""
    rows = []
    for slot, scores in found["swapped"].items():
        chosen = genotype["choices"][slot]
        others = {name: score for name, score in scores.items() if name != chosen}
        best = max(others, key=lambda name: others[name])
        loss = found["chosen"] - others[best]
        weights = genotype["mixture"].get(slot, {})
        weight = f"{weights[chosen]:.2f}" if chosen in weights else ""
        rows.append(
            f'<tr><td>{_text(slot)}</td><td class="word">{_text(chosen)}</td><td>{weight}</td>'
            f'<td class="word">{_text(best)}</td><td>{others[best]:.4f}</td><td>{loss:+.4f}</td></tr>'
        )
    figure = _svg(swaps_figure(found["swapped"], genotype["choices"], found["chosen"], search["metric"]))
    return (
        "<h2>What the runner-up would have cost</h2>"
        f"<p>Valid {_text(search['metric'])} with the supernet's weights, one slot changed at a time; the "
        f"chosen design has {found['chosen']:.4f}, the mixture {found['mixture']:.4f}. Inherited weights "
        "rank less surely than training does: a cost below zero says that the supernet preferred another.</p>"
        '<table><tr><th>slot</th><th class="word">chosen</th><th>weight</th><th class="word">runner-up</th>'
        f"<th>its score</th><th>cost</th></tr>{''.join(rows)}</table>{figure}"
    )


def _numbers(search: Mapping[str, Any]) -> str:
    epochs = search["epochs"]
    if not epochs:
        return ""
    keys = ("train_loss", "alpha_loss", "score", "derived_score", "gap", "entropy", "coverage", "seconds")
    head = "".join(f"<th>{_text(key.replace('_', ' '))}</th>" for key in ("epoch", *keys))
    body = "".join(
        f"<tr><td>{epoch['epoch']}</td>" + "".join(f"<td>{epoch[key]:.4f}</td>" for key in keys) + "</tr>"
        for epoch in epochs
    )
    return f"<h2>All epochs</h2><table><tr>{head}</tr>{body}</table>"


def _result(metrics: Mapping[str, Any] | None) -> str:
    if metrics is None:
        return '<h2>On the test part</h2><p class="quiet">Not derived yet: run derive.py on this folder.</p>'
    rows = []
    for name, model in metrics["models"].items():
        values = model["metrics"]["ndcg@20"]
        p = metrics["holm_p"].get(name)
        rows.append(
            f'<tr class="{"chosen" if name == "derived" else ""}"><td>{_text(name)}</td>'
            f"<td>{sum(values) / len(values):.4f}</td><td>{len(values)}</td><td>{model['seconds']:.0f}</td>"
            f'<td>{"" if p is None else f"{p:.2g}"}</td><td class="word">{_text(model["note"])}</td></tr>'
        )
    return (
        f"<h2>On the test part</h2><p>{_text(metrics['protocol']['sentence'])}.</p>"
        f"<p>{_text(metrics['verdict'])}</p>"
        "<table><tr><th>model</th><th>NDCG@20</th><th>seeds</th><th>seconds</th><th>Holm p</th>"
        f'<th class="word">recipe</th></tr>{"".join(rows)}</table>'
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; give run=<folder of a finished train.py>") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    return found


def _svg(figure: Figure) -> str:
    """The figure as an image in the page itself."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg")
    encoded = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f'<p><img alt="" src="data:image/svg+xml;base64,{encoded}"></p>'


def _text(value: object) -> str:
    return html.escape(str(value))

"""One self-contained HTML page about a run, from the files in its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from supernet.report.choice import how_it_came, how_sure, settling, short_form, swaps
from supernet.report.curves import curves_figure
from supernet.report.figures import anytime_figure, genotype_figure, mixture_figure
from supernet.report.markup import pairs, svg, table, text
from supernet.report.searched import read_config, what_was_searched
from supernet.report.signs import not_looked_at, signs_of_collapse, trains_alphas
from supernet.report.table import metric_label
from supernet.runtime import InputError, read_rows, write_text
from supernet.space.judged import EVALUATIONS, SELECTION, Evaluation, ShortTraining, averaged

SEARCH = "search.json"
"""What train.py leaves for this page: the epochs, the explanation, the candidates."""

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

    Errors: InputError where the folder holds no finished search, or a file of it cannot be read.
    """
    search, genotype = _read(folder / SEARCH), _read(folder / "genotype.json")
    metrics = _read(folder / "metrics.json") if (folder / "metrics.json").is_file() else None
    trained = averaged(read_rows(folder / SELECTION, ShortTraining, "a training of a selection"))
    evaluations = read_rows(folder / EVALUATIONS, Evaluation, "an evaluation")
    parts = [
        _head(folder, search, genotype),
        what_was_searched(read_config(folder), search, genotype),
        _warnings(search, genotype),
        _design(search, genotype),
        how_it_came(trained, search, genotype),
        how_sure(trained, search, genotype),
        _history(search, evaluations),
        swaps(search, genotype),
        settling(search),
        _numbers(search),
        _result(search, metrics),
    ]
    title = f"{folder.name} · {genotype['hash']}"
    page = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{text(title)}</title>'
        f"<style>{_STYLE}</style></head><body>\n" + "\n".join(filter(None, parts)) + "\n</body></html>\n"
    )
    write_text(folder / "report.html", page)
    return folder / "report.html"


def _head(folder: Path, search: Mapping[str, Any], genotype: Mapping[str, Any]) -> str:
    seconds = f"{genotype['metrics'].get('seconds', 0):.0f}"
    rows = [("data", search["data"]), ("seconds", seconds), ("seed", genotype["seed"])]
    return f"<h1>{text(folder.name)}: how the architecture was found</h1>\n{pairs(rows)}"


def _warnings(search: Mapping[str, Any], genotype: Mapping[str, Any]) -> str:
    found, left = signs_of_collapse(search, genotype), " ".join(not_looked_at(search))
    items = "".join(f'<li class="warn">{text(sentence)}</li>' for sentence in found)
    told = f"<ul>{items}</ul>" if found else "<p>No sign of collapse was seen.</p>"
    return f"<h2>What to distrust</h2>{told}" + (f"<p>{text(left)}</p>" if left else "")


def _design(search: Mapping[str, Any], genotype: Mapping[str, Any]) -> str:
    picture = svg(genotype_figure(genotype["choices"], f"genotype {genotype['hash']}"))
    others, chosen, slots = genotype["runners_up"], genotype["choices"], list(search["candidates"])
    lines = "".join(f"<li>{text(short_form(design, chosen, slots))}</li>" for design in others)
    differ = f"<p>The designs that came next, where they differ:</p><ol>{lines}</ol>" if others else ""
    return f"<h2>The design</h2>{picture}{differ}"


def _history(search: Mapping[str, Any], evaluations: Sequence[Evaluation]) -> str:
    """Curves of the epochs; the mixtures over time where alphas were trained, else the anytime curve."""
    epochs, candidates, metric = search["epochs"], search["candidates"], search["metric"]
    learns, found = trains_alphas(search), ""
    if evaluations:
        first = next(number for number, row in enumerate(evaluations, 1) if row.best == evaluations[-1].best)
        found += (
            f"<h2>The search, evaluation by evaluation</h2><p>{len(evaluations)} evaluations in "
            f"{evaluations[-1].seconds:.1f} s; the best, number {first}, has {evaluations[-1].best:.4f} "
            f"{text(metric_label(metric))}.</p>{svg(anytime_figure(evaluations, metric))}"
        )
    if epochs:
        name = "The search" if learns else "The supernet"
        found += f"<h2>{name}, epoch by epoch</h2>{svg(curves_figure(epochs, metric, candidates, learns))}"
    if epochs and learns:
        found += _kept(search)
        mixtures = {slot: np.array([epoch["mixture"][slot] for epoch in epochs]) for slot in candidates}
        found += f"<h2>Mixtures</h2>{svg(mixture_figure(mixtures, candidates))}"
    return found


def _kept(search: Mapping[str, Any]) -> str:
    """Which epoch was taken, and what the search went back from."""
    taken, last = search.get("taken"), len(search["epochs"])
    told = [f"Epoch {taken} of {last} was taken, with the mixture that it ended with."] if taken else []
    if search.get("frozen"):
        told.append(
            f"At the end of epoch {search['frozen']} the mixture ranked so much worse than at its best "
            "(search.alpha_drop) that the alphas went back to that epoch's and moved no more."
        )
    if search.get("stopped"):
        told.append(
            "The search stopped early, as the dominant eigenvalue rose (search.eigenvalue_stop), and went "
            "back."
        )
    return f"<p>{' '.join(told)}</p>" if told else ""


def _numbers(search: Mapping[str, Any]) -> str:
    epochs = search["epochs"]
    if not epochs:
        return ""
    keys = ["train_loss", "score", "coverage", "seconds"]
    if trains_alphas(search):
        keys[1:2] = ["alpha_loss", "score", "derived_score", "gap", "entropy"]
    head = ["epoch", *(key.replace("_", " ") for key in keys)]
    rows = [[epoch["epoch"], *(_number(epoch[key]) for key in keys)] for epoch in epochs]
    bold = [search["taken"] - 1] if search.get("taken") else []
    return f"<h2>All epochs</h2>{table(head, rows, (), bold)}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _result(search: Mapping[str, Any], metrics: Mapping[str, Any] | None) -> str:
    if metrics is None:
        return '<h2>On the test part</h2><p class="quiet">Not derived yet: run derive.py on this folder.</p>'
    rows: list[list[object]] = []
    for name, model in metrics["models"].items():
        values, p = model["metrics"].get(search["metric"], []), metrics["holm_p"].get(name)
        score = f"{fmean(values):.4f}" if values else "–"
        told = "" if p is None else f"{p:.2g}"
        rows.append([name, score, len(values), f"{model['seconds']:.0f}", told, model["note"]])
    head = ["model", metric_label(search["metric"]), "seeds", "seconds", "Holm p", "recipe"]
    chosen = [number for number, name in enumerate(metrics["models"]) if name == "derived"]
    return (
        f"<h2>On the test part</h2><p>{text(metrics['protocol']['sentence'])}.</p>"
        f"<p>{text(metrics['verdict'])}</p>{table(head, rows, ('recipe',), chosen)}"
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; give run=<folder of a finished train.py>") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    return found

"""Tables and the picture of search_quality.jsonl, for benchmarks/README.md."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.lines import read_lines
from benchmarks.search_figure import regret_figure
from benchmarks.search_statistics import (
    below,
    gaps,
    idle_share,
    interval,
    kappas,
    loss_correlation,
    mean,
    tau,
)
from benchmarks.table_search import table_space
from supernet.report.figures import save_figure
from supernet.runtime import InputError, write_text
from supernet.search.tabular import FILE, Table, load_tables

RESULTS = "search_quality.jsonl"
PICTURE = "search_quality.png"
GAP = 0.02
"""So far from the mixture's score, relative, the default's settled design may be."""

NONE = "–"
RANDOM = "random"

SEARCHES = (
    "`python benchmarks/search_quality.py data=NAME` on the tabular benchmark "
    "(benchmarks/tabular.py), one thread. Regret: how far the test NDCG@20 of the chosen design, "
    "tuned, is below that of the best of all designs; rank: the share of designs that are better; "
    "both are means over the seeds, regret with its 95 % bootstrap interval. Seconds are of the "
    "whole search, with pre-training, measured costs and selection. Random search draws design and "
    "recipe together, keeps what ranks best on valid, and gets the seconds of the search, "
    "once and three times, in trainings as long as they are now (some of the table's are timed again "
    "for every seed); p: Wilcoxon, the search's regret below that of random search at "
    "three times its seconds. Rows `rule …` are other selection rules on the default's supernet; "
    "a rule after a comma is one on that method's."
)
"""Above the tables of searches that were run."""

STRATEGIES = (
    "`python benchmarks/search_quality.py strategies` on the tabular benchmark alone: an evaluation is one "
    "of the table's trainings of the design that is asked for, its recipe drawn; seconds are those of the "
    "trainings, summed (one thread, beside other jobs). Regret: how far the test NDCG@20, tuned, of the "
    "design that ranks best on valid so far is below that of the best of all designs; means over the seeds, "
    "with 95 % bootstrap intervals."
)
"""Below the table of strategies."""

Groups = dict[str, list[dict]]


def write_tables(paths: Sequence[Path], results: Path, table: Path = FILE) -> None:
    """Collect the rows of the files in the folder `results`, with the picture of regret over seconds;
    print the tables. Errors: InputError where there is no row."""
    rows = list({key(row): row for path in paths for row in read_lines(path)}.values())
    if not rows:
        raise InputError("out: there is no row; run search_quality.py data=NAME with the same out first")
    write_text(results / RESULTS, "".join(json.dumps(row) + "\n" for row in rows))
    save_figure(regret_figure(rows), results / PICTURE)
    print("\n".join(search_tables(results / RESULTS, table)))


def key(row: dict) -> tuple:
    """What a row is of; there is one of each."""
    return row["kind"], row["data"], row["method"], row["seed"], row.get("model")


def search_tables(path: Path, table: Path = FILE) -> list[str]:
    """Markdown lines; none where there is no file. table: whose agreement with itself is the ceiling."""
    rows = read_lines(path)
    if not rows:
        return []
    parts = ["", "## Search quality", "", f"![regret over seconds](results/{PICTURE})"]
    if any(row["kind"] != "strategy" for row in rows):
        parts += ["", SEARCHES]
    tables = load_tables(table) if table.is_file() else {}
    for name in dict.fromkeys(row["data"] for row in rows):
        own = [row for row in rows if row["data"] == name]
        found = by_method(own, "method")
        parts += ["", f"### {name}"]
        for lines in (
            methods(found),
            discretisation(found),
            agreement(found),
            collapse(found),
            rankings(by_method(own, "ranking"), tables.get(name)),
            strategies(by_method(own, "strategy")),
        ):
            parts += ["", *lines] if lines else []
    return parts


def by_method(rows: Sequence[dict], kind: str) -> Groups:
    """Method → its rows of a kind; an adviser's by its model."""
    found: Groups = {}
    for row in rows:
        if row["kind"] == kind:
            model = row.get("model")
            found.setdefault(f"{row['method']} ({model})" if model else row["method"], []).append(row)
    return found


def line(*cells: object) -> str:
    """A row of Markdown."""
    return "| " + " | ".join(map(str, cells)) + " |"


def head(*cells: str) -> list[str]:
    """The head of a table whose first column is of words."""
    return [line(*cells), "| --- |" + " ---: |" * (len(cells) - 1)]


def methods(found: Groups) -> list[str]:
    """One line a method, the smallest regret first."""
    if not found:
        return []
    names = ("seeds", "regret", "rank", "in the top 5 %", "seconds", "random", "random × 3", "p")
    lines = head("method", *names)
    for method, own in sorted(found.items(), key=lambda pair: mean(pair[1], "regret")):
        top = sum(row["rank"] < 0.05 for row in own)
        lines.append(
            line(
                *(method, len(own), with_interval([row["regret"] for row in own])),
                *(f"{mean(own, 'rank'):.3f}", f"{top} of {len(own)}", f"{mean(own, 'seconds'):.0f}"),
                *(f"{mean(own, 'random_1'):.3f}", f"{mean(own, 'random_3'):.3f}"),
                f"{below([row['regret'] - row['random_3'] for row in own]):.2g}",
            )
        )
    return lines


def discretisation(found: Groups) -> list[str]:
    """From the mixture to the chosen design with inherited weights, settled, and trained; whether the
    default keeps within GAP."""
    shown = {method: own for method, own in found.items() if gaps(own)}
    if not shown:
        return []
    stages = "mixture", "inherited", "settled", "retrained"
    lines = head(
        *("NDCG@20 on valid", "mixture", "design, inherited", "design, settled", "design, trained"),
        *("gap", "gap, settled", "gap, settled, absolute"),
    )
    for method, own in shown.items():
        scores = [mean(own, f"{stage}_score") if gaps(own, stage) else None for stage in stages]
        told = [f"{score:.4f}" if score is not None else NONE for score in scores]
        values, settled = gaps(own), gaps(own, "settled")
        sizes = [f"{statistics.fmean(values):+.1%}", NONE, NONE]
        if settled:
            sizes[1:] = f"{statistics.fmean(settled):+.1%}", f"{statistics.fmean(map(abs, settled)):.1%}"
        lines.append(line(method, *told, *sizes))
    text = (
        "Gap: of the design with inherited weights over the mixture it was chosen from, relative; means "
        "over seeds. Settled: after epochs of the design alone from those weights, as many as it takes to "
        "rank as the mixture does, and search.settle at most; their seconds count. A mixture that was kept "
        "or gone back to is scored with the weights that the supernet ended with; that of a strategy is "
        "even. The trained score is the table's, tuned, on train and alpha pairs."
    )
    if "default" in shown and (settled := gaps(shown["default"], "settled")):
        size = statistics.fmean(map(abs, settled))
        verdict = "reached" if size <= GAP else "missed"
        raw = statistics.fmean(map(abs, gaps(shown["default"])))
        text += (
            f" Aim: {GAP:.0%} with the default rule, absolute; found {size:.1%} settled: {verdict}; "
            f"{raw:.1%} before."
        )
    return [*lines, "", text]


def agreement(found: Groups) -> list[str]:
    """Kappa of the seeds on each slot, and the mean over slots."""
    sizes = {slot: len(names) for slot, names in table_space().choices().items()}
    shown = {method: own for method, own in found.items() if len(own) > 1}
    if not shown:
        return []
    lines = head("agreement of seeds, κ", *sizes, "mean")
    for method, own in shown.items():
        values = list(kappas([row["choices"] for row in own], sizes).values())
        lines.append(line(method, *(f"{value:.2f}" for value in (*values, statistics.fmean(values)))))
    text = (
        "κ = (P̄ − 1/K) / (1 − 1/K), P̄ the share of pairs of seeds that chose the same of K candidates "
        "(free-marginal kappa, Randolph 2005). Of designs that compute the same, all count as the first."
    )
    return [*lines, "", text]


def collapse(found: Groups) -> list[str]:
    """How decided the mixture is, what idles in the design, whether the alpha loss tells of ranking."""
    if not found:
        return []
    lines = head("method", "entropy", "share of none and skip", "correlation of alpha loss and NDCG@20")
    for method, own in found.items():
        correlation = loss_correlation(own)
        decided = NONE if own[0]["entropy"] is None else f"{mean(own, 'entropy'):.2f}"
        idle = statistics.fmean(idle_share(row["choices"]) for row in own)
        lines.append(
            line(method, decided, f"{idle:.2f}", NONE if correlation is None else f"{correlation:+.2f}")
        )
    text = "Correlation: Spearman's, over the epochs of a search, −1 at best; mean over seeds."
    return [*lines, "", text]


def rankings(found: Groups, table: Table | None) -> list[str]:
    """Kendall's tau between supernet and table, and the ceilings that noise sets."""
    if not found:
        return []
    lines = head("Kendall's tau-b of supernet and table", "valid", "test", "valid, best quarter")
    for method, own in found.items():
        keys = ("tau_valid", "tau_test", "tau_top")
        lines.append(line(method, *(f"{mean(own, name):.3f}" for name in keys)))
    limits = {} if table is None else ceilings(table)
    return lines + [line(f"ceiling: {label}", *cells) for label, cells in limits.items()]


def ceilings(table: Table) -> dict[str, list[str]]:
    """How well the table agrees with itself, in the columns of `rankings`: seed with seed, where designs
    have two, and valid with test."""
    keys = [design for design in table.trainings if len(table.best[design]) >= 2]
    if len(keys) < 2:
        return {}
    one, two = ([table.best[design][k].valid for design in keys] for k in (0, 1))
    valid, test = [table.valid(design) for design in keys], [table.test(design) for design in keys]
    top = np.argsort(valid)[-max(2, len(keys) // 4) :]

    def best(a: Sequence[float], b: Sequence[float]) -> str:
        return f"{tau([a[k] for k in top], [b[k] for k in top]):.3f}"

    return {
        "seed 0 and seed 1": [f"{tau(one, two):.3f}", NONE, best(one, two)],
        "valid and test": [NONE, f"{tau(valid, test):.3f}", best(valid, test)],
    }


def strategies(found: Groups) -> list[str]:
    """Regret of every strategy on the table over the seconds of its trainings; none at marks before the
    end of some seed's first training."""
    if not found:
        return []
    marks = next(iter(found.values()))[0]["seconds"]
    lines = head("strategy, on the table: regret after", "seeds", *(f"{mark} s" for mark in marks))
    random = {row["seed"]: row["regret"] for row in found.get(RANDOM, [])}
    for method, own in found.items():
        columns = zip(*(row["regret"] for row in own), strict=True)
        cells = [NONE if None in values else with_interval(values) for values in columns]
        lines.append(line(method, len(own), *cells))
    ends = {
        method: below([row["regret"][-1] - random[row["seed"]][-1] for row in own if row["seed"] in random])
        for method, own in found.items()
        if method != RANDOM and random
    }
    told = ", ".join(f"{method} {p:.2g}" for method, p in ends.items())
    tests = f" p of being below random search at {marks[-1]} s, Wilcoxon over seeds: {told}." if told else ""
    return [*lines, "", STRATEGIES + tests]


def with_interval(values: Sequence[float]) -> str:
    """The mean, and its 95 % interval."""
    low, high = interval(values)
    return f"{statistics.fmean(values):.3f} ({low:.3f} … {high:.3f})"

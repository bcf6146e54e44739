"""Tables and the picture of search_quality.jsonl, for benchmarks/README.md."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy import stats

from supernet.report.figures import save_figure
from supernet.search.tabular import Table, load_tables

RESULTS = "search_quality.jsonl"


def write_tables(out: Path, folder: Path) -> None:
    """Collect the lines of `out` into folder/results, with the picture of regret over seconds; print the
    tables."""
    lines = [line for path in sorted(out.glob("*.jsonl")) for line in path.read_text().splitlines()]
    (folder / "results" / RESULTS).write_text("\n".join(lines) + "\n", encoding="utf-8")
    rows = [json.loads(line) for line in lines]
    save_figure(regret_figure(rows), folder / "results" / "search_quality.png")
    print("\n".join(search_tables(folder / "results" / RESULTS)))


def search_tables(path: Path) -> list[str]:
    """Markdown lines; none where there is no file."""
    if not path.is_file():
        return []
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    parts = [
        "",
        "## Search quality",
        "",
        "`python benchmarks/search_quality.py data=NAME` on the tabular benchmark (benchmarks/tabular.py), "
        "one thread. Regret: how far the test NDCG@20 of the chosen design, tuned, is below that of the best "
        "of all designs; rank: the share of designs that are better; both are means over the seeds, regret "
        "with its 95 % bootstrap interval. Random search draws design and recipe together, keeps what ranks "
        "best on valid, and gets the seconds of the search, once and three times; p: Wilcoxon, the search's "
        "regret below that of random search at three times its seconds.",
    ]
    tables = load_tables()
    for name in dict.fromkeys(row["data"] for row in rows):
        own = [row for row in rows if row["data"] == name]
        parts += ["", f"### {name}", "", *methods(own), "", *rankings(own, tables[name]), "", *collapse(own)]
    return parts


def methods(rows: Sequence[dict]) -> list[str]:
    """One line a method, the smallest regret first."""
    found: dict[str, list[dict]] = {}
    for row in rows:
        if row["kind"] == "method":
            found.setdefault(row["method"], []).append(row)
    lines = [
        "| method | seeds | regret | rank | in the top 5 % | seconds | random | random × 3 | p |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for method, own in sorted(found.items(), key=lambda pair: mean(pair[1], "regret")):
        low, high = interval([row["regret"] for row in own])
        top = sum(row["rank"] < 0.05 for row in own)
        cells = [
            method, len(own), f"{mean(own, 'regret'):.3f} ({low:.3f} … {high:.3f})",
            f"{mean(own, 'rank'):.3f}",
            f"{top} of {len(own)}", f"{mean(own, 'seconds'):.0f}", f"{mean(own, 'random_1'):.3f}",
            f"{mean(own, 'random_3'):.3f}", f"{below([r['regret'] - r['random_3'] for r in own]):.2g}",
        ]  # fmt: skip
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return lines


def rankings(rows: Sequence[dict], table: Table) -> list[str]:
    """Kendall's tau between supernet and table, and the ceilings that noise sets."""
    lines = ["| Kendall's tau-b | mean over seeds |", "| --- | ---: |"]
    for method in dict.fromkeys(row["method"] for row in rows if row["kind"] == "ranking"):
        own = [row for row in rows if row["kind"] == "ranking" and row["method"] == method]
        for key, label in (
            ("tau_valid", "supernet and trained, valid"),
            ("tau_test", "supernet and trained, test"),
            ("tau_top", "the same on valid, best quarter"),
        ):
            lines.append(f"| {method}: {label} | {mean(own, key):.3f} |")
    for label, value in ceilings(table).items():
        lines.append(f"| ceiling: {label} | {value:.3f} |")
    return lines


def ceilings(table: Table) -> dict[str, float]:
    """How well the table agrees with itself: seed with seed, valid with test; of all designs and of the best
    quarter by valid."""
    keys = [key for key in table.trainings if len(table.best[key]) >= 2]
    one, two = ([table.best[key][k].valid for key in keys] for k in (0, 1))
    valid, test = [table.valid(key) for key in keys], [table.test(key) for key in keys]
    top = np.argsort(valid)[-max(2, len(keys) // 4) :]

    def tau(a: Sequence[float], b: Sequence[float], among: Sequence[int] | None = None) -> float:
        chosen = range(len(a)) if among is None else among
        return float(stats.kendalltau([a[k] for k in chosen], [b[k] for k in chosen]).statistic)

    return {
        "seed 0 and seed 1, valid": tau(one, two),
        "valid and test": tau(valid, test),
        "seed 0 and seed 1, best quarter": tau(one, two, top),
        "valid and test, best quarter": tau(valid, test, top),
    }


def collapse(rows: Sequence[dict]) -> list[str]:
    """What each method's supernet ends with: gap, entropy, idle slots, agreement of the seeds."""
    lines = [
        "| method | gap: mixture − argmax | entropy | share of none and skip | Fleiss' kappa | "
        "alpha loss and NDCG |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    found: dict[str, list[dict]] = {}
    for row in rows:
        if row["kind"] == "method" and not row["method"].startswith(("rule ", "supernet ")):
            found.setdefault(row["method"], []).append(row)
    for method, own in found.items():
        gap = statistics.fmean(row["gap"] / row["mixture_score"] for row in own)
        idle = statistics.fmean(idle_share(row["choices"]) for row in own)
        cells = [method, f"{gap:+.1%}", f"{mean(own, 'entropy'):.2f}", f"{idle:.2f}"]
        cells += [f"{agreement([row['choices'] for row in own]):.2f}", f"{loss_correlation(own):+.2f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def agreement(designs: Sequence[dict[str, str]]) -> float:
    """Fleiss' kappa of the designs of all seeds, over the slots in which they could differ; 1 where all
    agree."""
    slots = [slot for slot in designs[0] if len({design[slot] for design in designs}) > 1]
    if not slots or len(designs) < 2:
        return 1.0
    names = sorted({design[slot] for design in designs for slot in slots})
    counts = np.array([[sum(d[slot] == name for d in designs) for name in names] for slot in slots])
    n = counts.sum(axis=1)[0]
    observed = ((counts**2).sum(axis=1) - n) / (n * (n - 1))
    chance = ((counts.sum(axis=0) / counts.sum()) ** 2).sum()
    return float((observed.mean() - chance) / (1 - chance)) if chance < 1 else 1.0


def loss_correlation(rows: Sequence[dict]) -> float:
    """Spearman correlation, over the epochs with alpha steps, of the alpha loss with the mixture's NDCG; the
    mean over seeds. −1 where the loss falls as the ranking gets better."""
    found = []
    for row in rows:
        epochs = [e for e in row["epochs"] if e["alpha_loss"]]
        if len(epochs) > 2:
            value = stats.spearmanr([e["alpha_loss"] for e in epochs], [e["score"] for e in epochs]).statistic
            found.append(0.0 if value != value else float(value))
    return statistics.fmean(found) if found else 0.0


def idle_share(choices: dict[str, str]) -> float:
    """Share of the aggregate and convolve slots that hold none or skip."""
    own = [name for slot, name in choices.items() if slot.endswith(("aggregate", "convolve"))]
    return sum(name in ("none", "skip") for name in own) / len(own)


def mean(rows: Sequence[dict], key: str) -> float:
    """Of one number."""
    return statistics.fmean(row[key] for row in rows)


def interval(values: Sequence[float], draws: int = 2000) -> tuple[float, float]:
    """The 95 % bootstrap interval of the mean."""
    if len(values) < 2:
        return values[0], values[0]
    generator = np.random.default_rng(0)
    means = generator.choice(values, (draws, len(values))).mean(axis=1)
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def below(differences: Sequence[float]) -> float:
    """p of Wilcoxon's signed-rank test that the differences are below zero; 1 where all are zero."""
    if not any(differences) or len(differences) < 2:
        return 1.0
    return float(stats.wilcoxon(differences, alternative="less").pvalue)


def regret_figure(rows: Sequence[dict]) -> Figure:
    """Regret over seconds: methods as points with their interval, random search as a line."""
    names = list(dict.fromkeys(row["data"] for row in rows if row["kind"] == "method"))
    figure = Figure(figsize=(5.6 * len(names), 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    for ax, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        own = [row for row in rows if row["data"] == name]
        for method in dict.fromkeys(row["method"] for row in own if row["kind"] == "method"):
            one = [row for row in own if row["kind"] == "method" and row["method"] == method]
            x, y = mean(one, "seconds"), mean(one, "regret")
            low, high = interval([row["regret"] for row in one])
            bold = method == "default"
            ax.errorbar(x, y, [[y - low], [high - y]], fmt="o", markersize=7 if bold else 4,
                        color="#8c2981" if bold else "#6b7280", elinewidth=0.8)  # fmt: skip
            ax.annotate(method, (x, y), (4, 3), textcoords="offset points", fontsize=6)
        for method in dict.fromkeys(row["method"] for row in own if row["kind"] == "strategy"):
            one = [row for row in own if row["kind"] == "strategy" and row["method"] == method]
            marks = one[0]["seconds"]
            known = [
                [row["regret"][k] for row in one if row["regret"][k] is not None] for k in range(len(marks))
            ]
            points = [(mark, statistics.fmean(v)) for mark, v in zip(marks, known, strict=True) if v]
            ax.plot(*zip(*points, strict=True), linewidth=1, label=f"{method}, trained one by one")
        ax.set_title(name, fontsize=10, loc="left")
        ax.set_xscale("log")
        ax.set_xlabel("seconds", fontsize=8)
        ax.set_ylabel("regret", fontsize=8)
        ax.legend(fontsize=7, frameon=False)
    return figure

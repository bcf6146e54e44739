"""The tables of how the supernet ranks, and of strategies on the tabular benchmark alone."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from statistics import fmean

import numpy as np

from benchmarks.markdown import NONE, head, line, with_interval
from benchmarks.search_groups import Groups
from benchmarks.search_statistics import below, mean, tau
from supernet.search.tabular import Table

RANDOM = "random"

STRATEGIES = (
    "`python benchmarks/search_quality.py strategies` on the tabular benchmark alone: an evaluation is one "
    "of the table's trainings of the design that is asked for, its recipe drawn; seconds are those of the "
    "trainings, summed (one thread, beside other jobs). Regret: how far the test NDCG@20, tuned, of the "
    "design that ranks best on valid so far is below that of the best of all designs; means over the seeds, "
    "with 95 % bootstrap intervals."
)
"""Below the table of strategies."""


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
    have two, the mean over all pairs of seeds, and valid with test."""
    keys = [design for design in table.trainings if len(table.best[design]) >= 2]
    if len(keys) < 2:
        return {}
    count = min(len(table.best[design]) for design in keys)
    seeds = [[table.best[design][k].valid for design in keys] for k in range(count)]
    pairs = list(itertools.combinations(seeds, 2))
    valid, test = [table.valid(design) for design in keys], [table.test(design) for design in keys]
    top = np.argsort(valid)[-max(2, len(keys) // 4) :]

    def best(a: Sequence[float], b: Sequence[float]) -> float:
        return tau([a[k] for k in top], [b[k] for k in top])

    over = f"seed and seed, mean of {len(pairs)} pairs" if len(pairs) > 1 else "seed and seed"
    whole, quarter = fmean(tau(a, b) for a, b in pairs), fmean(best(a, b) for a, b in pairs)
    return {
        over: [f"{whole:.3f}", NONE, f"{quarter:.3f}"],
        "valid and test": [NONE, f"{tau(valid, test):.3f}", f"{best(valid, test):.3f}"],
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

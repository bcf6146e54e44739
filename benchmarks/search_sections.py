"""The tables of searches that were run: regret, discretisation, agreement of seeds, collapse."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence

import torch

from benchmarks.markdown import NONE, head, line, with_interval
from benchmarks.search_groups import Groups
from benchmarks.search_methods import PLAIN
from benchmarks.search_statistics import apart, below, gaps, idle_share, kappas, loss_correlation, mean
from benchmarks.table_search import TOP, exhaustive, table_space
from supernet.search.selection.designs import largest
from supernet.search.tabular import Table
from supernet.space import identity_of

DEFAULT = "default"

GAP = 0.02
"""So far from the mixture's score, relative, the default's design may be."""


def methods(found: Groups, table: Table | None) -> list[str]:
    """One line a method, the smallest regret first; below them what noise leaves to any search."""
    if not found:
        return []
    names = ("seeds", "regret", "rank", "in the top 5 %", f"p, {PLAIN}", "seconds")
    lines = head("method", *names, "random", "p", "random × 3", "p × 3")
    plain = {row["seed"]: row["regret"] for row in found.get(PLAIN, [])}
    for method, own in sorted(found.items(), key=lambda pair: mean(pair[1], "regret")):
        top = sum(row["rank"] < TOP for row in own)
        lines.append(
            line(
                *(method, len(own), with_interval([row["regret"] for row in own])),
                *(f"{mean(own, 'rank'):.3f}", f"{top} of {len(own)}", _against(own, plain, method)),
                f"{mean(own, 'seconds'):.0f}",
                *(cell for times in (1, 3) for cell in _random(own, times)),
            )
        )
    if table is None:
        return lines
    told = edges(table)
    limit = exhaustive(table)
    if limit is None:
        return [*lines, "", told] if told else lines
    text = (
        f"A search that trains all {len(table.trainings)} designs in full, once each with their tuned "
        f"recipes, and takes the best on valid has a regret of {limit[0]:.4f}, and a design of the top 5 % "
        f"in {limit[1]:.0%} of draws of the seed: what noise leaves."
    )
    return [*lines, "", f"{text} {told}".rstrip()]


def edges(table: Table) -> str:
    """Which ends of the grid that all designs were trained on more than half of their best recipes have: what
    a wider grid might change; "" for none."""
    found = []
    for name in ("temperature", "lr"):
        tried = [{getattr(row, name) for row in rows} for rows in table.trainings.values()]
        grid = set.intersection(*tried)
        counts = Counter(getattr(rows[0], name) for rows in table.best.values())
        for end, value in (("lowest", min(grid)), ("highest", max(grid))):
            if len(grid) > 1 and 2 * counts[value] > len(tried):
                found.append(f"{counts[value]} have {name} {value:g}, the {end}")
    told = f"Of the {len(tried)} best recipes {', and '.join(found)} of the grid that all designs have."
    return told if found else ""


def _against(own: Sequence[dict], plain: Mapping[int, float], method: str) -> str:
    """p that the method's regret is not that of PLAIN, on the seeds that both have."""
    both = [row["regret"] - plain[row["seed"]] for row in own if row["seed"] in plain]
    return NONE if method == PLAIN or len(both) < 2 else f"{apart(both):.2g}"


def _random(own: Sequence[dict], times: int) -> tuple[str, str]:
    """Regret of random search at so many times the seconds, and p that the method's is below it."""
    name = f"random_{times}"
    return f"{mean(own, name):.3f}", f"{below([row['regret'] - row[name] for row in own]):.2g}"


def discretisation(found: Groups) -> list[str]:
    """From the mixture to the chosen design with inherited weights, settled, and trained; whether the
    default keeps within GAP before and after it settles."""
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
        "rank as the mixture does, and search.settle at most; their seconds count. A search takes the epoch "
        "whose mixture ranks best, with its weights; one that goes back to other alphas is scored with the "
        "weights that the supernet ended with; the mixture of a strategy is even. The trained score is the "
        "table's, tuned, on train and alpha pairs."
    )
    if DEFAULT in shown:
        told = [("with inherited weights", gaps(shown[DEFAULT]))]
        told += [("settled", own)] if (own := gaps(shown[DEFAULT], "settled")) else []
        sizes = [(stage, statistics.fmean(map(abs, values))) for stage, values in told]
        found_now = "; ".join(
            f"{stage} {size:.1%}, {'reached' if size <= GAP else 'missed'}" for stage, size in sizes
        )
        text += f" Aim: {GAP:.0%} by the default, mean of sizes: {found_now}."
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


def collapse(found: Groups, table: Table | None) -> list[str]:
    """How decided the mixture is, what its argmax would be worth and what idles in it, whether the alpha loss
    tells of ranking."""
    if not found:
        return []
    lines = head(
        *("method", "entropy", "argmax of the mixture: regret", f"p, {PLAIN}", "share of none and skip"),
        "correlation of alpha loss and NDCG@20",
    )
    plain = {row["seed"]: value for row, value in _argmaxes(found.get(PLAIN, []), table)}
    for method, own in found.items():
        if method.startswith("rule ") or ", " in method:
            continue  # of a supernet that has a line already
        correlation = loss_correlation(own)
        decided = NONE if own[0]["entropy"] is None else f"{mean(own, 'entropy'):.2f}"
        values = _argmaxes(own, table)
        both = [value - plain[row["seed"]] for row, value in values if row["seed"] in plain]
        p = NONE if method == PLAIN or len(both) < 2 else f"{apart(both):.2g}"
        regret = with_interval([value for _, value in values]) if values else NONE
        idle = [idle_share(_argmax(row)) for row in own if row["mixture"]]
        share = f"{statistics.fmean(idle):.2f}" if idle else NONE
        told = NONE if correlation is None else f"{correlation:+.2f}"
        lines.append(line(method, decided, regret, p, share, told))
    text = (
        "The argmax is the design that the alphas alone would choose: methods share their short trainings, "
        "so that the regrets above hide what a relaxation, a gradient or a switch does to the alphas. "
        "Correlation: Spearman's, over the epochs of a search, −1 at best; mean over seeds."
    )
    return [*lines, "", text]


def _argmax(row: dict) -> dict[str, str]:
    """The mixture's argmax, in all slots."""
    return largest(table_space(), {slot: torch.tensor(p) for slot, p in row["mixture"].items()})


def _argmaxes(own: Sequence[dict], table: Table | None) -> list[tuple[dict, float]]:
    """Rows that have a mixture, with the regret of its argmax."""
    if table is None:
        return []
    identity = identity_of(table_space())
    return [(row, table.regret(identity(_argmax(row)))) for row in own if row["mixture"]]

"""Numbers of the tables of search quality, from rows of search_quality.py."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats


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


def apart(differences: Sequence[float]) -> float:
    """p of Wilcoxon's signed-rank test that the differences are not around zero, two-sided; 1 where all are
    zero."""
    if not any(differences) or len(differences) < 2:
        return 1.0
    return float(stats.wilcoxon(differences).pvalue)


def tau(a: Sequence[float], b: Sequence[float]) -> float:
    """Kendall's tau-b; 0 where one is constant."""
    value = float(stats.kendalltau(a, b).statistic)
    return 0.0 if value != value else value


def gap(row: dict, stage: str = "inherited") -> float | None:
    r"""The discretisation gap, :math:`s_\mathrm{inherited} / s_\mathrm{mixture} - 1`: below 0 where the
    chosen design, with the supernet's weights, ranks worse on valid than the mixture it was chosen from.
    stage: "inherited", or "settled" after epochs of the design alone. None without a supernet, where the
    mixture scores 0, or the search has no such stage."""
    mixture, score = row["mixture_score"], row[f"{stage}_score"]
    return score / mixture - 1.0 if mixture and score is not None else None


def gaps(rows: Sequence[dict], stage: str = "inherited") -> list[float]:
    """Of the rows that have one."""
    return [value for row in rows if (value := gap(row, stage)) is not None]


def kappas(designs: Sequence[Mapping[str, str]], sizes: Mapping[str, int]) -> dict[str, float]:
    r"""Agreement of the seeds on each slot, :math:`\kappa = (\bar P - P_e) / (1 - P_e)`; 1: all agree.

    :math:`\bar P = \sum_k n_k (n_k - 1) / (n (n - 1))`, the share of pairs of seeds that agree, with
    :math:`n_k` of the n seeds for candidate k. The chance term is uniform, :math:`P_e = 1 / K`, and not
    that of Fleiss (1971), from the marginals: a slot is a single subject, whose marginals are its own
    ratings, so that his kappa is at most 0 wherever one seed differs. This is the free-marginal kappa of
    Brennan and Prediger (1981), for many raters that of Randolph (2005).

    designs: one a seed. sizes: slot → K, above 1. Errors: ValueError for fewer than two designs.
    """
    n = len(designs)
    if n < 2:
        raise ValueError(f"agreement is between two seeds or more, found {n}")
    found = {}
    for slot, size in sizes.items():
        names = [design[slot] for design in designs]
        counts = [names.count(name) for name in set(names)]
        observed, chance = sum(c * (c - 1) for c in counts) / (n * (n - 1)), 1.0 / size
        found[slot] = (observed - chance) / (1.0 - chance)
    return found


def loss_correlation(rows: Sequence[dict]) -> float | None:
    """Spearman correlation, over the epochs with alpha steps, of the alpha loss with the mixture's NDCG;
    the mean over seeds. −1 where the loss falls as the ranking gets better; None where no search has
    three such epochs."""
    found = []
    for row in rows:
        epochs = [e for e in row["epochs"] if e["alpha_loss"]]
        losses, scores = [e["alpha_loss"] for e in epochs], [e["score"] for e in epochs]
        if len(epochs) > 2:
            varied = len(set(losses)) > 1 and len(set(scores)) > 1
            found.append(float(stats.spearmanr(losses, scores).statistic) if varied else 0.0)
    return statistics.fmean(found) if found else None


def idle_share(choices: Mapping[str, str]) -> float:
    """Share of the aggregate and convolve slots that hold none or skip."""
    own = [name for slot, name in choices.items() if slot.endswith(("aggregate", "convolve"))]
    return sum(name in ("none", "skip") for name in own) / len(own)

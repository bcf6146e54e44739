"""Is the difference between two models more than noise? Paired over the same users."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats

from supernet.evaluation.metrics import PerUser


@dataclass(frozen=True)
class Comparison:
    """Model a against model b on one metric, over the same users.

    difference = mean_a − mean_b, with its 95 % paired bootstrap interval [low, high]; relative = difference /
    mean_b, None where mean_b is 0; p: two-sided Wilcoxon signed-rank (Pratt), uncorrected: see `holm`.
    """

    metric: str
    n_users: int
    mean_a: float
    mean_b: float
    difference: float
    relative: float | None
    low: float
    high: float
    p: float
    seed: int
    version: int = 1


def compare(a: PerUser, b: PerUser, metric: str, seed: int = 0, resamples: int = 2000) -> Comparison:
    """Compare `a` with `b` on `metric` ("ndcg@20"), user by user.

    The interval is of users drawn anew: it says how far the difference holds for other users of this kind.
    With several seeds, average them first (`average_seeds`).

    Errors: ValueError if the two were not evaluated on the same users; LookupError for a metric they lack.
    """
    if not torch.equal(a.users, b.users):
        sizes = f"{len(a.users)} and {len(b.users)} users"
        raise ValueError(
            f"a paired comparison needs the same users in the same order, found two lists: {sizes}"
        )
    x, y = _values(a, metric), _values(b, metric)
    difference, mean_b = x - y, float(y.mean())
    mean = float(difference.mean())
    low, high = bootstrap_interval(difference, np.random.default_rng(seed), resamples)
    return Comparison(
        metric=metric,
        n_users=len(difference),
        mean_a=float(x.mean()),
        mean_b=mean_b,
        difference=mean,
        relative=mean / mean_b if mean_b else None,
        low=low,
        high=high,
        p=_wilcoxon(difference),
        seed=seed,
    )


def _values(result: PerUser, metric: str) -> np.ndarray:
    if metric not in result.values:
        raise LookupError(f"unknown per-user metric {metric!r}; choose from: {', '.join(result.values)}")
    return result.values[metric].numpy()


def _wilcoxon(difference: np.ndarray) -> float:
    if not difference.any():  # the statistic is undefined; no user tells the models apart
        return 1.0
    return float(stats.wilcoxon(difference, zero_method="pratt", method="asymptotic").pvalue)


def bootstrap_interval(
    values: np.ndarray, generator: np.random.Generator, resamples: int = 2000, level: float = 0.95
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean of `values` (U,), in batches that bound the memory."""
    batch = max(1, 2**22 // len(values))  # 32 MiB of positions, or one resample
    means = []
    for start in range(0, resamples, batch):
        drawn = generator.integers(len(values), size=(min(batch, resamples - start), len(values)))
        means.append(values[drawn].mean(axis=1))
    low, high = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def interval_over_seeds(
    a: Sequence[PerUser], b: Sequence[PerUser], metric: str, seeded: bool = True, level: float = 0.95
) -> tuple[float, float] | None:
    r"""Interval of mean_a − mean_b for other users *and* other training seeds.

    a, b: one result a seed; seeded: whether b is trained (a closed form has no seed).

    .. math:: \bar d ± t_ν \sqrt{s_u^2 / U + s_a^2 / S_a + s_b^2 / S_b}

    s_u: sd over the U users of their differences, seeds averaged; s_a, s_b: sample sd over the seeds of each
    model's mean; ν after Welch and Satterthwaite. A trained model with one seed has the other's s. None where
    no model was trained with two seeds: nothing is known of them.
    """
    means = [[float(_values(one, metric).mean()) for one in results] for results in (a, b)]
    trained = means if seeded else means[:1]
    known = [statistics.variance(group) for group in trained if len(group) > 1]
    if not known:
        return None
    freedom = [len(group) - 1 for group in trained if len(group) > 1]
    x, y = (np.mean([_values(one, metric) for one in results], axis=0) for results in (a, b))
    difference = x - y
    parts = [(float(difference.var(ddof=1)) / len(difference), len(difference) - 1)]
    for group in trained:
        several = len(group) > 1
        spread = statistics.variance(group) if several else max(known)
        parts.append((spread / len(group), len(group) - 1 if several else min(freedom)))
    total = sum(part for part, _ in parts)
    mean = float(difference.mean())
    if total == 0:
        return mean, mean
    nu = total**2 / sum(part**2 / own for part, own in parts)
    half = float(stats.t.ppf((1 + level) / 2, nu)) * math.sqrt(total)
    return mean - half, mean + half


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction of several p values, in the order given.

    With p sorted ascending, the i-th of m becomes max over j ≤ i of (m − j + 1) p_j, at most 1 (Holm 1979).
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected.tolist()


def average_seeds(results: Sequence[PerUser]) -> PerUser:
    """One result whose per-user values, and coverage, are the means over the seeds.

    Errors: ValueError without a result, or if the results differ in users or metrics.
    """
    if not results:
        raise ValueError("there is no result to average")
    first = results[0]
    for other in results[1:]:
        if not torch.equal(first.users, other.users) or first.values.keys() != other.values.keys():
            raise ValueError("results of several seeds must be of the same users and metrics")
    values = {name: torch.stack([result.values[name] for result in results]).mean(0) for name in first.values}
    coverage = {name: float(np.mean([r.coverage[name] for r in results])) for name in first.coverage}
    return PerUser(first.users, values, coverage)

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from supernet.evaluation.metrics import PerUser
from supernet.evaluation.significance import (
    average_seeds,
    bootstrap_interval,
    compare,
    holm,
    interval_over_seeds,
)


def result(values, coverage=0.5):
    values = torch.as_tensor(np.asarray(values), dtype=torch.float64)
    return PerUser(torch.arange(len(values)), {"ndcg@20": values}, {"coverage@20": coverage})


def noisy(shift, seed=0, n=200):
    generator = np.random.default_rng(seed)
    base = generator.random(n) * 0.5
    return result(base + shift + 0.05 * generator.standard_normal(n)), result(base)


def test_equal_models_are_told_apart_by_nothing():
    a, _ = noisy(0.0)
    found = compare(a, a, "ndcg@20")
    assert (found.p, found.difference, found.low, found.high) == (1.0, 0.0, 0.0, 0.0)


def test_a_known_difference_is_detected():
    a, b = noisy(0.03)
    found = compare(a, b, "ndcg@20")
    assert found.p < 1e-6
    assert 0 < found.low < found.difference < found.high
    assert found.difference == pytest.approx(0.03, abs=0.01)
    assert found.relative == pytest.approx(found.mean_a / found.mean_b - 1)
    assert found.n_users == 200


def test_no_difference_is_not_detected():
    a, b = noisy(0.0)
    found = compare(a, b, "ndcg@20")
    assert found.p > 0.05
    assert found.low < 0 < found.high


def test_swapping_the_models_mirrors_the_comparison():
    a, b = noisy(0.01)
    one, other = compare(a, b, "ndcg@20", seed=3), compare(b, a, "ndcg@20", seed=3)
    assert one.p == pytest.approx(other.p, rel=1e-12)
    assert (one.low, one.high, one.difference) == pytest.approx((-other.high, -other.low, -other.difference))


def test_the_seed_decides_the_interval():
    a, b = noisy(0.01)
    assert compare(a, b, "ndcg@20", seed=1) == compare(a, b, "ndcg@20", seed=1)
    assert compare(a, b, "ndcg@20", seed=1).low != compare(a, b, "ndcg@20", seed=2).low


def test_p_by_hand_with_zeros_ranked_as_pratt():
    """Differences 0, 1, 2, 3, −4: ranks 1–5 with the zero's rank dropped; the statistic is min(9, 5)."""
    difference = np.array([0.0, 1.0, 2.0, 3.0, -4.0])
    found = compare(result(difference), result(np.zeros(5)), "ndcg@20")
    mean, variance = (5 * 6 - 0) / 4 - 0.5, (5 * 6 * 11 - 1 * 2 * 3) / 24
    assert found.p == pytest.approx(2 * stats.norm.sf((9 - mean) / np.sqrt(variance)))
    assert found.relative is None


def test_interval_matches_scipy():
    values = np.random.default_rng(5).random(80)
    reference = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=0
    ).confidence_interval
    assert bootstrap_interval(values, np.random.default_rng(1), 20_000) == pytest.approx(
        tuple(reference), abs=2e-3
    )


def test_a_comparison_is_json():
    a, b = noisy(0.01)
    assert json.loads(json.dumps(asdict(compare(a, b, "ndcg@20"))))["metric"] == "ndcg@20"


def test_other_users_are_refused():
    with pytest.raises(ValueError, match="same users"):
        compare(result([1, 2]), result([1, 2, 3]), "ndcg@20")


def test_unknown_metric_lists_the_choices():
    with pytest.raises(LookupError, match=r"unknown per-user metric 'coverage@20'; choose from: ndcg@20"):
        compare(result([1.0]), result([1.0]), "coverage@20")


def test_holm_by_hand():
    """Sorted .005 .01 .03 .04 times 4 3 2 1 = .02 .03 .06 .04, and the running maximum lifts the last."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_never_lowers_a_p_and_keeps_their_order(p):
    corrected = holm(p)
    assert all(before <= after <= 1 for before, after in zip(p, corrected, strict=True))
    assert [corrected[i] for i in np.argsort(p, kind="stable")] == sorted(corrected)
    assert min(corrected) == pytest.approx(min(1, min(p) * len(p)))


def test_seeds_are_averaged_per_user():
    averaged = average_seeds([result([0.0, 1.0], 0.2), result([1.0, 1.0], 0.4)])
    assert averaged.values["ndcg@20"].tolist() == [0.5, 1.0]
    assert averaged.coverage == pytest.approx({"coverage@20": 0.3})


def test_seeds_of_other_users_or_none_are_refused():
    with pytest.raises(ValueError, match="same users"):
        average_seeds([result([1.0]), result([1.0, 2.0])])
    with pytest.raises(ValueError, match="no result"):
        average_seeds([])


def of_seeds(generator, base, seeds, spread, noise=0.1):
    """Results whose seeds share `spread` times a normal number over all users."""
    drawn = [
        spread * generator.standard_normal() + noise * generator.standard_normal(len(base))
        for _ in range(seeds)
    ]
    return [result(base + one) for one in drawn]


@pytest.mark.parametrize(("seeds", "spread"), [(2, 0.005), (5, 0.02), (2, 0.0)])
def test_two_models_of_the_same_quality_are_rarely_told_apart_over_seeds(seeds, spread):
    """A test over users alone takes the training seed for a difference of the models."""
    wrong, over_users = 0, 0
    for k in range(200):
        generator = np.random.default_rng([k, seeds])
        base = 0.4 + 0.2 * generator.random(400)
        a, b = of_seeds(generator, base, seeds, spread), of_seeds(generator, base, seeds, spread)
        low, high = interval_over_seeds(a, b, "ndcg@20")
        wrong += not low < 0 < high
        found = compare(average_seeds(a), average_seeds(b), "ndcg@20", resamples=200)
        over_users += not found.low < 0 < found.high
    assert wrong <= 0.07 * 200
    if spread:
        assert over_users > 2 * wrong + 10


def test_the_interval_over_seeds_is_welchs():
    """With users who all have the same difference, it is Welch's of the two lists of means."""
    ours, theirs = [0.50, 0.53, 0.52], [0.47, 0.46, 0.51]
    a, b = ([result(np.full(50, mean)) for mean in means] for means in (ours, theirs))
    welch = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(0.95)
    assert interval_over_seeds(a, b, "ndcg@20") == pytest.approx((welch.low, welch.high))


def test_without_seeds_the_interval_is_that_of_users_and_a_single_seed_has_the_others_spread():
    a, b = noisy(0.03)
    assert interval_over_seeds([a], [b], "ndcg@20") is None
    same, closed = (
        interval_over_seeds([a, a], [b], "ndcg@20", seeded=False),
        a.values["ndcg@20"] - b.values["ndcg@20"],
    )
    users = stats.t.interval(0.95, 199, closed.mean(), stats.sem(closed))
    assert same == pytest.approx(users)
    ours = [result(np.full(50, mean)) for mean in (0.50, 0.54)]
    alone = interval_over_seeds(ours, [result(np.full(50, 0.4))], "ndcg@20")
    spread = np.var([0.50, 0.54], ddof=1)
    half = stats.t.ppf(0.975, (1.5 * spread) ** 2 / (spread**2 / 4 + spread**2)) * np.sqrt(1.5 * spread)
    assert alone == pytest.approx((0.12 - half, 0.12 + half))

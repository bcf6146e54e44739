import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from supernet.data.dataset import UserItems
from supernet.evaluation.metrics import METRICS, evaluate, sample_users

POSITION_AWARE = ("ndcg", "mrr", "map")


def user_items(rows):
    ptr = torch.tensor([0, *map(len, rows)]).cumsum(0)
    return UserItems(ptr, torch.tensor([item for row in rows for item in row], dtype=torch.int64))


def naive(name, listed, wanted, k):
    """The textbook definition for one user, with sets and loops."""
    listed = listed[:k]
    hit = [item in wanted for item in listed]
    ideal = min(len(wanted), k)
    if name == "recall":
        return sum(hit) / len(wanted)
    if name == "precision":
        return sum(hit) / k
    if name == "hit_rate":
        return float(any(hit))
    if name == "mrr":
        return next((1 / (rank + 1) for rank, h in enumerate(hit) if h), 0.0)
    if name == "map":
        return sum(sum(hit[: rank + 1]) / (rank + 1) for rank, h in enumerate(hit) if h) / ideal
    gain = sum(1 / math.log2(rank + 2) for rank, h in enumerate(hit) if h)
    return gain / sum(1 / math.log2(rank + 2) for rank in range(ideal))


@pytest.mark.parametrize("name", list(METRICS))
def test_equals_a_loop_over_users(name):
    generator = torch.Generator().manual_seed(0)
    n_users, n_items = 30, 25
    wanted = [
        row.nonzero()[:, 0].tolist() for row in torch.rand(n_users, n_items, generator=generator) < 0.15
    ]
    top = torch.stack([torch.randperm(n_items, generator=generator)[:20] for _ in range(n_users)])
    top[3, 5:] = -1
    users = torch.randperm(n_users, generator=generator)
    result = evaluate(top, users, user_items(wanted), n_items, ks=(1, 5, 20))
    for k in (1, 5, 20):
        expected = [
            naive(name, row, set(wanted[user]), k)
            for user, row in zip(users.tolist(), top.tolist(), strict=True)
            if wanted[user]
        ]
        torch.testing.assert_close(result.values[f"{name}@{k}"], torch.tensor(expected, dtype=torch.float64))
        assert result.means()[f"{name}@{k}"] == pytest.approx(sum(expected) / len(expected))


def test_hand_computed_values():
    """Hits at ranks 1 and 3 of 5, three test items: DCG 1 + 1/2, ideal 1 + 0.63093 + 1/2."""
    hits, relevant = torch.tensor([[True, False, True, False, False]]), torch.tensor([3])
    found = {name: METRICS[name](hits, relevant).item() for name in METRICS}
    assert found == pytest.approx(
        {
            "recall": 2 / 3,
            "precision": 2 / 5,
            "ndcg": 1.5 / 2.1309297535714573,
            "hit_rate": 1.0,
            "mrr": 1.0,
            "map": (1 + 2 / 3) / 3,
        }
    )


def test_ideal_counts_test_items_not_hits():
    """One hit at rank 1, two wanted: NDCG is 1 / 1.63093, not 1."""
    assert METRICS["ndcg"](torch.tensor([[True, False]]), torch.tensor([2])).item() == pytest.approx(
        0.6131471927654584
    )


def test_first_hit_at_rank_four():
    assert METRICS["mrr"](torch.tensor([[False, False, False, True, True]]), torch.tensor([2])).item() == 0.25


@st.composite
def hit_lists(draw):
    hits = draw(st.lists(st.booleans(), min_size=1, max_size=12))
    return torch.tensor([hits]), torch.tensor([draw(st.integers(max(1, sum(hits)), 20))])


@given(hit_lists())
def test_every_metric_is_between_zero_and_one(case):
    for name in METRICS:
        assert 0 <= METRICS[name](*case).item() <= 1 + 1e-12, name


@given(st.integers(1, 12), st.integers(1, 20))
def test_a_perfect_list_gives_one(k, relevant):
    hits = torch.arange(k)[None] < relevant
    for name in ("ndcg", "map", "mrr", "hit_rate"):
        assert METRICS[name](hits, torch.tensor([relevant])).item() == pytest.approx(1.0), name


@given(hit_lists(), st.data())
def test_moving_a_hit_up_never_lowers_a_metric(case, data):
    hits, relevant = case
    rank = data.draw(st.integers(0, hits.shape[1] - 1))
    moved = hits.clone()
    if rank and hits[0, rank]:
        moved[0, rank], moved[0, rank - 1] = hits[0, rank - 1], hits[0, rank]
    for name in POSITION_AWARE:
        assert METRICS[name](moved, relevant).item() >= METRICS[name](hits, relevant).item() - 1e-12, name


@pytest.mark.parametrize("name", POSITION_AWARE)
def test_position_matters(name):
    early, late = torch.tensor([[True, False, False]]), torch.tensor([[False, False, True]])
    assert METRICS[name](early, torch.tensor([1])) > METRICS[name](late, torch.tensor([1]))


@given(hit_lists())
def test_recall_and_hit_rate_never_fall_with_k(case):
    hits, relevant = case
    for name in ("recall", "hit_rate", "mrr"):
        values = [METRICS[name](hits[:, :k], relevant).item() for k in range(1, hits.shape[1] + 1)]
        assert values == sorted(values), name


def test_only_users_with_a_test_item_are_averaged():
    test = user_items([[2], [], [0, 1]])
    top = torch.tensor([[2, 0], [1, 0], [3, 2]])
    result = evaluate(top, torch.tensor([0, 1, 2]), test, n_items=4, ks=(2,))
    assert result.users.tolist() == [0, 2]
    assert result.values["recall@2"].tolist() == [1.0, 0.0]
    assert result.means()["recall@2"] == 0.5


def test_minus_one_is_never_a_hit():
    """-1 of user 1 has the key of the last item of user 0."""
    result = evaluate(
        torch.tensor([[0, 1], [0, -1]]), torch.arange(2), user_items([[3], [2]]), n_items=4, ks=(2,)
    )
    assert result.values["hit_rate@2"].tolist() == [0.0, 0.0]


def test_coverage_is_the_share_of_the_catalogue_in_any_list():
    top = torch.tensor([[0, 1, 2], [0, 2, -1]])
    result = evaluate(top, torch.arange(2), user_items([[0], [1]]), n_items=8, ks=(1, 3))
    assert result.coverage == {"coverage@1": 1 / 8, "coverage@3": 3 / 8}
    assert result.means()["coverage@3"] == 3 / 8


def test_cutoffs_beyond_the_list_are_refused():
    with pytest.raises(ValueError, match="lists of 2"):
        evaluate(
            torch.zeros(1, 2, dtype=torch.int64), torch.tensor([0]), user_items([[1]]), n_items=3, ks=(3,)
        )


def test_no_test_item_at_all_is_refused():
    with pytest.raises(ValueError, match="none of the 1 users has a test item"):
        evaluate(torch.tensor([[0, 1]]), torch.tensor([0]), user_items([[]]), n_items=3, ks=(1,))


def test_sample_users_draws_from_those_with_a_test_item():
    test = user_items([[1], [], [2], [0], [], [1, 2]])
    sample = sample_users(test, 3, torch.Generator().manual_seed(0))
    assert len(set(sample.tolist())) == 3
    assert set(sample.tolist()) <= {0, 2, 3, 5}
    assert sample.tolist() == sample_users(test, 3, torch.Generator().manual_seed(0)).tolist()
    assert any(
        sample_users(test, 3, torch.Generator().manual_seed(s)).tolist() != sample.tolist()
        for s in range(1, 9)
    )
    for size in (None, 4, 9):
        assert sample_users(test, size, torch.Generator()).tolist() == [0, 2, 3, 5]

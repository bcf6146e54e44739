"""Cohorts of users and items: by hand and against naive loops."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from supernet.data.dataset import UserItems
from supernet.evaluation.cohorts import by_item_cohort, by_user_cohort, item_cohorts, user_cohorts
from supernet.evaluation.metrics import evaluate

COUNTS = st.lists(st.integers(1, 30), min_size=1, max_size=40)


def user_items(rows):
    ptr = torch.tensor([0, *map(len, rows)]).cumsum(0)
    return UserItems(ptr, torch.tensor([item for row in rows for item in row], dtype=torch.int64))


def test_quartiles_by_hand():
    counts = torch.tensor([9, 1, 2, 3, 100, 4, 5, 6, 7])  # user 4 has no test item
    found = user_cohorts(counts, torch.tensor([0, 1, 2, 3, 5, 6, 7, 8]))
    assert [(c.name, c.low, c.high, c.members.tolist()) for c in found] == [
        ("users 1 of 4", 1, 2, [1, 2]),
        ("users 2 of 4", 3, 4, [3, 5]),
        ("users 3 of 4", 5, 6, [6, 7]),
        ("users 4 of 4", 7, 9, [0, 8]),
    ]


def test_users_of_equal_activity_stay_together():
    found = user_cohorts(torch.tensor([1, 5, 5, 5, 5, 5, 5, 9]), torch.arange(8))
    assert [(c.name, c.low, c.high, len(c.members)) for c in found] == [
        ("users 1 of 4", 1, 5, 7),
        ("users 4 of 4", 9, 9, 1),
    ]


@given(COUNTS, st.integers(1, 6))
def test_user_cohorts_cover_in_order_of_activity(counts, groups):
    counts = torch.tensor(counts)
    found = user_cohorts(counts, torch.arange(len(counts)), groups)
    assert torch.cat([c.members for c in found]).sort().values.tolist() == list(range(len(counts)))
    assert all(a.high < b.low for a, b in itertools.pairwise(found))
    if len(set(counts.tolist())) == len(counts):
        assert max(len(c.members) for c in found) <= -(-len(counts) // groups) + 1


def test_head_middle_and_tail_by_hand():
    """100 interactions: 15 + 10 reach 20 %; 3 items of 5 and 5 of 1 are the last 20 %, 11 × 5 the middle."""
    counts = torch.tensor([1, 1, 1, 1, 1, *[5] * 14, 15, 10])
    head, middle, tail = item_cohorts(counts)
    assert (head.name, head.low, head.high, head.members.tolist()) == ("head", 10, 15, [19, 20])
    assert (middle.name, middle.members.tolist()) == ("middle", list(range(5, 16)))
    assert (tail.name, tail.low, tail.high) == ("tail", 1, 5)
    assert tail.members.tolist() == [0, 1, 2, 3, 4, 16, 17, 18]


@given(COUNTS)
def test_item_cohorts_cover_and_have_their_shares(counts):
    counts = torch.tensor(counts)
    found = {c.name: c for c in item_cohorts(counts)}
    assert torch.cat([c.members for c in found.values()]).sort().values.tolist() == list(range(len(counts)))
    total, head = int(counts.sum()), counts[found["head"].members]
    assert int(head.sum()) * 5 >= total
    assert (int(head.sum()) - found["head"].low) * 5 < total  # without its last item it would be too small
    if "tail" in found:
        assert int(counts[found["tail"].members].sum()) * 5 <= total
        assert found["tail"].high <= found["head"].low


def test_items_without_interactions_are_refused():
    with pytest.raises(ValueError, match="no interaction"):
        item_cohorts(torch.zeros(3, dtype=torch.int64))


def test_metrics_of_cohorts_equal_loops():
    generator = torch.Generator().manual_seed(0)
    n_users, n_items = 30, 20
    wanted = [r.nonzero()[:, 0].tolist() for r in torch.rand(n_users, n_items, generator=generator) < 0.2]
    wanted[7] = []
    users = torch.tensor([u for u in range(n_users) if wanted[u] and u != 3])  # user 3 is not asked
    top = torch.stack([torch.randperm(n_items, generator=generator)[:10] for _ in users])
    top[2, 4:] = -1
    test = user_items(wanted)
    result = evaluate(top, users, test, n_items, ks=(5, 10))
    activity = torch.randint(1, 9, (n_users,), generator=generator)
    for cohort in (groups := user_cohorts(activity, users)):
        rows = [place for place, user in enumerate(users.tolist()) if user in cohort.members.tolist()]
        expected = result.values["ndcg@10"][rows].mean().item()
        assert by_user_cohort(result, groups)[f"{cohort.name}/ndcg@10"] == pytest.approx(expected)
    cohorts = item_cohorts(torch.randint(1, 9, (n_items,), generator=generator))
    found = by_item_cohort(top, users, test, n_items, (5, 10), cohorts)
    assert set(found) == {f"{c.name}/recall@{k}" for c in cohorts for k in (5, 10)}
    for cohort in cohorts:
        own = set(cohort.members.tolist())
        pairs = [(u, i) for u in users.tolist() for i in wanted[u] if i in own]
        for k in (5, 10):
            listed = {(u, i) for u, row in zip(users.tolist(), top[:, :k].tolist(), strict=True) for i in row}
            assert found[f"{cohort.name}/recall@{k}"] == pytest.approx(
                sum(pair in listed for pair in pairs) / len(pairs)
            )


def test_a_cohort_without_test_items_is_left_out():
    cohorts = item_cohorts(torch.tensor([4, 4, 4, 4, 4]))
    found = by_item_cohort(torch.tensor([[0, 1]]), torch.tensor([0]), user_items([[0]]), 5, (2,), cohorts)
    assert found == {"head/recall@2": 1.0}

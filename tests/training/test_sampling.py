"""Batches cover every pair once a pass and go on exactly; negatives are unseen, and uniform."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from supernet.data.dataset import Pairs, UserItems
from supernet.data.sampling import Batches, shared_negatives, unseen_negatives


def gen(seed=0):
    return torch.Generator().manual_seed(seed)


def pairs(n):
    return Pairs(torch.arange(n), 100 + torch.arange(n))


@given(n=st.integers(1, 30), size=st.integers(1, 40))
def test_a_pass_covers_every_pair_once(n, size):
    batches = Batches(pairs(n), size, gen())
    for _ in range(2):
        drawn = [batches.draw() for _ in range(len(batches))]
        users = torch.cat([batch.users for batch in drawn])
        assert sorted(users.tolist()) == list(range(n))
        assert torch.equal(torch.cat([batch.items for batch in drawn]), 100 + users)
        assert [len(batch.users) for batch in drawn[:-1]] == [size] * (len(drawn) - 1)


def test_every_pass_has_an_order_of_its_own():
    batches = Batches(pairs(50), 50, gen())
    one, two = batches.draw().users, batches.draw().users
    assert not torch.equal(one, two)
    assert not torch.equal(one, torch.arange(50))
    assert torch.equal(one, Batches(pairs(50), 50, gen()).draw().users)


@pytest.mark.parametrize("drawn", [0, 1, 3, 4, 5])
def test_going_on_from_a_state_draws_the_same_batches(drawn):
    batches = Batches(pairs(10), 3, gen())  # four batches a pass
    for _ in range(drawn):
        batches.draw()
    state = batches.state_dict()
    expected = [batches.draw().users for _ in range(9)]
    other = Batches(pairs(10), 3, gen(9))
    other.draw()
    other.load_state_dict(state)
    assert all(torch.equal(other.draw().users, users) for users in expected)


def test_batches_of_no_size_are_refused():
    with pytest.raises(ValueError, match="batch_size must be at least 1, found 0"):
        Batches(pairs(3), 0, gen())


def csr(rows):
    ptr = torch.tensor([0, *map(len, rows)]).cumsum(0)
    return UserItems(ptr, torch.tensor([i for row in rows for i in sorted(row)], dtype=torch.int64))


ROWS = st.lists(st.sets(st.integers(0, 5), max_size=5), min_size=1, max_size=6)


@given(rows=ROWS, seed=st.integers(0, 999))
def test_a_negative_is_never_a_seen_item(rows, seed):
    """Up to five of six items are seen: drawing again a few times would not do."""
    users = torch.arange(len(rows)).flip(0).repeat(2)
    drawn = unseen_negatives(users, csr(rows), 6, 7, gen(seed))
    assert drawn.shape == (len(users), 7)
    for user, items in zip(users.tolist(), drawn.tolist(), strict=True):
        assert set(items) <= set(range(6)) - rows[user]


def test_negatives_are_uniform_over_the_unseen_items():
    rows = [{0, 3, 5}, set(), {1, 2, 3, 4, 5}, {0}, {5}]
    drawn = unseen_negatives(torch.arange(5), csr(rows), 6, 6000, gen())
    for row, items in zip(rows, drawn, strict=True):
        counts = torch.bincount(items, minlength=6)
        free = 6 - len(row)
        for item, count in enumerate(counts.tolist()):
            assert count == 0 if item in row else abs(count - 6000 / free) < 200, (row, item)  # 5 sd


def test_a_user_who_has_seen_everything_gets_any_item():
    drawn = unseen_negatives(torch.tensor([1, 0]), csr([{0, 1, 2}, {1}]), 3, 300, gen())
    assert set(drawn[1].tolist()) == {0, 1, 2}
    assert set(drawn[0].tolist()) == {0, 2}


def test_shared_negatives_are_uniform_and_reproducible():
    drawn = shared_negatives(6000, 6, gen())
    assert torch.equal(drawn, shared_negatives(6000, 6, gen()))
    assert all(abs(count - 1000) < 150 for count in torch.bincount(drawn, minlength=6).tolist())
    assert shared_negatives(0, 6, gen()).shape == (0,)

"""Items by popularity: their frequencies are their weights, and no seen item is ever a negative."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from supernet.data.dataset import UserItems
from supernet.data.popularity import TOTAL, popularity, shared_weighted, unseen_weighted
from supernet.training.losses import SAMPLINGS, draw_negatives
from supernet.training.recipe import Recipe

ROWS = [{0, 3, 5}, {0}, {1, 2, 3, 4, 5}, {0, 5}, {0, 5}, set()]
DEGREES = torch.tensor([4.0, 1, 1, 2, 1, 4])


def gen(seed=0):
    return torch.Generator().manual_seed(seed)


def csr(rows):
    ptr = torch.tensor([0, *map(len, rows)]).cumsum(0)
    return UserItems(ptr, torch.tensor([i for row in rows for i in sorted(row)], dtype=torch.int64))


def assert_frequencies(items, weights):
    """Within five standard deviations of what is expected; never where the weight is zero."""
    share, n = weights / weights.sum(), items.numel()
    counts = torch.bincount(items, minlength=len(weights)).double()
    assert bool(((counts - n * share).abs() <= 5 * (n * share * (1 - share)).sqrt()).all()), counts
    assert bool((counts[weights == 0] == 0).all())


@pytest.mark.parametrize("exponent", [0.0, 0.75, 1.0, 2.0])
def test_weights_are_a_power_of_the_degree(exponent):
    weights = popularity(csr(ROWS), 6, exponent)
    assert weights.dtype == torch.int64
    share = DEGREES.double().pow(exponent) / DEGREES.double().pow(exponent).sum()
    torch.testing.assert_close(weights.double() / TOTAL, share, rtol=1e-9, atol=0.0)


def test_an_item_that_nobody_has_seen_may_be_drawn():
    weights = popularity(csr([{0, 1}, {1}]), 4, 1.0)
    torch.testing.assert_close(weights.double() / TOTAL, torch.tensor([1.0, 2, 1, 1]).double() / 5)
    assert int(popularity(csr([set(range(2))] * 9), 3, 99.0).min()) >= 1


@pytest.mark.parametrize("exponent", [0.0, 0.75, 2.0])
def test_shared_items_are_drawn_by_weight(exponent):
    items = shared_weighted(60_000, popularity(csr(ROWS), 6, exponent), gen())
    assert_frequencies(items, DEGREES.double().pow(exponent))


@pytest.mark.parametrize("exponent", [0.0, 0.75, 2.0])
def test_unseen_items_are_drawn_by_weight(exponent):
    users = torch.tensor([5, 0, 1, 2, 3, 4])
    drawn = unseen_weighted(users, csr(ROWS), popularity(csr(ROWS), 6, exponent), 20_000, gen())
    assert drawn.shape == (6, 20_000)
    for user, items in zip(users.tolist(), drawn, strict=True):
        weights = DEGREES.double().pow(exponent)
        weights[list(ROWS[user])] = 0
        assert_frequencies(items, weights)


@given(
    rows=st.lists(st.sets(st.integers(0, 5), max_size=5), min_size=1, max_size=6),
    weights=st.lists(st.integers(1, 5), min_size=6, max_size=6),
    seed=st.integers(0, 999),
)
def test_a_negative_is_never_a_seen_item(rows, weights, seed):
    """Small whole weights meet every border."""
    users = torch.arange(len(rows)).flip(0).repeat(2)
    drawn = unseen_weighted(users, csr(rows), torch.tensor(weights), 9, gen(seed))
    for user, items in zip(users.tolist(), drawn.tolist(), strict=True):
        assert set(items) <= set(range(6)) - rows[user]


def test_every_point_of_the_line_falls_in_its_item(monkeypatch):
    """Items of weights 2, 1, 3, 2, of which 0 and 2 are seen, leave one point of item 1 and two of item 3."""
    monkeypatch.setattr(torch, "rand", lambda *shape, **_: torch.tensor([[0.0, 0.34, 0.99]]).double())
    drawn = unseen_weighted(torch.tensor([0]), csr([{0, 2}]), torch.tensor([2, 1, 3, 2]), 3, gen())
    assert drawn.tolist() == [[1, 3, 3]]


def test_a_user_who_has_seen_everything_gets_any_item():
    rows = [{0, 1, 2}, {1}]
    drawn = unseen_weighted(torch.tensor([1, 0]), csr(rows), torch.tensor([1, 1, 2]), 8000, gen())
    assert_frequencies(drawn[1], torch.tensor([1.0, 1, 2]).double())
    assert_frequencies(drawn[0], torch.tensor([1.0, 0, 2]).double())


def test_draws_repeat_with_their_generator():
    weights = popularity(csr(ROWS), 6, 0.75)
    assert torch.equal(shared_weighted(50, weights, gen(3)), shared_weighted(50, weights, gen(3)))
    assert shared_weighted(0, weights, gen()).shape == (0,)


@pytest.mark.parametrize("recipe", [Recipe(loss="bpr", negatives=3, sampling=how) for how in SAMPLINGS[:2]])
def test_what_is_searched_is_made_once_and_draws_stay_the_same(recipe, monkeypatch):
    """Steps that share one `seen` look at all pairs in the first one alone."""
    users, made = torch.tensor([5, 0, 1, 2, 3, 4]), []
    spy = lambda counts, **how: made.append(counts) or repeat(counts, **how)  # noqa: E731
    repeat = torch.repeat_interleave
    alone = [draw_negatives(users, csr(ROWS), 6, recipe, gen(k)) for k in range(3)]
    monkeypatch.setattr(torch, "repeat_interleave", spy)
    seen = csr(ROWS)
    shared = [draw_negatives(users, seen, 6, recipe, gen(k)) for k in range(3)]
    assert len(made) == 1
    assert all(torch.equal(a, b) for a, b in zip(alone, shared, strict=True))


def test_another_exponent_has_its_own_weights_and_draws():
    users, seen = torch.tensor([5, 0, 1, 2, 3, 4]).repeat(50), csr(ROWS)
    for exponent in (0.0, 2.0, 0.0):
        recipe = Recipe(loss="bpr", negatives=3, sampling="popularity", popularity=exponent)
        expected = draw_negatives(users, csr(ROWS), 6, recipe, gen())
        assert torch.equal(draw_negatives(users, seen, 6, recipe, gen()), expected)

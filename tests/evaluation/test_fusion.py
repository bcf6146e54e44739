"""Late fusion: the formula, and what it must not depend on."""

import pytest
import torch

from supernet.evaluation.fusion import fused

USERS, ITEMS = 6, 9


@pytest.fixture
def scores():
    generator = torch.Generator().manual_seed(3)
    return torch.randn(2, USERS, ITEMS, generator=generator, dtype=torch.float64)


def of(table):
    return lambda users: table[users].clone()


@pytest.mark.parametrize("share", [0.0, 0.2, 1.5])
def test_both_are_added_in_units_of_each_users_spread(scores, share):
    a, b = scores
    x, y = a.numpy(), b.numpy()
    expected = x / x.std(axis=1)[:, None] + share * y / y.std(axis=1)[:, None]
    users = torch.tensor([4, 0, 4])
    torch.testing.assert_close(fused(of(a), of(b), share)(users), torch.from_numpy(expected)[users])


def test_scale_does_not_count(scores):
    a, b = scores
    users, factor = torch.arange(USERS), torch.linspace(0.1, 50, USERS, dtype=torch.float64)[:, None]
    torch.testing.assert_close(
        fused(of(a * factor), of(b / factor), 0.3)(users), fused(of(a), of(b), 0.3)(users)
    )


def test_equal_scores_add_nothing(scores):
    a, users = scores[0], torch.arange(USERS)
    flat = torch.full_like(a, 0.7)
    torch.testing.assert_close(fused(of(a), of(flat), 5.0)(users), fused(of(a), of(a), 0.0)(users))
    assert fused(of(flat), of(a), 1.0)(users).isfinite().all()

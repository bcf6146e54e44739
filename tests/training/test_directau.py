"""Alignment and uniformity against distances in a loop."""

import math
from dataclasses import replace
from itertools import combinations
from types import SimpleNamespace

import pytest
import torch

from ops.mixture import ScoreMixture
from supernet.data.sampling import Batch
from supernet.model.recommender import Vectors
from supernet.training.fit import fit
from supernet.training.losses import batch_loss
from supernet.training.recipe import Recipe

USERS, ITEMS = torch.tensor([0, 1, 1, 3]), torch.tensor([2, 0, 2, 4])
BATCH = Batch(USERS, ITEMS, torch.zeros(0, dtype=torch.long))
RECIPE = Recipe(loss="directau", uniformity=0.7)
MODEL = SimpleNamespace(score=ScoreMixture(("dot",), 3))


@pytest.fixture
def vectors():
    generator = torch.Generator().manual_seed(0)
    return Vectors(*(3 * torch.randn(n, 3, generator=generator).requires_grad_() for n in (4, 6)))


def by_hand(vectors, gamma):
    """Distances on the sphere, pair by pair; pairs of the batch with one user have the distance 0."""
    sides = [[x / x.norm() for x in v[k]] for v, k in zip(vectors, (USERS, ITEMS), strict=True)]
    alignment = sum((u - i).square().sum() for u, i in zip(*sides, strict=True)) / len(USERS)
    spread = []
    for side in sides:
        terms = [torch.exp(-2 * (a - b).square().sum()) for a, b in combinations(side, 2)]
        spread.append(torch.log(sum(terms) / len(terms)))
    return alignment + gamma * (spread[0] + spread[1]) / 2


@pytest.mark.parametrize("similarity", ["cosine", "score"])
def test_is_its_formula(similarity, vectors):
    actual = batch_loss(MODEL, vectors, BATCH, replace(RECIPE, similarity=similarity))
    expected = by_hand(vectors, 0.7)
    torch.testing.assert_close(actual, expected)
    for a, b in zip(*(torch.autograd.grad(x, vectors) for x in (actual, expected)), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
        assert bool(a.any())


def test_the_gradient_is_that_of_its_values():
    """Against differences, and once more."""
    generator = torch.Generator().manual_seed(1)
    inputs = [torch.randn(n, 3, generator=generator, dtype=torch.float64).requires_grad_() for n in (4, 6)]

    def loss(user, item):
        return batch_loss(MODEL, Vectors(user, item), BATCH, RECIPE)

    assert torch.autograd.gradcheck(loss, inputs)
    assert torch.autograd.gradgradcheck(loss, inputs)


def test_one_pair_is_aligned_alone(vectors):
    loss = batch_loss(MODEL, vectors, Batch(USERS[:1], ITEMS[:1], BATCH.negatives), RECIPE)
    cosine = torch.nn.functional.cosine_similarity(vectors.user[0], vectors.item[2], dim=0)
    torch.testing.assert_close(loss, 2 - 2 * cosine)


def test_vectors_of_one_direction_are_least_uniform():
    same = Vectors(torch.ones(4, 3), torch.ones(6, 3))
    assert batch_loss(MODEL, same, BATCH, RECIPE).item() == pytest.approx(0.0, abs=1e-6)
    apart = Vectors(torch.eye(4), torch.eye(6, 4))
    users = math.log((5 * math.exp(-4) + 1) / 6)  # user 1 twice
    assert batch_loss(MODEL, apart, BATCH, replace(RECIPE, uniformity=1e6)).item() < 1e6 * users / 2


def test_it_trains_without_negatives(tiny):
    recipe = replace(RECIPE, epochs=20, batch_size=20, lr=0.05)
    result = fit(tiny.model(), tiny.graph, tiny.train, tiny.seen, recipe, torch.Generator().manual_seed(0))
    assert result.history[-1].loss < result.history[0].loss - 0.1

"""The blocked potential equals a loop over pairs, in value, gradient and gradient of the gradient."""

from itertools import combinations

import pytest
import torch

from ops import uniformity as module
from ops.uniformity import plain_uniformity, uniformity

POINTS, DIM = 13, 4


@pytest.fixture(params=[1 << 20, 3 * POINTS, 1], ids=["one block", "blocks", "a row each"])
def points(request, monkeypatch, dtype, device):
    monkeypatch.setattr(module, "CHUNK", request.param)
    x = torch.randn(POINTS, DIM, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x[5] = x[2]  # one point twice
    return torch.nn.functional.normalize(x, dim=1).to(device, dtype).requires_grad_()


def by_hand(x):
    terms = [torch.exp(-2 * (x[a] - x[b]).square().sum()) for a, b in combinations(range(len(x)), 2)]
    return torch.log(sum(terms) / len(terms))


def on_the_sphere(x):
    """Only what moves a point along the sphere: off it the two forms of the distance differ."""
    return torch.nn.functional.normalize(x, dim=1)


def test_it_is_the_mean_over_pairs(points, assert_same):
    unit = on_the_sphere(points)
    assert_same(uniformity(unit), by_hand(unit), [points])
    assert_same(plain_uniformity(unit), by_hand(unit), [points])


def test_it_can_be_differentiated_twice(points, assert_same_twice):
    unit = on_the_sphere(points)
    assert_same_twice(uniformity(unit), plain_uniformity(unit), [points])


def test_points_in_one_place_have_zero(dtype, device):
    x = torch.nn.functional.normalize(torch.ones(7, 3, dtype=dtype, device=device), dim=1)
    torch.testing.assert_close(uniformity(x), x.new_zeros(()), rtol=0.0, atol=1e-5)

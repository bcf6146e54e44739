"""GF-CF and ChebyCF against the same formula with dense matrices."""

import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.interpolate import BarycentricInterpolator

from supernet.data.dataset import Pairs
from supernet.evaluation.baselines import cheby_cf, gf_cf
from supernet.evaluation.closed_forms import filters

from .conftest import planted


def normalised(dense):
    seen = dense.numpy().astype(float)
    owners, degree = np.maximum(seen.sum(1), 1), np.maximum(seen.sum(0), 1)
    return seen, seen / np.sqrt(np.outer(owners, degree)), degree


@pytest.mark.parametrize("rank", [1, 3, 11])
def test_gf_cf_equals_the_dense_formula(rank):
    dense, train = planted()
    seen, scaled, degree = normalised(dense)
    vectors = np.linalg.svd(scaled)[2][:rank].T
    low = np.diag(degree**-0.5) @ vectors @ vectors.T @ np.diag(degree**0.5)
    expected = torch.from_numpy(seen @ (scaled.T @ scaled + 0.3 * low)).float()
    users = torch.tensor([4, 0, 29, 11])
    actual = gf_cf(train, 30, 12, rank=rank)(users)
    torch.testing.assert_close(actual, expected[users], rtol=1e-4, atol=1e-5)


def test_gf_cf_of_one_user_keeps_to_what_there_is():
    train = Pairs(torch.tensor([0, 0]), torch.tensor([0, 2]))
    scores = gf_cf(train, 1, 3)(torch.tensor([0]))
    torch.testing.assert_close(scores, torch.tensor([[1.3, 0.0, 1.3]]))


def plateau(eigenvalues, order, flatness):
    """The interpolating polynomial of degree `order`, by its nodes, at eigenvalues of R̃ᵀR̃ in [0, 1]."""
    steps = np.arange(order + 1)
    nodes, ends = np.cos((steps + 0.5) * np.pi / (order + 1)), np.cos(steps * np.pi / order)
    values = [0.5 + 0.5 * x**flatness if x >= 0 else 0.5 - 0.5 * (-x) ** flatness for x in ends]
    return BarycentricInterpolator(nodes, values)(2 * eigenvalues - 1)


@pytest.mark.parametrize("power", [0.0, 0.4])
@pytest.mark.parametrize(("order", "flatness"), [(1, 1.0), (2, 3.0), (8, 1.5)])
def test_cheby_cf_equals_the_eigendecomposition(order, flatness, power):
    dense, train = planted()
    seen, scaled, degree = normalised(dense)
    eigenvalues, vectors = np.linalg.eigh(scaled.T @ scaled)
    low = vectors[:, -3:] @ vectors[:, -3:].T
    filtered = vectors @ np.diag(plateau(eigenvalues, order, flatness)) @ vectors.T + 0.7 * low
    expected = torch.from_numpy(seen @ np.diag(degree**-power) @ filtered @ np.diag(degree**power)).float()
    score = cheby_cf(train, 30, 12, order=order, flatness=flatness, rank=3, low_pass=0.7, power=power)
    torch.testing.assert_close(score(torch.arange(30)), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(score(torch.tensor([4, 29, 11])), expected[[4, 29, 11]], rtol=1e-4, atol=1e-5)


def test_the_plateau_rises_from_0_to_1_about_a_half():
    coefficients = filters.plateau_coefficients(8, 3.0)
    outermost = np.cos(np.pi / 18)
    values = np.polynomial.chebyshev.chebval([-outermost, 0.0, outermost], coefficients)
    np.testing.assert_allclose(values, [0, 0.5, 1], atol=1e-6)


def test_subspace_iteration_finds_nearly_the_best_vectors():
    """A block narrower than the matrix: orthonormal, and with the energy of the true singular vectors."""
    seen = sparse.random_array((400, 300), density=0.05, rng=np.random.default_rng(0), format="csr")
    scaled = seen.astype(np.float32)
    vectors = filters._right_singular_vectors(scaled, 20, seed=1)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(20), atol=1e-5)
    best = np.linalg.svd(scaled.toarray(), compute_uv=False)[:20]
    assert np.linalg.norm(scaled @ vectors) ** 2 > 0.995 * (best**2).sum()


@pytest.mark.parametrize(
    ("build", "options", "message"),
    [
        (gf_cf, {"rank": 0}, "rank ≥ 1, found 0"),
        (cheby_cf, {"rank": 0}, "rank ≥ 1, found 0"),
        (cheby_cf, {"order": 0}, "order ≥ 1 and flatness above 0, found 0"),
        (cheby_cf, {"flatness": 0.0}, "flatness above 0, found 8 and 0.0"),
    ],
)
def test_impossible_settings_are_refused(build, options, message):
    with pytest.raises(ValueError, match=message):
        build(planted()[1], 30, 12, **options)

"""The dominant eigenvalue against that of a known Hessian."""

import math

import pytest
import torch

from supernet.search import eigenvalue
from supernet.search.eigenvalue import ITERATIONS, NEAR, dominant_eigenvalue

SEEDS = range(8)

SPECTRA = [
    [5.0, 1.0, 0.5, -2.0],
    [1.0, -7.0, 0.2, 3.0],
    [1.0, -1.0, 0.1, 0.1],
    [1.0, -0.95, 0.1, 0.2],
    [-1.0, 0.95, 0.1, 0.2],
    [-1.0, 0.99, -0.98, 0.97],
    [4.0, 3.0, 2.0, 1.0],
    [-4.0, -3.9, -2.0, -1.0],
    [2.0, 2.0, 2.0, 2.0],
    [0.0, 0.0, 0.0, -1e-6],
    [0.0, 0.0, 0.0, 0.0],
]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def quadratic(spectrum, shapes, seed=0, dtype=torch.float64):
    """A loss whose Hessian has these eigenvalues, and the alphas, of these shapes, that it reads."""
    size = len(spectrum)
    turn = torch.linalg.qr(torch.randn(size, size, generator=generator(seed), dtype=torch.float64))[0]
    hessian = (turn @ torch.diag(torch.tensor(spectrum, dtype=torch.float64)) @ turn.T).to(dtype)
    alphas = [torch.zeros(n, dtype=dtype, requires_grad=True) for n in shapes]

    def loss():
        x = torch.cat(alphas)
        return 0.5 * x @ hessian @ x + x.sum()

    return loss, alphas


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("spectrum", SPECTRA, ids=str)
def test_of_a_quadratic_it_is_that_of_its_matrix(spectrum, dtype):
    """From every start, whether or not another of the other sign is as large: then the positive."""
    expected = max(spectrum, key=lambda value: (abs(value), value))
    for seed in SEEDS:
        loss, alphas = quadratic(spectrum, (1, 3), seed, dtype)
        found = dominant_eigenvalue(loss, alphas, generator(100 + seed))
        assert found == pytest.approx(expected, rel=NEAR, abs=1e-9)


@pytest.mark.parametrize("value", [3.0, -3.0, 0.0])
def test_of_one_alpha_it_is_the_second_derivative(value):
    loss, alphas = quadratic([value], (1,))
    assert dominant_eigenvalue(loss, alphas, generator()) == pytest.approx(value)


@pytest.mark.parametrize("edges", [(1.0, -0.9), (0.9, -1.0)], ids=str)
def test_of_many_alphas_a_few_products_come_near(monkeypatch, edges):
    """Sixty alphas with eigenvalues all over: no more products than it says, and less than 2 % off."""
    real, calls = eigenvalue.products, []

    def counted(*arguments):
        calls.append(1)
        return real(*arguments)

    monkeypatch.setattr(eigenvalue, "products", counted)
    spectrum = [*edges, *torch.linspace(-0.6, 0.6, 58, dtype=torch.float64).tolist()]
    for seed in SEEDS:
        calls.clear()
        found = dominant_eigenvalue(*quadratic(spectrum, (10, 20, 30), seed), generator(100 + seed))
        assert found == pytest.approx(max(edges, key=abs), rel=0.02)
        assert len(calls) <= ITERATIONS


def test_of_a_linear_loss_it_is_zero():
    alphas = [torch.zeros(3, requires_grad=True)]
    assert dominant_eigenvalue(lambda: alphas[0].sum(), alphas, generator()) == 0.0


def test_of_a_loss_that_has_diverged_it_is_not_a_number():
    alphas = [torch.zeros(3, requires_grad=True)]
    assert math.isnan(dominant_eigenvalue(lambda: math.inf * alphas[0].square().sum(), alphas, generator()))


def test_dropped_candidates_take_no_part():
    alpha = torch.tensor([0.3, -float("inf"), -0.2, 0.1], requires_grad=True)
    kept = torch.tensor([0.3, -0.2, 0.1], requires_grad=True)

    def loss(x, target):
        return (x.softmax(0) - target).square().sum()

    target = torch.tensor([0.9, 0.0, 0.1, 0.0])
    found = dominant_eigenvalue(lambda: loss(alpha, target), [alpha], generator())
    expected = torch.autograd.functional.hessian(lambda x: loss(x, target[[0, 2, 3]]), kept)
    assert found == pytest.approx(max(torch.linalg.eigvalsh(expected).tolist(), key=abs), rel=NEAR)

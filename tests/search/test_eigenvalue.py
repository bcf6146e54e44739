"""The dominant eigenvalue against that of a known Hessian."""

import pytest
import torch

from supernet.search.eigenvalue import dominant_eigenvalue


def generator():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("spectrum", [[5.0, 1.0, 0.5, -2.0], [1.0, -7.0, 0.2, 3.0]])
def test_of_a_quadratic_it_is_that_of_its_matrix(spectrum):
    turn = torch.linalg.qr(torch.randn(4, 4, generator=generator(), dtype=torch.float64))[0]
    hessian = turn @ torch.diag(torch.tensor(spectrum, dtype=torch.float64)) @ turn.T
    alphas = [torch.zeros(n, dtype=torch.float64, requires_grad=True) for n in (1, 3)]

    def loss():
        x = torch.cat(alphas)
        return 0.5 * x @ hessian @ x + x.sum()

    found = dominant_eigenvalue(loss, alphas, generator(), iterations=100)
    assert found == pytest.approx(max(spectrum, key=abs), rel=1e-2)


def test_of_a_linear_loss_it_is_zero():
    alphas = [torch.zeros(3, requires_grad=True)]
    assert dominant_eigenvalue(lambda: alphas[0].sum(), alphas, generator()) == 0.0


def test_dropped_candidates_take_no_part():
    alpha = torch.tensor([0.3, -float("inf"), -0.2, 0.1], requires_grad=True)
    kept = torch.tensor([0.3, -0.2, 0.1], requires_grad=True)

    def loss(x, target):
        return (x.softmax(0) - target).square().sum()

    target = torch.tensor([0.9, 0.0, 0.1, 0.0])
    found = dominant_eigenvalue(lambda: loss(alpha, target), [alpha], generator(), 200)
    expected = torch.autograd.functional.hessian(lambda x: loss(x, target[[0, 2, 3]]), kept)
    assert found == pytest.approx(max(torch.linalg.eigvalsh(expected).tolist(), key=abs), rel=1e-2)

"""Vectors of length one: value, both derivatives, and zero vectors."""

import torch
import torch.nn.functional as F

from ops.sphere import unit_rows


def rows(*shape, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=dtype)


def test_equals_torch_and_differentiates_twice(device):
    for shape in ((5, 3), (4, 2, 3)):
        x = rows(*shape).to(device).requires_grad_()
        torch.testing.assert_close(unit_rows(x), F.normalize(x, dim=-1))
        assert torch.autograd.gradcheck(unit_rows, x)
        assert torch.autograd.gradgradcheck(unit_rows, x)


def test_a_zero_vector_stays_zero_and_harms_no_derivative():
    x = rows(3, 4, dtype=torch.float32)
    x[1] = 0.0
    x.requires_grad_()
    out = unit_rows(x)
    (slope,) = torch.autograd.grad((out * torch.arange(12.0).view(3, 4)).sum(), x, create_graph=True)
    (curve,) = torch.autograd.grad(slope.square().sum(), x)
    assert all(bool((t[1] == 0).all()) and bool(t.isfinite().all()) for t in (out, slope, curve))
    assert bool((curve[[0, 2]] != 0).all())

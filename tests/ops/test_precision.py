"""Products from rounded inputs: how far they are off, and that the setting ends with its block."""

import pytest
import torch

from ops.precision import rounded_products


def test_products_are_near_and_the_setting_is_put_back():
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(512, 64, generator=generator) for _ in range(2))
    exact, before = a @ b.t(), torch.get_float32_matmul_precision()
    with rounded_products():
        assert torch.get_float32_matmul_precision() == "medium"
        near = a @ b.t()
    assert torch.get_float32_matmul_precision() == before
    assert near.dtype == torch.float32
    # bfloat16 keeps 8 bits: each factor is off by at most 2^-9 of itself
    assert float((near - exact).abs().max()) <= 2**-8 * float((a.abs() @ b.abs().t()).max())
    assert torch.equal(a @ b.t(), exact)


def test_the_setting_is_put_back_after_an_error():
    before = torch.get_float32_matmul_precision()
    with pytest.raises(ZeroDivisionError), rounded_products():
        1 / 0  # noqa: B018
    assert torch.get_float32_matmul_precision() == before


def test_switched_off_it_changes_nothing():
    with rounded_products(enabled=False):
        assert torch.get_float32_matmul_precision() == "highest"

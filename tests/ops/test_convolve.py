import pytest
import torch

from ops.convolve import CONVOLUTIONS

N, DIM = 5, 4

REFERENCE = {  # x: target, m: message, w: weights by name
    "light": lambda x, m, w: m,
    "skip": lambda x, m, w: x,
    "gcn": lambda x, m, w: m @ w["weight"],
    "sage": lambda x, m, w: torch.cat([x, m], dim=1) @ torch.cat([w["own"], w["neighbours"]]),
    "gin": lambda x, m, w: ((1 + w["epsilon"]) * x + m) @ w["weight"],
    "ngcf": lambda x, m, w: x @ w["linear"] + m @ w["linear"] + (x * m) @ w["product"],
}


def test_every_registered_convolution_has_a_reference():
    assert set(REFERENCE) == set(CONVOLUTIONS)


@pytest.mark.parametrize("name", list(CONVOLUTIONS))
def test_is_the_dense_formula(name, leaf, initialised, assert_same):
    module = initialised(CONVOLUTIONS[name](DIM))
    target, message = leaf(N, DIM), leaf(N, DIM)
    weights = dict(module.named_parameters())
    expected = REFERENCE[name](target, message, weights)
    assert_same(module(target, message), expected, [target, message, *weights.values()])


@pytest.mark.parametrize("dtype", [torch.float64], ids=["float64"])
@pytest.mark.parametrize("name", list(CONVOLUTIONS))
def test_is_the_dense_formula_in_second_derivatives(name, leaf, initialised, assert_same_twice):
    module = initialised(CONVOLUTIONS[name](DIM))
    target, message = leaf(N, DIM), leaf(N, DIM)
    weights = dict(module.named_parameters())
    expected = REFERENCE[name](target, message, weights)
    assert_same_twice(module(target, message), expected, [target, message, *weights.values()])


@pytest.mark.parametrize("name", list(CONVOLUTIONS))
def test_relabelling_nodes_relabels_the_output(name, leaf, initialised):
    module = initialised(CONVOLUTIONS[name](DIM))
    target, message, order = leaf(N, DIM), leaf(N, DIM), torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(module(target[order], message[order]), module(target, message)[order])

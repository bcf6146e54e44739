import pytest
import torch

from ops.convolve import CONVOLUTIONS

N, DIM = 5, 4

REFERENCE = {  # x: target, m: message, w: weights by name; x0: the features
    "light": lambda x, m, w, x0: m,
    "skip": lambda x, m, w, x0: x,
    "gcn": lambda x, m, w, x0: m @ w["weight"],
    "sage": lambda x, m, w, x0: torch.cat([x, m], dim=1) @ torch.cat([w["own"], w["neighbours"]]),
    "gin": lambda x, m, w, x0: ((1 + w["epsilon"]) * x + m) @ w["weight"],
    "ngcf": lambda x, m, w, x0: x @ w["linear"] + m @ w["linear"] + (x * m) @ w["product"],
    "hadamard": lambda x, m, w, x0: x * m,
    "residual": lambda x, m, w, x0: 0.9 * m + 0.1 * x0,
}


def test_every_registered_convolution_has_a_reference():
    assert set(REFERENCE) == set(CONVOLUTIONS)


@pytest.fixture(params=list(CONVOLUTIONS))
def computed(request, leaf, initialised):
    """What a convolution gives, what its formula gives, and the leaves of both."""
    module = initialised(CONVOLUTIONS[request.param](DIM))
    target, message, features = leaf(N, DIM), leaf(N, DIM), leaf(N, DIM)
    weights = dict(module.named_parameters())
    expected = REFERENCE[request.param](target, message, weights, features)
    return module(target, message, features), expected, [target, message, features, *weights.values()]


def test_is_the_dense_formula(computed, assert_same):
    assert_same(*computed)


@pytest.mark.parametrize("dtype", [torch.float64], ids=["float64"])
def test_is_the_dense_formula_in_second_derivatives(computed, assert_same_twice):
    assert_same_twice(*computed)


@pytest.mark.parametrize("dtype", [torch.float64], ids=["float64"])
@pytest.mark.parametrize("name", list(CONVOLUTIONS))
@pytest.mark.parametrize("constant", [(0,), (1,), (0, 1)], ids=["target", "message", "both"])
def test_what_needs_no_gradient_does_not_stop_second_derivatives(
    name, constant, leaf, initialised, assert_same_twice
):
    """A text that is read as it is; the zero message of `none`."""
    module = initialised(CONVOLUTIONS[name](DIM))
    x = [leaf(N, DIM) for _ in range(3)]
    for k in constant:
        x[k].requires_grad_(False)
    weights = dict(module.named_parameters())
    expected = REFERENCE[name](x[0], x[1], weights, x[2])
    leaves = [v for v in (*x, *weights.values()) if v.requires_grad]
    assert_same_twice(module(*x), expected, leaves)


@pytest.mark.parametrize("name", list(CONVOLUTIONS))
def test_relabelling_nodes_relabels_the_output(name, leaf, initialised):
    module = initialised(CONVOLUTIONS[name](DIM))
    x, order = [leaf(N, DIM) for _ in range(3)], torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(module(*(part[order] for part in x)), module(*x)[order])


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_residual_has_any_share(share, leaf, assert_same):
    target, message, features = leaf(N, DIM), leaf(N, DIM), leaf(N, DIM)
    out = CONVOLUTIONS[f"residual({share})"](DIM)(target, message, features)
    assert_same(out, (1 - share) * message + share * features, [target, message, features])


def test_a_residual_without_features_fails(leaf):
    with pytest.raises(AssertionError, match="reads the features"):
        CONVOLUTIONS["residual"](DIM)(leaf(N, DIM), leaf(N, DIM))
